//! What the offline doctor is given: the shape of a case file.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;

/// Events and remarks, as an operator has them; every field may be absent and unknown ones are ignored.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct FieldCase {
    /// Events of any server.
    #[serde(default)]
    pub events: Vec<FieldEvent>,
    /// Remarks on environment and symptoms, in plain words.
    #[serde(default)]
    pub notes: Vec<String>,
}

/// One event, whole or in part.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct FieldEvent {
    /// Its number.
    #[serde(default)]
    pub id: Option<i64>,
    /// Who logged it, for example `MSExchangeMTA`.
    #[serde(default)]
    pub source: Option<String>,
    /// Its category.
    #[serde(default)]
    pub category: Option<String>,
    /// Its type: error, warning or information.
    #[serde(default, rename = "type")]
    pub event_type: Option<String>,
    /// The log that it stood in.
    #[serde(default)]
    pub log: Option<String>,
    /// The server that logged it, or its part: `caller` or `callee`.
    #[serde(default)]
    pub server: Option<String>,
    /// Its text; it may be wrapped, cut, or full of placeholders.
    #[serde(default)]
    pub text: Option<String>,
    /// Codes that somebody has already read out of the text.
    #[serde(default)]
    pub codes: Option<BTreeMap<String, Code>>,
}

/// A code under its name.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum Code {
    /// A number.
    Number(i64),
    /// A name, or a number that was written as text.
    Text(String),
    /// Anything else says nothing.
    Other(IgnoredAny),
}

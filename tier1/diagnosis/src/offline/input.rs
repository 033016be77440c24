//! What the offline doctor is given: the shape of a case file.

use std::collections::BTreeMap;

use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};

use super::numbers;

/// Events and remarks, as an operator has them; every field may be absent and unknown ones are ignored.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct FieldCase {
    /// Events of any server.
    #[serde(default, deserialize_with = "or_nothing")]
    pub events: Vec<FieldEvent>,
    /// Remarks on environment and symptoms, in plain words.
    #[serde(default, deserialize_with = "or_nothing")]
    pub notes: Vec<String>,
}

/// One event, whole or in part.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct FieldEvent {
    /// Its number; some tools write it as text.
    #[serde(default, deserialize_with = "number")]
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
    /// Codes that somebody has already read out of the text, by name.
    #[serde(default, deserialize_with = "by_name")]
    pub codes: BTreeMap<String, Code>,
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

/// A list; `null` is an empty one.
fn or_nothing<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// A number, also one that is written as text.
fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    Ok(match Option::<Code>::deserialize(deserializer)? {
        Some(Code::Number(number)) => Some(number),
        Some(Code::Text(text)) => numbers::parse(&text),
        Some(Code::Other(_)) | None => None,
    })
}

/// Codes by name; any other shape holds none.
fn by_name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, Code>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Codes {
        ByName(BTreeMap<String, Code>),
        Other(IgnoredAny),
    }
    Ok(match Option::<Codes>::deserialize(deserializer)? {
        Some(Codes::ByName(codes)) => codes,
        Some(Codes::Other(_)) | None => BTreeMap::new(),
    })
}

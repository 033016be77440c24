//! One event of a log, whatever it was read from.

use std::io;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};

/// One event.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Record {
    /// When it was logged; absent where the text does not say, or not in a way that can be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<Timestamp>,
    /// Its number among the records of its log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record: Option<u64>,
    /// The number of the event, without the qualifiers that a log stores in its upper half.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<u32>,
    /// Who logged it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Its category.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// Error, warning, information.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub event_type: Option<String>,
    /// The computer that logged it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// The log that it stands in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log: Option<String>,
    /// Its text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Insertion strings of a binary log.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub strings: Vec<String>,
    /// Values that are given by name.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub params: Map<String, Value>,
}

/// Why a log cannot be read. What could be read before was handed on.
#[derive(Debug, thiserror::Error)]
pub enum EventLogError {
    /// The file cannot be opened or read.
    #[error("it cannot be read")]
    Io(#[source] io::Error),
    /// It is larger than anything that is read at once.
    #[error("{octets} octets are too many for this form; export the days that matter")]
    TooLarge {
        /// How many it has.
        octets: u64,
    },
    /// Something in it is not as its form demands.
    #[error("octet {offset}: {what}")]
    Malformed {
        /// Where.
        offset: u64,
        /// What is wrong there.
        what: String,
    },
    /// A line of text is not as its form demands.
    #[error("line {line}, column {column}: {what}")]
    Line {
        /// The line, from 1.
        line: u64,
        /// The column, from 1.
        column: u64,
        /// What is wrong there.
        what: String,
    },
}

//! One event, in the shape of `bindback events --json`.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::catalogue::{Definition, definition};
use crate::words::{Category, EventType, Layer};

/// The structured parameters of an event, by name; a number is a JSON number.
pub type Params = Map<String, Value>;

/// One event as it was logged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// When it was logged.
    pub time: Timestamp,
    /// The server that logged it.
    pub server: String,
    /// The number.
    pub id: u32,
    /// The source, `MSExchangeMTA` for every event of the catalogue.
    pub source: String,
    /// The category.
    pub category: Category,
    /// The number in brackets at the end of the text; 0 where the original has none.
    pub severity: u8,
    /// The type.
    #[serde(rename = "type")]
    pub event_type: EventType,
    /// The classic rendering.
    pub text: String,
    /// Every parameter, also those that the classic rendering leaves out.
    #[serde(default)]
    pub params: Params,
    /// Where on the way to the peer it failed.
    #[serde(default)]
    pub layer: Option<Layer>,
    /// The other server.
    #[serde(default)]
    pub peer: Option<String>,
}

impl Event {
    /// The definition in the catalogue, unless the event came from elsewhere.
    #[must_use]
    pub fn definition(&self) -> Option<&'static Definition> {
        definition(self.id)
    }

    /// A parameter that is a number.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<u32> {
        let value = self.params.get(name)?;
        match value {
            Value::Number(number) => u32::try_from(number.as_u64()?).ok(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    /// A parameter that is a text.
    #[must_use]
    pub fn word(&self, name: &str) -> Option<&str> {
        self.params.get(name)?.as_str()
    }

    /// The NT or MTA error code (`code`).
    #[must_use]
    pub fn code(&self) -> Option<u32> {
        self.number("code")
    }

    /// The status of the logging server's own RPC (`comms`).
    #[must_use]
    pub fn comms(&self) -> Option<u32> {
        self.number("comms")
    }

    /// The status that the other side reported for its bind-back (`bind`).
    #[must_use]
    pub fn bind(&self) -> Option<u32> {
        self.number("bind")
    }
}

//! What an operator would look at, read from the administrative interface.

use std::path::Path;
use std::time::Duration;

use admin::api::EventQuery;
use admin::{Client, ClientError};
use jiff::Timestamp;
use serde::Serialize;

use crate::faults::{ExpectedEvent, TELLING_EVENTS};

/// How long one answer may take; the interface is local.
const PATIENCE: Duration = Duration::from_secs(10);

/// Reads one server.
#[derive(Debug, Clone)]
pub(crate) struct Observer {
    client: Client,
}

/// An event that tells of a stopped association.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TellingEvent {
    pub server: String,
    pub id: u32,
    pub code: Option<u32>,
    /// Status of the logging server's own RPC; absent on 9297.
    pub comms: Option<u32>,
    /// Status that the other side reported for its bind back; absent on 9297.
    pub bind: Option<u32>,
    pub text: String,
    /// When it was logged.
    #[serde(skip)]
    pub(crate) time: Timestamp,
}

impl Observer {
    pub(crate) fn new(socket: &Path) -> Self {
        Self { client: Client::unix(socket).patience(PATIENCE) }
    }

    /// Whether the server answers.
    pub(crate) async fn answers(&self) -> bool {
        self.client.queues().await.is_ok()
    }

    /// Messages that wait for a server.
    pub(crate) async fn waiting_for(&self, peer: &str) -> Result<u64, ClientError> {
        let rows = self.client.queues().await?;
        let rows = rows.iter().filter(|row| row.next_hop.eq_ignore_ascii_case(peer));
        Ok(rows.map(|row| row.messages).sum())
    }

    /// Messages that wait for anything.
    pub(crate) async fn waiting(&self) -> Result<u64, ClientError> {
        Ok(self.client.queues().await?.iter().map(|row| row.messages).sum())
    }

    /// Associations that stand.
    pub(crate) async fn open_associations(&self) -> Result<usize, ClientError> {
        Ok(self.client.ltab().await?.iter().filter(|row| row.state == "open").count())
    }

    /// The telling events since a time, oldest first.
    pub(crate) async fn telling_events(
        &self,
        since: Timestamp,
    ) -> Result<Vec<TellingEvent>, ClientError> {
        let query = EventQuery { since: Some(since), ..EventQuery::default() };
        let events = self.client.events(query).await?;
        Ok(events
            .into_iter()
            .filter(|event| TELLING_EVENTS.contains(&event.id) && event.time >= since)
            .map(|event| TellingEvent {
                id: event.id,
                code: event.code(),
                comms: event.comms(),
                bind: event.bind(),
                server: event.server,
                text: event.text,
                time: event.time,
            })
            .collect())
    }
}

impl TellingEvent {
    /// Whether this is what a fault was expected to cause on the server of this name.
    pub(crate) fn is(&self, expected: &ExpectedEvent, server: &str) -> bool {
        self.server.eq_ignore_ascii_case(server)
            && self.id == expected.id
            && expected.code.is_none_or(|code| self.code == Some(code))
            && expected
                .errors
                .is_none_or(|(comms, bind)| self.comms == Some(comms) && self.bind == Some(bind))
    }

    /// Server, number and codes, without the wording.
    pub(crate) fn codes(&self) -> String {
        let mut out = format!("{} event {}", self.server, self.id);
        for (name, value) in [("code", self.code), ("comms", self.comms), ("bind", self.bind)] {
            if let Some(value) = value {
                out.push_str(&format!(", {name} {value}"));
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faults::FAULTS;

    fn event(server: &str, id: u32, codes: (u32, Option<u32>, Option<u32>)) -> TellingEvent {
        let (code, comms, bind) = codes;
        let server = server.to_owned();
        TellingEvent {
            server,
            id,
            code: Some(code),
            comms,
            bind,
            text: String::new(),
            time: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn an_expectation_is_met_by_its_server_number_and_every_code() {
        let [west_call, west_bind_back, east_call, east_refusal] = FAULTS[0].expected else {
            panic!("four expectations");
        };
        assert!(event("WEST", 9318, (5, Some(5), Some(0))).is(west_call, "WEST"));
        assert!(!event("EAST", 9318, (5, Some(5), Some(0))).is(west_call, "WEST"));
        assert!(!event("WEST", 9318, (5, Some(5), Some(5))).is(west_call, "WEST"));
        assert!(!event("WEST", 9318, (1722, Some(1722), Some(0))).is(west_call, "WEST"));
        assert!(event("WEST", 9322, (5, Some(5), Some(0))).is(west_bind_back, "WEST"));
        assert!(event("EAST", 9318, (5, Some(5), Some(5))).is(east_call, "EAST"));
        assert!(event("EAST", 9297, (1326, None, None)).is(east_refusal, "EAST"));
        assert!(!event("EAST", 9297, (1317, None, None)).is(east_refusal, "EAST"));
    }

    #[test]
    fn codes_are_told_as_far_as_there_are_any() {
        let with = event("WEST", 9318, (5, Some(5), Some(0)));
        assert_eq!(with.codes(), "WEST event 9318, code 5, comms 5, bind 0");
        assert_eq!(event("EAST", 9297, (1326, None, None)).codes(), "EAST event 9297, code 1326");
    }

    #[test]
    fn events_are_written_with_every_key() {
        let json = serde_json::to_value(event("EAST", 9297, (1326, None, None))).unwrap();
        let mut keys: Vec<&String> = json.as_object().unwrap().keys().collect();
        // Their order is the writer's own matter.
        keys.sort();
        assert_eq!(keys, ["bind", "code", "comms", "id", "server", "text"]);
    }
}

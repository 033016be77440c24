//! A peer's history as it stands on disk: JSON whose keys are never renamed; the store puts a version in front.

use jiff::Timestamp;
use mta::LastError;
use serde::{Deserialize, Serialize};

use super::{Failure, PeerHistory};

/// The row of a peer.
#[derive(Serialize, Deserialize)]
struct DiskHistory {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_success_out: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_failure_out: Option<DiskFailure>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_success_in: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_failure_in: Option<DiskFailure>,
}

#[derive(Serialize, Deserialize)]
struct DiskFailure {
    time: Timestamp,
    code: u32,
    comms: u32,
    bind: u32,
    layer: String,
    text: String,
    protocol_string: String,
}

/// The octets of a history.
pub(super) fn encode(history: &PeerHistory) -> Result<Vec<u8>, serde_json::Error> {
    serde_json::to_vec(&DiskHistory {
        last_success_out: history.last_success_out,
        last_failure_out: history.last_failure_out.as_ref().map(to_disk),
        last_success_in: history.last_success_in,
        last_failure_in: history.last_failure_in.as_ref().map(to_disk),
    })
}

/// The reverse of [`encode`].
pub(super) fn decode(octets: &[u8]) -> Result<PeerHistory, serde_json::Error> {
    let row: DiskHistory = serde_json::from_slice(octets)?;
    Ok(PeerHistory {
        last_success_out: row.last_success_out,
        last_failure_out: row.last_failure_out.map(from_disk),
        last_success_in: row.last_success_in,
        last_failure_in: row.last_failure_in.map(from_disk),
    })
}

fn to_disk(failure: &Failure) -> DiskFailure {
    let LastError { code, comms, bind, layer, text } = failure.error.clone();
    let protocol_string = failure.protocol_string.clone();
    DiskFailure { time: failure.time, code, comms, bind, layer, text, protocol_string }
}

fn from_disk(row: DiskFailure) -> Failure {
    let DiskFailure { time, code, comms, bind, layer, text, protocol_string } = row;
    Failure { time, error: LastError { code, comms, bind, layer, text }, protocol_string }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(second: i64) -> Failure {
        Failure {
            time: Timestamp::from_second(second).unwrap(),
            error: LastError {
                code: 5,
                comms: 5,
                bind: 0,
                layer: "access-check".to_owned(),
                text: "denied".to_owned(),
            },
            protocol_string: "ncacn_ip_tcp:127.0.0.2[4749]".to_owned(),
        }
    }

    #[test]
    fn a_history_reads_back() {
        let whole = PeerHistory {
            last_success_out: Some(Timestamp::UNIX_EPOCH),
            last_failure_out: Some(failure(1)),
            last_success_in: Some(Timestamp::MAX),
            last_failure_in: Some(failure(2)),
        };
        for history in [PeerHistory::default(), whole] {
            assert_eq!(decode(&encode(&history).unwrap()).unwrap(), history);
        }
    }

    /// What stands on disks already: it must stay readable, word for word.
    #[test]
    fn the_first_format_is_read() {
        let row = br#"{"last_success_out":"2026-01-02T03:04:05.5Z","last_failure_in":{"time":"1970-01-01T00:00:02Z","code":5,"comms":5,"bind":0,"layer":"access-check","text":"denied","protocol_string":"ncacn_ip_tcp:127.0.0.2[4749]"},"later":1}"#;
        let history = decode(row).unwrap();
        assert_eq!(history.last_success_out.unwrap().to_string(), "2026-01-02T03:04:05.5Z");
        assert_eq!(history.last_failure_in, Some(failure(2)));
        assert_eq!((history.last_failure_out, history.last_success_in), (None, None));
        for end in 0..row.len() {
            assert!(decode(&row[..end]).is_err());
        }
    }
}

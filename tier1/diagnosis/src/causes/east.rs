//! For tests: one server alone, of which nothing is known but what the test is about.

use finding::Answer;
use jiff::Timestamp;

use crate::snapshot::{DialUpFacts, QueueFacts, ServerFacts, Snapshot};

/// What is said of EAST, with this queue and these lines.
pub(super) fn answer(queue: QueueFacts, dial_ups: Vec<DialUpFacts>) -> Answer {
    let server = ServerFacts {
        name: "EAST".to_owned(),
        config_path: Some("/srv/east.toml".to_owned()),
        queues: vec![queue],
        dial_ups,
        ..ServerFacts::default()
    };
    crate::diagnose(&Snapshot {
        now: Timestamp::UNIX_EPOCH,
        local: "EAST".to_owned(),
        servers: vec![server],
        checks: Vec::new(),
    })
}

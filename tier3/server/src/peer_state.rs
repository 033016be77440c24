//! What is remembered of each peer: its channels, and how it went last in each direction.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use mta::LastError;
use serde::{Deserialize, Serialize};

/// A failure and when it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    pub time: Timestamp,
    pub error: LastError,
    pub protocol_string: String,
}

/// How it went last with one peer, for each direction of calling.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PeerHistory {
    pub last_success_out: Option<Timestamp>,
    pub last_failure_out: Option<Failure>,
    pub last_success_in: Option<Timestamp>,
    pub last_failure_in: Option<Failure>,
}

impl PeerHistory {
    /// True when the last attempt to call the peer failed.
    #[must_use]
    pub fn out_is_failing(&self) -> bool {
        let failed = self.last_failure_out.as_ref().map(|failure| failure.time);
        failed.is_some() && failed > self.last_success_out
    }
}

/// The histories of all peers, by MTA name in upper case.
#[derive(Debug, Default)]
pub struct PeerHistories {
    peers: Mutex<HashMap<String, PeerHistory>>,
}

impl PeerHistories {
    /// What is remembered of a peer.
    #[must_use]
    pub fn get(&self, peer: &str) -> PeerHistory {
        self.lock().get(&peer.to_uppercase()).cloned().unwrap_or_default()
    }

    /// Changes what is remembered of a peer.
    pub fn update(&self, peer: &str, change: impl FnOnce(&mut PeerHistory)) {
        change(self.lock().entry(peer.to_uppercase()).or_default());
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, PeerHistory>> {
        self.peers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

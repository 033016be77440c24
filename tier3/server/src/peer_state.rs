//! What is remembered of each peer: how it went last in each direction, over restarts.
//!
//! Without it a resting or restarted server would show old refusals in its log and nothing of the mail that
//! flowed since, and the doctor would name a cause that was cured long ago.

mod disk;

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use mta::LastError;
use store::{Store, StoreError};
use tokio::sync::Notify;

/// A failure and when it was.
#[derive(Debug, Clone, PartialEq, Eq)]
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

/// The histories of all peers, by MTA name in upper case; every change is handed to the store.
#[derive(Debug)]
pub struct PeerHistories {
    peers: Mutex<HashMap<String, PeerHistory>>,
    changed: Notify,
    store: Store,
}

impl PeerHistories {
    /// Loads what the store holds. A history that cannot be read is forgotten: it helps the doctor, no mail needs it.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn open(store: Store) -> Result<Self, StoreError> {
        let mut peers = HashMap::new();
        for (name, row) in store.peers()? {
            match disk::decode(&row) {
                Ok(history) => drop(peers.insert(name, history)),
                Err(error) => eprintln!("the history of peer {name} is forgotten: {error}"),
            }
        }
        Ok(Self { peers: Mutex::new(peers), changed: Notify::new(), store })
    }

    /// What is remembered of a peer.
    #[must_use]
    pub fn get(&self, peer: &str) -> PeerHistory {
        self.lock().get(&key(peer)).cloned().unwrap_or_default()
    }

    /// Changes what is remembered of a peer.
    pub fn update(&self, peer: &str, change: impl FnOnce(&mut PeerHistory)) {
        // Kept until the change is handed on, so that the store gets changes in their order.
        let mut peers = self.lock();
        let history = peers.entry(key(peer)).or_default();
        change(history);
        let kept = disk::encode(history)
            .map_err(|error| error.to_string())
            .and_then(|row| self.store.put_peer(peer, &row).map_err(|error| error.to_string()));
        if let Err(error) = kept {
            eprintln!("the history of peer {peer} cannot be stored: {error}");
        }
        self.changed.notify_one();
    }

    /// Returns once a history has changed since the last time; for one listener.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, PeerHistory>> {
        self.peers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The name as the store folds it.
fn key(peer: &str) -> String {
    identity::upcase(peer)
}

//! What is remembered between associations: refused messages, and what broken ones left.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use mta::{SessionIdentifier, Unfinished};
use queue::MessageId;

/// Broken associations that are remembered; each may hold a whole message.
const MAX_KEPT: usize = 32;

/// A broken association of a caller, which may go on with it.
struct Kept {
    connector: String,
    until: Instant,
    unfinished: Unfinished,
}

/// The memory; in memory only: after a restart callers are told to start over.
#[derive(Default)]
pub struct Memory {
    kept: Mutex<Vec<Kept>>,
    refused: Mutex<HashMap<MessageId, u32>>,
}

impl Memory {
    /// Keeps what a caller's association left, for the connector's recovery time-out.
    pub fn keep(&self, connector: &str, unfinished: Unfinished, time: Duration) {
        let mut kept = lock(&self.kept);
        let now = Instant::now();
        kept.retain(|one| one.until > now);
        if kept.len() == MAX_KEPT {
            kept.remove(0);
        }
        kept.push(Kept { connector: connector.to_owned(), until: now + time, unfinished });
    }

    /// What a caller wants to go on with, if it is one of these connectors', and which.
    pub fn take(
        &self,
        session: &SessionIdentifier,
        connectors: &[config::X400],
    ) -> Option<(String, Unfinished)> {
        let mut kept = lock(&self.kept);
        let now = Instant::now();
        let at = kept.iter().position(|one| {
            one.until > now
                && one.unfinished.session == *session
                && connectors.iter().any(|connector| connector.name == one.connector)
        })?;
        let Kept { connector, unfinished, .. } = kept.remove(at);
        Some((connector, unfinished))
    }

    /// Counts a refusal of a message; how often it was refused now.
    pub fn refused(&self, id: MessageId) -> u32 {
        let mut refused = lock(&self.refused);
        let count = refused.entry(id).or_insert(0);
        *count += 1;
        *count
    }

    /// A message is settled.
    pub fn settled(&self, id: MessageId) {
        lock(&self.refused).remove(&id);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

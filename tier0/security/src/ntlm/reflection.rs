//! Protection against a peer that sends our own challenge back to us.

use std::{
    collections::HashSet,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// The challenges that this process has issued and that are not answered yet.
///
/// One guard is shared by all acceptors and initiators of a process: an initiator refuses a challenge that is in it,
/// since answering would let the peer log on here as us. It holds at most one entry for each live acceptor.
#[derive(Clone, Default)]
pub struct ReflectionGuard(Arc<Mutex<HashSet<[u8; 8]>>>);

impl ReflectionGuard {
    /// An empty guard.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether the challenge is one of ours.
    #[must_use]
    pub fn issued(&self, challenge: &[u8; 8]) -> bool {
        self.lock().contains(challenge)
    }

    pub(super) fn issue(&self, challenge: [u8; 8]) -> Outstanding {
        self.lock().insert(challenge);
        Outstanding { guard: self.clone(), challenge }
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<[u8; 8]>> {
        // A set is whole after every operation, so a panic elsewhere does not spoil it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for ReflectionGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ReflectionGuard({} outstanding)", self.lock().len())
    }
}

/// Keeps a challenge in the guard until it is dropped.
pub(super) struct Outstanding {
    guard: ReflectionGuard,
    challenge: [u8; 8],
}

impl Drop for Outstanding {
    fn drop(&mut self) {
        self.guard.lock().remove(&self.challenge);
    }
}

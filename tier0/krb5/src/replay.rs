//! The replay cache (RFC 4120 section 3.2.3): an authenticator counts once.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};

use sha2::{Digest, Sha256};

/// Authenticators kept at once, some 60 octets each: 700 logons a second for ten minutes.
const MAX_ENTRIES: usize = 420_000;

/// What became of an authenticator that was looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// It is new, and known from now on.
    New,
    /// It came before.
    Before,
    /// There is no room to remember it: it must be refused.
    Full,
}

/// The authenticators that were taken, for as long as their time would let them pass again.
#[derive(Debug)]
pub struct ReplayCache {
    seen: Mutex<Inner>,
    limit: usize,
}

impl Default for ReplayCache {
    fn default() -> Self {
        Self::with_limit(MAX_ENTRIES)
    }
}

#[derive(Debug, Default)]
struct Inner {
    until: HashMap<[u8; 16], i64>,
    by_time: BTreeMap<i64, Vec<[u8; 16]>>,
}

impl ReplayCache {
    /// An empty cache. One is shared by all acceptors of a service.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty cache that remembers no more than this.
    #[must_use]
    pub fn with_limit(limit: usize) -> Self {
        Self { seen: Mutex::default(), limit }
    }

    /// Looks an authenticator up by its ciphertext, and remembers it until `until` (seconds since 1970-01-01 UTC).
    pub fn look(&self, authenticator: &[u8], now: i64, until: i64) -> Seen {
        let digest: [u8; 32] = Sha256::digest(authenticator).into();
        let mut fingerprint = [0; 16];
        fingerprint.copy_from_slice(&digest[..16]);
        // The tables are whole after every operation, so a panic elsewhere does not spoil them.
        let mut inner = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        inner.forget(now);
        if inner.until.contains_key(&fingerprint) {
            return Seen::Before;
        }
        if inner.until.len() >= self.limit {
            return Seen::Full;
        }
        inner.until.insert(fingerprint, until);
        inner.by_time.entry(until).or_default().push(fingerprint);
        Seen::New
    }
}

impl Inner {
    fn forget(&mut self, now: i64) {
        while let Some(entry) = self.by_time.first_entry()
            && *entry.key() < now
        {
            for fingerprint in entry.remove() {
                self.until.remove(&fingerprint);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn once_is_enough_until_it_is_forgotten() {
        let cache = ReplayCache::new();
        assert_eq!(cache.look(b"a", 100, 400), Seen::New);
        assert_eq!(cache.look(b"b", 100, 300), Seen::New);
        assert_eq!(cache.look(b"a", 400, 700), Seen::Before);
        assert_eq!(cache.look(b"a", 401, 700), Seen::New);
        assert_eq!(cache.seen.lock().unwrap().until.len(), 1);
    }

    #[test]
    fn a_full_cache_refuses() {
        let cache = ReplayCache::with_limit(2);
        assert_eq!(cache.look(b"a", 0, 1), Seen::New);
        assert_eq!(cache.look(b"b", 0, 1), Seen::New);
        assert_eq!(cache.look(b"one more", 1, 2), Seen::Full);
        assert_eq!(cache.look(b"one more", 2, 3), Seen::New);
    }
}

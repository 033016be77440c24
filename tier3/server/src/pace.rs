//! How often something may be done for each of several names: a bucket of tokens that fills again by and by.

use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Buckets by name.
#[derive(Debug)]
pub struct Pace {
    burst: u32,
    every: Duration,
    /// When the bucket of a name will be full again.
    full_at: HashMap<String, Instant>,
}

impl Pace {
    /// `burst` at once, and one more after each `every`.
    #[must_use]
    pub fn new(burst: u32, every: Duration) -> Self {
        Self { burst, every, full_at: HashMap::new() }
    }

    /// True when it may be done once more now.
    pub fn allows(&mut self, now: Instant, name: &str) -> bool {
        let full_at = self.full_at.entry(name.to_owned()).or_insert(now);
        let next = (*full_at).max(now) + self.every;
        if next > now + self.every * self.burst {
            return false;
        }
        *full_at = next;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_and_then_one_by_one() {
        let (every, start) = (Duration::from_secs(1), Instant::now());
        let mut pace = Pace::new(3, every);
        let taken = (0..5).filter(|_| pace.allows(start, "WEST")).count();
        assert_eq!(taken, 3);
        assert!(pace.allows(start, "NORTH"), "another name has a bucket of its own");
        assert!(pace.allows(start + every, "WEST") && !pace.allows(start + every, "WEST"));
        let later = start + every * 100;
        assert_eq!((0..5).filter(|_| pace.allows(later, "WEST")).count(), 3);
    }
}

//! How long the committer rests for those who are about to ask.
//!
//! Whoever was just told that a message is on the disk has the next one ready a moment later. Without a rest the first of
//! them would be synced alone, and then the others: the fewer there are in a group, the more syncs a message costs.

use std::time::Duration;

/// Longest rest: what a sender hardly notices, also where a sync takes very long.
const MAX_REST: Duration = Duration::from_micros(500);

/// What the last group was like.
#[derive(Default)]
pub(crate) struct Pace {
    in_haste: usize,
    took: Duration,
}

impl Pace {
    /// A group was written for so many that were in haste, and took so long.
    pub(crate) fn note(&mut self, in_haste: usize, took: Duration) {
        (self.in_haste, self.took) = (in_haste, took);
    }

    /// How long to rest when so many ask; `None` when about as many are there as last time. A sender that is alone never
    /// waits.
    pub(crate) fn rest(&self, in_haste: usize) -> Option<Duration> {
        let expected = self.in_haste - self.in_haste / 4;
        (in_haste < expected).then(|| (self.took / 4).min(MAX_REST))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rest_is_for_many_and_short() {
        let (mut pace, sync) = (Pace::default(), Duration::from_micros(400));
        assert_eq!(pace.rest(1), None, "nothing is known yet");
        pace.note(1, sync);
        assert_eq!(pace.rest(1), None, "a sender that is alone");
        pace.note(64, sync);
        assert_eq!(pace.rest(10), Some(sync / 4));
        assert_eq!(pace.rest(48), None, "nearly all are there");
        pace.note(64, Duration::from_secs(1));
        assert_eq!(pace.rest(10), Some(MAX_REST));
    }
}

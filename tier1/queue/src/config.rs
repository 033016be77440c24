//! Delays and lives.

use crate::message::Priority;
use crate::name::NextHop;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

/// The rules of a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueConfig {
    /// How long a hop or a recipient waits after a failure.
    pub retry: Retry,
    /// How long a message may wait before it comes back.
    pub life: Life,
    /// How long a commit that failed waits before it is tried again, in seconds.
    pub commit_retry_s: u32,
    /// How long a dedupe key is kept, in seconds; longer than any neighbour keeps a message it may send again.
    pub seen_s: u32,
    /// How many messages the queue holds before it refuses more; they are on the disk.
    pub max_messages: usize,
    /// How many messages of a next hop and class are in memory; the others are read from the store when their
    /// turn comes.
    pub window: usize,
    /// How many messages of all next hops together are in memory: from half of them on the windows shrink, down to
    /// one message of each hop and class.
    pub in_memory: usize,
    /// How delays run.
    pub profile: Profile,
    /// The rules of every link that has none of its own.
    pub link: Link,
    /// The rules of single links.
    pub links: BTreeMap<NextHop, Link>,
    /// After how many seconds the originator of a message that still waits is warned, if at all.
    pub warn_after_s: Option<u32>,
}

impl QueueConfig {
    /// The rules of a link.
    #[must_use]
    pub fn link(&self, hop: &NextHop) -> &Link {
        self.links.get(hop).unwrap_or(&self.link)
    }

    /// How long a hop waits after so many failures in a row.
    pub(crate) fn open_delay(&self, hop: &NextHop, failures: u32, salt: u64) -> SignedDuration {
        self.delay(hop, self.link(hop).open_interval_s, failures, salt)
    }

    /// The delay of the profile; a link with rules of its own waits no longer than its interval.
    fn delay(&self, hop: &NextHop, interval_s: u32, failures: u32, salt: u64) -> SignedDuration {
        let interval = SignedDuration::from_secs(i64::from(interval_s));
        match self.profile {
            _ if self.link(hop).steady => interval,
            Profile::Growth if self.links.contains_key(hop) => {
                self.retry.delay(failures, salt).min(interval)
            }
            Profile::Growth => self.retry.delay(failures, salt),
            Profile::Classic => interval,
        }
    }

    /// How long a recipient waits after so many attempts.
    pub(crate) fn transfer_delay(&self, hop: &NextHop, attempts: u32, salt: u64) -> SignedDuration {
        self.delay(hop, self.link(hop).transfer_interval_s, attempts, salt)
    }
}

/// How delays between attempts run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Profile {
    /// They grow, with jitter, by [`Retry`].
    #[default]
    Growth,
    /// They are those of the original: the open interval of the link between attempts to open it, the transfer interval
    /// between attempts to transfer a message.
    Classic,
}

/// The rules of one link. The numbers are the original's, from its Override page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// How often a link that cannot be opened is tried again before what waits for it goes another way or comes back;
    /// without end where not given, as inside a site. With [`Profile::Growth`] it is the time that so many intervals
    /// last, however many attempts are made in it.
    pub open_retries: Option<u32>,
    /// Seconds between two attempts to open it in the classic profile, and at most in the other one where these rules are
    /// the link's own.
    pub open_interval_s: u32,
    /// Seconds between two attempts to transfer a message, likewise.
    pub transfer_interval_s: u32,
    /// The delays are these in every profile, no shorter ones at first: each attempt costs something.
    pub steady: bool,
    /// Most associations at the same time.
    pub associations: u32,
    /// How many of them are kept for urgent mail.
    pub reserved: u32,
    /// How many waiting messages are worth a further association.
    pub threshold: u32,
}

impl Default for Link {
    /// Inside a site.
    fn default() -> Self {
        Self {
            open_retries: None,
            open_interval_s: 600,
            transfer_interval_s: 120,
            steady: false,
            associations: 10,
            reserved: 1,
            threshold: 50,
        }
    }
}

impl Link {
    /// An X.400 connector: 144 attempts, 600 seconds apart.
    #[must_use]
    pub fn connector() -> Self {
        Self { open_retries: Some(144), ..Self::default() }
    }
}

impl Default for QueueConfig {
    fn default() -> Self {
        Self {
            retry: Retry::default(),
            life: Life::default(),
            commit_retry_s: 5,
            seen_s: 14 * DAY_S,
            max_messages: 1_000_000,
            window: 500,
            in_memory: 100_000,
            profile: Profile::default(),
            link: Link::default(),
            links: BTreeMap::new(),
            warn_after_s: None,
        }
    }
}

/// The delays between attempts: `first_s` times the factor for each further failure up to `max_s`, each with jitter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retry {
    /// After the first failure, in seconds.
    pub first_s: u32,
    /// Growth per failure, in thousandths: 2000 doubles the delay.
    pub factor_milli: u32,
    /// The longest delay, in seconds.
    pub max_s: u32,
    /// Makes the jitter differ between servers and yet repeatable.
    pub seed: u64,
}

impl Default for Retry {
    fn default() -> Self {
        Self { first_s: 10, factor_milli: 2000, max_s: 600, seed: 0 }
    }
}

impl Retry {
    /// The delay after `failures` failures in a row (1 or more); `salt` tells waiting parties apart.
    ///
    /// Jitter is a fifth to both sides, so that many servers that lost the same neighbour do not come back together;
    /// the result never exceeds `max_s`.
    pub(crate) fn delay(&self, failures: u32, salt: u64) -> SignedDuration {
        let max = u64::from(self.max_s) * MILLIS;
        let mut millis = u64::from(self.first_s) * MILLIS;
        for _ in 1..failures {
            if millis >= max || self.factor_milli <= 1000 {
                break;
            }
            millis = millis.saturating_mul(u64::from(self.factor_milli)) / 1000;
        }
        let draw = mix(self.seed ^ mix(salt ^ mix(u64::from(failures))));
        let jittered = millis.min(max) * (800 + draw % 401) / 1000;
        let bounded = i64::try_from(jittered.min(max)).unwrap_or(i64::MAX);
        SignedDuration::from_millis(bounded)
    }
}

/// Seconds from submission to the non-delivery report, by priority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Life {
    /// Of urgent messages.
    pub urgent_s: u32,
    /// Of normal messages.
    pub normal_s: u32,
    /// Of non-urgent messages.
    pub non_urgent_s: u32,
}

impl Default for Life {
    fn default() -> Self {
        Self { urgent_s: 2 * DAY_S, normal_s: 7 * DAY_S, non_urgent_s: 10 * DAY_S }
    }
}

impl Life {
    /// When a message of this priority comes back.
    #[must_use]
    pub fn expires(&self, priority: Priority, submitted: Timestamp) -> Timestamp {
        let seconds = match priority {
            Priority::Urgent => self.urgent_s,
            Priority::Normal => self.normal_s,
            Priority::NonUrgent => self.non_urgent_s,
        };
        after(submitted, SignedDuration::from_secs(i64::from(seconds)))
    }
}

const DAY_S: u32 = 24 * 60 * 60;
const MILLIS: u64 = 1000;

/// `delay` after `time`, or the end of time.
pub(crate) fn after(time: Timestamp, delay: SignedDuration) -> Timestamp {
    time.checked_add(delay).unwrap_or(Timestamp::MAX)
}

/// Spreads the bits of a number; the finalizer of the SplitMix64 generator (Steele, Lea, Flood 2014).
fn mix(number: u64) -> u64 {
    let mut bits = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_with_jitter_up_to_the_limit() {
        let retry = Retry::default();
        let nominal = [10_u32, 20, 40, 80, 160, 320, 600, 600, 600];
        for (failures, seconds) in (1_u32..).zip(nominal) {
            for salt in 0..50 {
                let delay = retry.delay(failures, salt).as_millis();
                let middle = i128::from(seconds) * 1000;
                assert!(delay >= middle * 8 / 10 && delay <= (middle * 12 / 10).min(600_000));
            }
        }
        assert_eq!(retry.delay(3, 7), retry.delay(3, 7));
        assert_ne!(retry.delay(3, 7), retry.delay(3, 8));
        assert!(retry.delay(u32::MAX, 1) <= SignedDuration::from_secs(600));
    }

    #[test]
    fn a_link_where_each_attempt_costs_something_waits_for_its_interval_from_the_first_failure() {
        let (line, lan) = (NextHop::Peer("WEST".to_owned()), NextHop::Peer("NORTH".to_owned()));
        let steady = Link { steady: true, open_interval_s: 600, ..Link::default() };
        let config = QueueConfig {
            links: BTreeMap::from([(line.clone(), steady)]),
            ..QueueConfig::default()
        };
        for failures in 1..5 {
            assert_eq!(config.open_delay(&line, failures, 1), SignedDuration::from_secs(600));
        }
        assert!(config.open_delay(&lan, 1, 1) < SignedDuration::from_secs(20));
    }

    #[test]
    fn lives_are_those_of_the_documentation() {
        let life = Life::default();
        let start = Timestamp::UNIX_EPOCH;
        for (priority, days) in
            [(Priority::Urgent, 2), (Priority::Normal, 7), (Priority::NonUrgent, 10)]
        {
            let expected = start.checked_add(SignedDuration::from_hours(24 * days));
            assert_eq!(life.expires(priority, start), expected.unwrap());
        }
        assert_eq!(life.expires(Priority::Normal, Timestamp::MAX), Timestamp::MAX);
    }
}

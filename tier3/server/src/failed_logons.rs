//! Failed logons, counted: so that guessing is slow, and so that many of the same kind do not push other events out.
//!
//! The first few of a kind are told one by one; the rest of the same minute are told once, with their number. An address
//! with too many in a minute is not listened to until that minute is over.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// What is counted together.
pub const WINDOW: Duration = Duration::from_secs(60);
/// Failures of one kind in a window that are told one by one.
const TOLD: u32 = 3;
/// Failures of one address in a window: a peer with a wrong password comes every few seconds at most.
const MOST: u32 = 60;
/// Kinds and addresses that are remembered; past it every failure is told, and none is counted.
const MEMORY: usize = 4096;

/// A kind of failure: who, from where, which code.
pub type Kind = (String, IpAddr, u32);

/// What is to be done about a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Say {
    /// Tell it.
    Now,
    /// The first that is not told: whoever counts asks with [`FailedLogons::close`] after so long how many there were.
    After(Duration),
    /// Nothing: it was counted.
    Nothing,
}

/// The counts.
#[derive(Debug, Default)]
pub struct FailedLogons {
    kinds: HashMap<Kind, (Instant, u32)>,
    addresses: HashMap<IpAddr, (Instant, u32)>,
}

impl FailedLogons {
    /// Notes a failure.
    pub fn note(&mut self, now: Instant, kind: &Kind) -> Say {
        self.forget(now);
        if self.addresses.len() < MEMORY || self.addresses.contains_key(&kind.1) {
            self.addresses.entry(kind.1).or_insert((now, 0)).1 += 1;
        }
        if self.kinds.len() >= MEMORY && !self.kinds.contains_key(kind) {
            return Say::Now;
        }
        let (since, count) = self.kinds.entry(kind.clone()).or_insert((now, 0));
        *count += 1;
        match *count {
            count if count <= TOLD => Say::Now,
            count if count == TOLD + 1 => Say::After((*since + WINDOW).duration_since(now)),
            _ => Say::Nothing,
        }
    }

    /// Ends the window of a kind: how many were not told.
    pub fn close(&mut self, kind: &Kind) -> u32 {
        self.kinds.remove(kind).map_or(0, |(_, count)| count.saturating_sub(TOLD))
    }

    /// True while an address has failed too often to be listened to.
    pub fn is_shut_out(&mut self, now: Instant, address: IpAddr) -> bool {
        self.forget(now);
        self.addresses.get(&address).is_some_and(|(_, count)| *count >= MOST)
    }

    fn forget(&mut self, now: Instant) {
        let fresh = |since: Instant| now.duration_since(since) < WINDOW;
        self.addresses.retain(|_, (since, _)| fresh(*since));
        // Those with something to tell wait for whoever counts.
        self.kinds.retain(|_, (since, count)| fresh(*since) || *count > TOLD);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn kind(user: &str, last: u8, code: u32) -> Kind {
        (user.to_owned(), IpAddr::from([127, 0, 0, last]), code)
    }

    #[test]
    fn the_first_are_told_and_the_rest_are_counted() {
        let (mut counts, start) = (FailedLogons::default(), Instant::now());
        let west = kind("WEST", 1, 1326);
        for second in 0..3 {
            assert_eq!(counts.note(start + SECOND * second, &west), Say::Now);
        }
        assert_eq!(counts.note(start + SECOND * 10, &west), Say::After(SECOND * 50));
        for _ in 0..40 {
            assert_eq!(counts.note(start + SECOND * 20, &west), Say::Nothing);
        }
        // Another reason, another name and another place are other kinds.
        for other in [kind("WEST", 1, 1331), kind("NORTH", 1, 1326), kind("WEST", 2, 1326)] {
            assert_eq!(counts.note(start + SECOND * 20, &other), Say::Now);
        }
        assert_eq!(counts.close(&west), 41);
        assert_eq!(counts.note(start + SECOND * 61, &west), Say::Now);
        assert_eq!(counts.close(&kind("NOBODY", 1, 5)), 0);
    }

    #[test]
    fn an_address_is_shut_out_until_its_minute_is_over() {
        let (mut counts, start) = (FailedLogons::default(), Instant::now());
        let guess = |counts: &mut FailedLogons, number: u32| {
            counts.note(start, &kind(&format!("USER{number}"), 1, 1326))
        };
        let (guesser, other) = (IpAddr::from([127, 0, 0, 1]), IpAddr::from([127, 0, 0, 2]));
        for number in 0..MOST {
            assert!(!counts.is_shut_out(start, guesser));
            guess(&mut counts, number);
        }
        assert!(counts.is_shut_out(start + SECOND * 59, guesser));
        assert!(!counts.is_shut_out(start, other));
        assert!(!counts.is_shut_out(start + WINDOW, guesser));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let (mut counts, start) = (FailedLogons::default(), Instant::now());
        for number in 0..2 * u32::try_from(MEMORY).unwrap() {
            let [a, b, c, d] = number.to_be_bytes();
            counts.note(start, &(format!("USER{number}"), IpAddr::from([a, b, c, d]), 1326));
        }
        assert_eq!((counts.kinds.len(), counts.addresses.len()), (MEMORY, MEMORY));
        counts.note(start + WINDOW, &kind("ONE", 1, 5));
        assert_eq!((counts.kinds.len(), counts.addresses.len()), (1, 1));
    }
}

//! The server's own watch over its ways: what is told of a failure, when, and when it is over.
//!
//! Each next hop has at most one finding. It becomes visible once its cause has stood for a while (the time to visible):
//! what passes sooner is a blip, and nobody is told. One cause that stops several hops is told once, and the others only
//! carry it; what follows from a cause (the other direction, the next symptom) has no finding of its own. A finding closes
//! itself when mail flows over its hop again.
//!
//! Invariants: no I/O and no clock; a finding that was opened is closed exactly once. Deliberately left out: making the checks, and
//! what is done with a finding.

use std::collections::BTreeMap;

use finding::{Answer, Cause, Diagnosis};
use jiff::{SignedDuration, Timestamp};

/// The best cause must reach this much to be told without being asked.
const SURE: f64 = 0.5;
/// While a hop keeps failing, it is looked at again after this time at the earliest.
const PAUSE: SignedDuration = SignedDuration::from_secs(10);

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub enum WatchAction {
    /// Make the cheap checks of this peer, and hand the answer to [`Watch::handle_answer`].
    Check { peer: String },
    /// Tell of the cause; it is visible from now on.
    Open { peer: String, diagnosis: Box<Diagnosis> },
    /// It is over after so many seconds, or another cause has taken its place.
    Close { peer: String, cause: Cause, seconds: u64 },
}

/// The watch over all hops of one server.
#[derive(Debug)]
pub struct Watch {
    local: String,
    visible_after: SignedDuration,
    hops: BTreeMap<String, Hop>,
}

/// A hop that fails.
#[derive(Debug, Default)]
struct Hop {
    /// When it was looked at last; none while the answer is awaited.
    looked: Option<Timestamp>,
    /// It failed again since.
    again: bool,
    finding: Option<Finding>,
}

#[derive(Debug)]
struct Finding {
    diagnosis: Diagnosis,
    since: Timestamp,
    visible: bool,
    /// Told with an action; what only carries another hop's cause is not.
    told: bool,
}

impl Watch {
    /// Nothing fails yet.
    #[must_use]
    pub fn new(local: &str, visible_after: SignedDuration) -> Self {
        Self { local: local.to_owned(), visible_after, hops: BTreeMap::new() }
    }

    /// Another time to visible; what is visible stays so.
    pub fn set_visible_after(&mut self, visible_after: SignedDuration) {
        self.visible_after = visible_after;
    }

    /// A bind or transfer with a peer failed.
    pub fn handle_failure(&mut self, peer: &str, now: Timestamp) -> Option<WatchAction> {
        if let Some(hop) = self.hops.get_mut(peer) {
            hop.again = true;
            return self.look_again(peer, now);
        }
        self.hops.insert(peer.to_owned(), Hop::default());
        Some(WatchAction::Check { peer: peer.to_owned() })
    }

    /// What the checks of a peer came to.
    pub fn handle_answer(
        &mut self,
        peer: &str,
        answer: &Answer,
        now: Timestamp,
    ) -> Vec<WatchAction> {
        let best = self.best(peer, answer);
        let hidden = best.is_some_and(|best| self.is_told_elsewhere(peer, best));
        let Some(hop) = self.hops.get_mut(peer) else { return Vec::new() };
        hop.looked = Some(now);
        let mut actions = Vec::new();
        // Checks that settle nothing take nothing back: only mail that flows does.
        let Some(best) = best else { return actions };
        let known = hop.finding.as_ref().map(|finding| finding.diagnosis.cause);
        if known != Some(best.cause) {
            actions.extend(close(peer, hop.finding.take(), now));
        }
        let fresh = Finding { diagnosis: best.clone(), since: now, visible: false, told: false };
        let finding = hop.finding.get_or_insert(fresh);
        finding.diagnosis = best.clone();
        if !finding.visible && now.duration_since(finding.since) >= self.visible_after {
            finding.visible = true;
            if !hidden {
                finding.told = true;
                let diagnosis = Box::new(finding.diagnosis.clone());
                actions.push(WatchAction::Open { peer: peer.to_owned(), diagnosis });
            }
        }
        actions
    }

    /// Mail can flow between this server and a peer.
    pub fn handle_success(&mut self, peer: &str, now: Timestamp) -> Vec<WatchAction> {
        let hop = self.hops.remove(peer);
        close(peer, hop.and_then(|hop| hop.finding), now).into_iter().collect()
    }

    /// When [`Self::handle_timeout`] wants to be called.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        self.hops.values().filter_map(|hop| self.due(hop)).min()
    }

    /// The hops whose time to be looked at has come.
    pub fn handle_timeout(&mut self, now: Timestamp) -> Vec<WatchAction> {
        let peers: Vec<String> = self.hops.keys().cloned().collect();
        peers.iter().filter_map(|peer| self.look_again(peer, now)).collect()
    }

    /// The peers that are watched.
    pub fn peers(&self) -> impl Iterator<Item = &str> {
        self.hops.keys().map(String::as_str)
    }

    /// What is visible of a hop.
    #[must_use]
    pub fn finding(&self, peer: &str) -> Option<&Diagnosis> {
        let finding = self.hops.get(peer)?.finding.as_ref()?;
        finding.visible.then_some(&finding.diagnosis)
    }

    /// Looks at a hop again, if its time has come and nobody does already.
    fn look_again(&mut self, peer: &str, now: Timestamp) -> Option<WatchAction> {
        let due = self.hops.get(peer).and_then(|hop| self.due(hop))?;
        if now < due {
            return None;
        }
        let hop = self.hops.get_mut(peer)?;
        hop.looked = None;
        hop.again = false;
        Some(WatchAction::Check { peer: peer.to_owned() })
    }

    /// A cause that is not visible yet is looked at when it would be, all else when it has failed again.
    fn due(&self, hop: &Hop) -> Option<Timestamp> {
        let looked = hop.looked?;
        match &hop.finding {
            Some(finding) if !finding.visible => {
                let visible = finding.since.saturating_add(self.visible_after).ok()?;
                Some(visible.max(looked))
            }
            _ if hop.again => looked.saturating_add(PAUSE).ok(),
            _ => None,
        }
    }

    /// What is wrong with this server itself stops every hop, and is told at one of them.
    fn is_told_elsewhere(&self, peer: &str, best: &Diagnosis) -> bool {
        let same = |finding: &Finding| {
            finding.told
                && finding.diagnosis.cause == best.cause
                && finding.diagnosis.stops.is_empty()
        };
        let mut others = self.hops.iter().filter(|(other, _)| *other != peer);
        best.stops.is_empty() && others.any(|(_, hop)| hop.finding.as_ref().is_some_and(same))
    }

    /// The cause that stops this hop, if the answer is sure of one.
    fn best<'a>(&self, peer: &str, answer: &'a Answer) -> Option<&'a Diagnosis> {
        let is = |name: &str, other: &str| name.eq_ignore_ascii_case(other);
        let between = |one: &&Diagnosis| {
            one.stops.is_empty()
                || one.stops.iter().any(|stop| {
                    is(&stop.from, &self.local) && is(&stop.to, peer)
                        || is(&stop.from, peer) && is(&stop.to, &self.local)
                })
        };
        let first = answer.diagnoses.iter().find(between)?;
        (first.confidence >= SURE && !answer.undecided).then_some(first)
    }
}

fn close(peer: &str, finding: Option<Finding>, now: Timestamp) -> Option<WatchAction> {
    let finding = finding.filter(|finding| finding.told)?;
    let seconds = now.duration_since(finding.since).as_secs();
    Some(WatchAction::Close {
        peer: peer.to_owned(),
        cause: finding.diagnosis.cause,
        seconds: u64::try_from(seconds).unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use finding::Stop;

    use super::*;

    const PASSWORD: Cause = Cause::ServiceAccountPasswordMismatch;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_000_000 + seconds).unwrap()
    }

    fn answer(cause: Cause, peer: &str) -> Answer {
        let mut diagnosis = Diagnosis::new(cause, 0.9);
        diagnosis.stops = vec![Stop { from: peer.to_owned(), to: "EAST".to_owned() }];
        Answer { diagnoses: vec![diagnosis], ..Answer::default() }
    }

    fn check(peer: &str) -> WatchAction {
        WatchAction::Check { peer: peer.to_owned() }
    }

    fn watch() -> Watch {
        Watch::new("EAST", SignedDuration::from_secs(5))
    }

    /// The causes that are opened (true) and closed (false).
    fn told(actions: &[WatchAction]) -> Vec<(bool, Cause)> {
        let told = actions.iter().filter_map(|action| match action {
            WatchAction::Check { .. } => None,
            WatchAction::Open { diagnosis, .. } => Some((true, diagnosis.cause)),
            WatchAction::Close { cause, .. } => Some((false, *cause)),
        });
        told.collect()
    }

    #[test]
    fn a_cause_that_stands_is_told_once_and_closes_itself() {
        let mut watch = watch();
        assert_eq!(watch.handle_failure("WEST", at(0)), Some(check("WEST")));
        // While the answer is awaited, nobody looks twice.
        assert_eq!(watch.handle_failure("WEST", at(1)), None);
        assert_eq!(watch.handle_answer("WEST", &answer(PASSWORD, "WEST"), at(2)), []);
        assert_eq!(watch.finding("WEST"), None);
        assert_eq!(watch.poll_timeout(), Some(at(7)));
        assert_eq!(watch.handle_timeout(at(6)), []);
        assert_eq!(watch.handle_timeout(at(7)), [check("WEST")]);
        let actions = watch.handle_answer("WEST", &answer(PASSWORD, "WEST"), at(8));
        assert_eq!(told(&actions), [(true, PASSWORD)]);
        assert_eq!(watch.finding("WEST").map(|one| one.cause), Some(PASSWORD));
        assert_eq!(watch.poll_timeout(), None);
        assert_eq!(watch.handle_failure("WEST", at(9)), None);
        assert_eq!(watch.handle_failure("WEST", at(18)), Some(check("WEST")));
        assert_eq!(watch.handle_answer("WEST", &answer(PASSWORD, "WEST"), at(18)), []);
        let closed = WatchAction::Close { peer: "WEST".to_owned(), cause: PASSWORD, seconds: 98 };
        assert_eq!(watch.handle_success("WEST", at(100)), [closed]);
        assert_eq!(watch.handle_success("WEST", at(101)), []);
        assert_eq!(watch.finding("WEST"), None);
    }

    #[test]
    fn a_blip_is_not_told() {
        let mut watch = watch();
        watch.handle_failure("WEST", at(0));
        watch.handle_answer("WEST", &answer(PASSWORD, "WEST"), at(0));
        assert_eq!(watch.handle_success("WEST", at(4)), []);
        // The answer to a look that was on its way comes too late.
        assert_eq!(watch.handle_answer("WEST", &answer(PASSWORD, "WEST"), at(9)), []);
        assert_eq!((watch.finding("WEST"), watch.poll_timeout()), (None, None));
    }

    #[test]
    fn another_cause_takes_the_place_of_the_first() {
        let mut watch = watch();
        let disabled = Cause::AccountDisabled;
        watch.handle_failure("WEST", at(0));
        watch.handle_answer("WEST", &answer(PASSWORD, "WEST"), at(0));
        watch.handle_timeout(at(5));
        watch.handle_answer("WEST", &answer(PASSWORD, "WEST"), at(5));
        watch.handle_failure("WEST", at(16));
        let actions = watch.handle_answer("WEST", &answer(disabled, "WEST"), at(16));
        assert_eq!(told(&actions), [(false, PASSWORD)]);
        watch.handle_timeout(at(21));
        let actions = watch.handle_answer("WEST", &answer(disabled, "WEST"), at(21));
        assert_eq!(told(&actions), [(true, disabled)]);
    }

    #[test]
    fn what_is_not_sure_or_not_of_this_hop_is_not_told() {
        let mut watch = watch();
        watch.handle_failure("WEST", at(0));
        let mut unsure = answer(PASSWORD, "WEST");
        unsure.undecided = true;
        let mut weak = answer(PASSWORD, "WEST");
        weak.diagnoses[0].confidence = 0.4;
        for other in [unsure, weak, answer(PASSWORD, "NORTH"), Answer::default()] {
            assert_eq!(watch.handle_answer("WEST", &other, at(50)), []);
            assert_eq!((watch.finding("WEST"), watch.poll_timeout()), (None, None), "{other:?}");
        }
    }

    #[test]
    fn one_cause_of_this_server_itself_is_told_once_for_all_hops() {
        let mut watch = watch();
        let full = || {
            let diagnoses = vec![Diagnosis::new(Cause::DiskSpaceLow, 0.99)];
            Answer { diagnoses, ..Answer::default() }
        };
        let mut all = Vec::new();
        for seconds in [0, 6] {
            for peer in ["NORTH", "WEST"] {
                watch.handle_failure(peer, at(seconds));
                all.extend(watch.handle_answer(peer, &full(), at(seconds)));
            }
        }
        assert_eq!(told(&all), [(true, Cause::DiskSpaceLow)]);
        // Both hops show it.
        assert!(watch.finding("NORTH").is_some() && watch.finding("WEST").is_some());
        let closed = [watch.handle_success("WEST", at(9)), watch.handle_success("NORTH", at(9))];
        assert_eq!(told(&closed.concat()), [(false, Cause::DiskSpaceLow)]);
        // The same cause of two peers is two findings: each has to be put right by itself.
        let mut all = Vec::new();
        for seconds in [20, 26] {
            for peer in ["NORTH", "WEST"] {
                watch.handle_failure(peer, at(seconds));
                all.extend(watch.handle_answer(peer, &answer(PASSWORD, peer), at(seconds)));
            }
        }
        assert_eq!(told(&all), [(true, PASSWORD), (true, PASSWORD)]);
    }
}

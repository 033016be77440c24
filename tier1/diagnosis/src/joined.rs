//! Two logs as one story: clocks aligned, calls and bind-backs paired, consequences folded under what they follow from.
//!
//! A call that the other side could not answer leaves 9318 at the caller and 9322 at the called server. They belong together
//! when each names the other and their times agree; never by the row of the locality table, which each server counts for
//! itself. Clocks of two servers differ, by hours where an export has another zone: the difference that makes most events
//! meet is taken, if at least two do. What follows from a failed bind on the same server (1294, 289, 301) is folded under it.
//!
//! Invariants: pure; work is bounded by the limits below. Deliberately left out: the absence of an event, which says
//! something only where the level of logging is known, and a log does not tell it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

/// Of one kind so many events of each log take part.
const MAX_OF_KIND: usize = 2_000;
/// Clocks further apart than this (a zone and a day) are not aligned.
const MAX_OFFSET_S: i64 = 26 * 3600;
/// A call and its bind-back are logged within so many seconds: the original gives up after two minutes.
const TOGETHER_S: i64 = 150;
/// Differences are counted in steps of so many seconds.
const STEP_S: i64 = 5;
/// A consequence is logged within so many seconds.
const FOLLOWS_S: i64 = 180;
/// A call failed.
const CALL: u32 = 9318;
/// A bind-back failed.
const BIND_BACK: u32 = 9322;
/// What follows from a failed bind.
const CONSEQUENCES: [u32; 3] = [1294, 289, 301];
/// What they follow from.
const HEADS: [u32; 6] = [9318, 9322, 9316, 9311, 9277, 9215];

/// One event of one log, as far as it matters here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment {
    /// When it was logged, by that server's clock.
    pub time: Timestamp,
    /// Who logged it.
    pub server: String,
    /// Its number.
    pub id: u32,
    /// The other server that it names.
    pub peer: Option<String>,
    /// The code in it.
    pub code: Option<u32>,
    /// The code of the other side's own call.
    pub bind: Option<u32>,
}

/// A call and the bind-back that failed with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Pair {
    /// Who called.
    pub caller: String,
    /// Who was called and could not bind back.
    pub called: String,
    /// When, by the caller's clock.
    pub time: Timestamp,
    /// The code at the caller.
    pub call_code: Option<u32>,
    /// The code at the called server.
    pub bind_back_code: Option<u32>,
}

/// What two logs say together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Joined {
    /// How many seconds the clock of the second log's server is ahead of the first's; absent where too little pairs.
    pub clock_offset_s: Option<i64>,
    /// Calls with their bind-backs.
    pub pairs: Vec<Pair>,
    /// For each of the given moments of each log: true when it only follows from another one.
    #[serde(skip)]
    pub follows: Vec<Vec<bool>>,
    /// How many events only follow from others.
    pub folded: usize,
}

/// Joins the logs of two servers; with one, or with more, only consequences are folded.
#[must_use]
pub fn join(logs: &[Vec<Moment>]) -> Joined {
    let follows: Vec<Vec<bool>> = logs.iter().map(|log| consequences(log)).collect();
    let folded = follows.iter().flatten().filter(|one| **one).count();
    let mut joined = Joined { follows, folded, ..Joined::default() };
    if let [first, second] = logs {
        let candidates = candidates(first, second);
        joined.clock_offset_s = offset(&candidates);
        // Without a difference that is sure, clocks are taken to agree.
        let ahead = joined.clock_offset_s.unwrap_or(0);
        joined.pairs = pairs(candidates, ahead);
    }
    joined
}

/// True for each event that only follows from an earlier one of the same server.
fn consequences(log: &[Moment]) -> Vec<bool> {
    let mut order: Vec<usize> = (0..log.len()).collect();
    order.sort_by_key(|at| log[*at].time);
    let mut last_head: BTreeMap<&str, Timestamp> = BTreeMap::new();
    let mut follows = vec![false; log.len()];
    for at in order {
        let one = &log[at];
        if HEADS.contains(&one.id) {
            last_head.insert(&one.server, one.time);
        } else if CONSEQUENCES.contains(&one.id) {
            let head = last_head.get(one.server.as_str());
            follows[at] = head.is_some_and(|head| apart(one.time, *head) <= FOLLOWS_S);
        }
    }
    follows
}

/// A call of one log and a bind-back of the other that name each other.
struct Candidate<'a> {
    call: &'a Moment,
    bind_back: &'a Moment,
    /// How far the second log's event is after the first log's.
    ahead: i64,
}

fn candidates<'a>(first: &'a [Moment], second: &'a [Moment]) -> Vec<Candidate<'a>> {
    let mut found = Vec::new();
    for (calls, answers, turned) in [(first, second, false), (second, first, true)] {
        let answers: Vec<&Moment> =
            answers.iter().filter(|one| one.id == BIND_BACK).take(MAX_OF_KIND).collect();
        for call in calls.iter().filter(|one| one.id == CALL).take(MAX_OF_KIND) {
            for bind_back in answers.iter().copied().filter(|one| name_each_other(call, one)) {
                let ahead = bind_back.time.as_second() - call.time.as_second();
                let ahead = if turned { -ahead } else { ahead };
                if ahead.abs() <= MAX_OFFSET_S {
                    found.push(Candidate { call, bind_back, ahead });
                }
            }
        }
    }
    found
}

/// Both name the other, by its name or the first part of its host name; one of them may be silent.
fn name_each_other(call: &Moment, bind_back: &Moment) -> bool {
    let is = |peer: &Option<String>, server: &str| {
        peer.as_deref().is_none_or(|peer| short(peer) == short(server))
    };
    (call.peer.is_some() || bind_back.peer.is_some())
        && is(&call.peer, &bind_back.server)
        && is(&bind_back.peer, &call.server)
}

fn short(name: &str) -> String {
    name.trim_start_matches('\\').split('.').next().unwrap_or_default().to_lowercase()
}

/// The difference of clocks at which most candidates meet; at least two must, and more than anywhere else.
fn offset(candidates: &[Candidate<'_>]) -> Option<i64> {
    let mut counts: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
    for one in candidates {
        let step = one.ahead.div_euclid(STEP_S);
        // A neighbour's step counts too, so that a difference at the edge of two is not split.
        for step in [step - 1, step, step + 1] {
            counts.entry(step).or_default().push(one.ahead);
        }
    }
    let best = counts.values().map(Vec::len).max().filter(|count| *count >= 2)?;
    let mut at = counts.into_values().filter(|list| list.len() == best);
    // Of several equally good ones the one nearest to no difference.
    let mut list = at.by_ref().min_by_key(|list| list[list.len() / 2].abs())?;
    list.sort_unstable();
    list.get(list.len() / 2).copied()
}

/// Each call with the nearest bind-back, each bind-back once.
fn pairs(mut candidates: Vec<Candidate<'_>>, ahead: i64) -> Vec<Pair> {
    candidates.retain(|one| (one.ahead - ahead).abs() <= TOGETHER_S);
    candidates.sort_by_key(|one| ((one.ahead - ahead).abs(), one.call.time));
    let mut used: Vec<&Moment> = Vec::new();
    let mut found = Vec::new();
    for one in candidates {
        let is_used = |moment| used.iter().any(|known| std::ptr::eq(*known, moment));
        if is_used(one.call) || is_used(one.bind_back) {
            continue;
        }
        used.extend([one.call, one.bind_back]);
        found.push(Pair {
            caller: one.call.server.clone(),
            called: one.bind_back.server.clone(),
            time: one.call.time,
            call_code: one.call.code,
            bind_back_code: one.bind_back.code,
        });
    }
    found.sort_by(|a, b| (a.time, &a.caller).cmp(&(b.time, &b.caller)));
    found
}

fn apart(later: Timestamp, earlier: Timestamp) -> i64 {
    later.as_second() - earlier.as_second()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(server: &str, at: i64, id: u32, peer: &str, code: u32) -> Moment {
        Moment {
            time: Timestamp::from_second(1_000_000 + at).unwrap(),
            server: server.to_owned(),
            id,
            peer: (!peer.is_empty()).then(|| peer.to_owned()),
            code: Some(code),
            bind: None,
        }
    }

    #[test]
    fn clocks_are_aligned_and_calls_paired() {
        // WEST's clock is an hour and seven seconds ahead.
        let east: Vec<Moment> =
            [0, 600, 1_250].map(|at| moment("EAST", at, 9318, "west.example.test", 1722)).into();
        let west: Vec<Moment> =
            [0, 600, 1_250].map(|at| moment("WEST", at + 3_607, 9322, "EAST", 1722)).into();
        let joined = join(&[east.clone(), west.clone()]);
        assert_eq!(joined.clock_offset_s, Some(3_607));
        assert_eq!(joined.pairs.len(), 3);
        assert_eq!(
            (joined.pairs[0].caller.as_str(), joined.pairs[0].called.as_str()),
            ("EAST", "WEST")
        );
        // The other way round the difference changes its sign.
        assert_eq!(join(&[west, east]).clock_offset_s, Some(-3_607));
    }

    #[test]
    fn strangers_are_not_paired() {
        let east = vec![moment("EAST", 0, 9318, "NORTH", 1722), moment("EAST", 9, 9318, "", 5)];
        let west = vec![moment("WEST", 1, 9322, "SOUTH", 1722), moment("WEST", 9, 9322, "", 5)];
        let joined = join(&[east, west]);
        assert_eq!((joined.clock_offset_s, joined.pairs.len()), (None, 0));
    }

    #[test]
    fn consequences_are_folded_and_lone_ones_stay() {
        let log = vec![
            moment("EAST", 3, 1294, "", 0),
            moment("EAST", 0, 9318, "WEST", 1722),
            moment("EAST", 4, 289, "", 0),
            moment("EAST", 5_000, 301, "", 0),
            moment("NORTH", 4, 289, "", 0),
        ];
        let joined = join(&[log]);
        assert_eq!(joined.follows, [[true, false, true, false, false]]);
        assert_eq!(joined.folded, 2);
    }
}

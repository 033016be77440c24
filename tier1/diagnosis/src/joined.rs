//! Two logs as one story: clocks aligned, calls and bind-backs paired, consequences folded under what they follow from.
//!
//! A call that the other side could not answer leaves 9318 at the caller and 9322 at the called server. They belong together
//! when each names the other and their times agree; never by the row of the locality table, which each server counts for
//! itself. Clocks of two servers differ, by hours where an export has another zone: the difference that makes most events
//! meet is taken, if at least two do. What follows from a failed bind on the same server (1294, 289, 301) is folded under it.
//!
//! Invariants: pure; work is bounded by the limits below. Deliberately left out: the absence of an event, which says
//! something only where the level of logging is known, and a log does not tell it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Serialize;

/// Of one kind so many events of each log take part, the newest.
const MAX_OF_KIND: usize = 1_000;
/// Clocks further apart than this (a zone and a day) are not aligned.
const MAX_OFFSET_S: i64 = 26 * 3600;
/// A call and its bind-back are logged within so many seconds: the original gives up after two minutes.
const TOGETHER_S: i64 = 150;
/// Clocks that differ by no more are taken to agree: the two sides of a call are logged some seconds apart, and a retry a little
/// later may meet the event of another call.
const AGREE_S: i64 = 20;
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
    /// How many seconds the clock of the second log's server is ahead of the first's; absent where too little pairs, or they agree.
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
        let meetings = Meetings::new(first, second);
        joined.clock_offset_s = meetings.offset().filter(|ahead| ahead.abs() > AGREE_S);
        // Without a difference that is sure, clocks are taken to agree.
        joined.pairs = meetings.pairs(joined.clock_offset_s.unwrap_or(0));
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

/// The calls of each log beside the bind-backs of the other.
struct Meetings<'a> {
    /// Calls, bind-backs, and whether the calls are the second log's.
    ways: [(Vec<Known<'a>>, Vec<Known<'a>>, bool); 2],
}

/// A moment with its names in one form.
struct Known<'a> {
    moment: &'a Moment,
    server: String,
    peer: Option<String>,
}

/// A call of one log and a bind-back of the other that name each other.
#[derive(Clone, Copy)]
struct Candidate {
    way: usize,
    call: usize,
    bind_back: usize,
    /// How far the second log's event is after the first log's.
    ahead: i64,
}

impl<'a> Meetings<'a> {
    fn new(first: &'a [Moment], second: &'a [Moment]) -> Self {
        let way =
            |calls, answers, turned| (newest(calls, CALL), newest(answers, BIND_BACK), turned);
        Self { ways: [way(first, second, false), way(second, first, true)] }
    }

    /// Every candidate, one after the other: with many events there are too many of them to be kept.
    fn candidates(&self) -> impl Iterator<Item = Candidate> {
        self.ways.iter().enumerate().flat_map(|(way, (calls, answers, turned))| {
            calls.iter().enumerate().flat_map(move |(call, one)| {
                let named = answers.iter().enumerate().filter(|(_, other)| one.meets(other));
                named.filter_map(move |(bind_back, other)| {
                    let ahead = apart(other.moment.time, one.moment.time);
                    let ahead = if *turned { -ahead } else { ahead };
                    let near = ahead.abs() <= MAX_OFFSET_S;
                    near.then_some(Candidate { way, call, bind_back, ahead })
                })
            })
        })
    }

    /// The difference of clocks at which most candidates meet; at least two must, and more than anywhere else.
    fn offset(&self) -> Option<i64> {
        let last = MAX_OFFSET_S / STEP_S + 1;
        let place = |step: i64| usize::try_from(step + last + 1).unwrap_or_default();
        // One counter for each step, with one more at either end.
        let mut counts = vec![0_u32; place(last) + 2];
        for one in self.candidates() {
            counts[place(one.ahead.div_euclid(STEP_S))] += 1;
        }
        // A neighbour's step counts too, so that a difference at the edge of two is not split.
        let around = |step: i64| counts[place(step) - 1..=place(step) + 1].iter().sum::<u32>();
        let best = (-last..=last).map(around).max().filter(|best| *best >= 2)?;
        // Of several equally good ones the one nearest to no difference.
        let at = (-last..=last).filter(|step| around(*step) == best);
        let at = at.min_by_key(|step| (step.abs(), *step))?;
        let within = |one: &Candidate| (one.ahead.div_euclid(STEP_S) - at).abs() <= 1;
        let mut list: Vec<i64> = self.candidates().filter(within).map(|one| one.ahead).collect();
        list.sort_unstable();
        list.get(list.len() / 2).copied()
    }

    /// Each call with the nearest bind-back, each bind-back once.
    fn pairs(&self, ahead: i64) -> Vec<Pair> {
        let mut near: Vec<Candidate> =
            self.candidates().filter(|one| (one.ahead - ahead).abs() <= TOGETHER_S).collect();
        near.sort_by_key(|one| {
            ((one.ahead - ahead).abs(), self.ways[one.way].0[one.call].moment.time)
        });
        let mut used: BTreeSet<(usize, bool, usize)> = BTreeSet::new();
        let mut found = Vec::new();
        for one in near {
            let ends = [(one.way, true, one.call), (one.way, false, one.bind_back)];
            if ends.iter().any(|end| used.contains(end)) {
                continue;
            }
            used.extend(ends);
            let (calls, answers, _) = &self.ways[one.way];
            let (call, bind_back) = (calls[one.call].moment, answers[one.bind_back].moment);
            found.push(Pair {
                caller: call.server.clone(),
                called: bind_back.server.clone(),
                time: call.time,
                call_code: call.code,
                bind_back_code: bind_back.code,
            });
        }
        found.sort_by(|a, b| (a.time, &a.caller).cmp(&(b.time, &b.caller)));
        found
    }
}

impl Known<'_> {
    /// Both name the other, by its name or the first part of its host name; one of them may be silent.
    fn meets(&self, bind_back: &Self) -> bool {
        let is =
            |peer: &Option<String>, server: &str| peer.as_deref().is_none_or(|peer| peer == server);
        (self.peer.is_some() || bind_back.peer.is_some())
            && is(&self.peer, &bind_back.server)
            && is(&bind_back.peer, &self.server)
    }
}

/// The newest events of one number.
fn newest(log: &[Moment], id: u32) -> Vec<Known<'_>> {
    let mut found: Vec<&Moment> = log.iter().filter(|one| one.id == id).collect();
    found.sort_by_key(|one| one.time);
    let skipped = found.len().saturating_sub(MAX_OF_KIND);
    let kept = found.into_iter().skip(skipped);
    kept.map(|moment| Known {
        moment,
        server: short(&moment.server),
        peer: moment.peer.as_deref().map(short),
    })
    .collect()
}

fn short(name: &str) -> String {
    name.trim_start_matches('\\').split('.').next().unwrap_or_default().to_lowercase()
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

    /// Each call is tried again after 11 s, and the first one of a log has no partner in the other.
    #[test]
    fn retries_are_no_difference_of_clocks() {
        let east: Vec<Moment> = [0, 11, 22].map(|at| moment("EAST", at, 9318, "WEST", 5)).into();
        let west: Vec<Moment> = [11, 22, 33].map(|at| moment("WEST", at, 9322, "EAST", 5)).into();
        let joined = join(&[east, west]);
        assert_eq!(joined.clock_offset_s, None);
        assert_eq!(joined.pairs.len(), 3);
    }

    #[test]
    fn of_long_logs_the_newest_calls_are_paired_in_little_time() {
        // A call a second: every call could belong to hundreds of bind-backs.
        let every_second = |server: &str, id, peer: &str, ahead: i64| {
            let at = (0..1_500).map(|at| moment(server, at + ahead, id, peer, 1722));
            at.collect::<Vec<_>>()
        };
        let east = every_second("EAST", 9318, "WEST", 0);
        let joined = join(&[east.clone(), every_second("WEST", 9322, "EAST", 40)]);
        // Differences are counted in steps.
        assert!(joined.clock_offset_s.is_some_and(|ahead| (ahead - 40).abs() < STEP_S));
        assert!(joined.pairs.len() + 5 >= MAX_OF_KIND, "{}", joined.pairs.len());
        let last = joined.pairs.last().map(|pair| pair.time).unwrap();
        assert!(apart(east.last().unwrap().time, last) <= STEP_S, "the oldest were taken");
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

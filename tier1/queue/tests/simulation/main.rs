//! Random inputs, failing commits and crashes at any point, under a virtual clock.
//!
//! The model keeps a disk (what was durable), a world (who received what) and the promises made (accepted tickets).
//! Whatever happens, each accepted recipient is done, or reported, or still on disk; it is reported at most once; and it
//! is done a second time, or reported although done, only if a crash came between doing it and the durable removal.
//! The seed of a failing run is printed.

#![expect(clippy::unwrap_used, reason = "a test may panic, and that is how it fails")]

mod disk;
mod steps;
mod trouble;
mod verdict;
mod world;

use jiff::Timestamp;
use queue::{
    BatchId, Life, Link, MessageId, MessageRecord, NextHop, Outcome, Place, Profile, Queue,
    QueueConfig, Retry, Work, Write,
};
use std::collections::{BTreeMap, BTreeSet};

const RUNS: u64 = 1500;
/// Runs of which every commit is crashed at.
const CRASH_RUNS: u64 = 5;
const STEPS: u32 = 150;
/// A recipient: message and number.
type Key = (MessageId, u32);

#[test]
fn every_recipient_is_done_or_reported_or_still_there() {
    if let Some(seed) = setting("BINDBACK_SEED") {
        println!("one run, seed {seed}");
        simulate(seed);
        return;
    }
    let mut totals = Totals::default();
    for seed in 0..setting("BINDBACK_RUNS").unwrap_or(RUNS).max(RUNS) {
        totals.add(&simulate(seed));
    }
    println!("{totals:?}");
    // The runs really come through all of this.
    assert!(totals.done > 10_000 && totals.reported > 5_000, "{totals:?}");
    assert!(totals.crashes > 2_500 && totals.refused > 500 && totals.repeated > 100, "{totals:?}");
    assert!(totals.used_up > 25 && totals.set_aside > 50, "{totals:?}");
    assert!(totals.astray > 500, "{totals:?}");
    assert!(totals.parked > 5_000 && totals.loads > 5_000, "{totals:?}");
}

/// The process dies before and after each single commit of a run, of which the store makes one write and one sync: the
/// last one that reached the disk is once the one before, once this one, whose answer nobody heard.
#[test]
fn a_crash_at_any_commit_loses_nothing_and_repeats_nothing() {
    let seeds = match setting("BINDBACK_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..setting("BINDBACK_RUNS").map_or(CRASH_RUNS, |runs| runs / 100).max(CRASH_RUNS),
    };
    let (mut points, mut commits, mut parked) = (0, 0, 0);
    for seed in seeds {
        let whole = simulate_with_crash(seed, None);
        assert_eq!(whole.crashes, 1, "seed {seed}: only the one at the end");
        commits += whole.commits;
        for commit in 1..=whole.commits {
            for reached in [false, true] {
                let run = simulate_with_crash(seed, Some((commit, reached)));
                assert_eq!(run.crashes, 2, "seed {seed}: no crash at commit {commit}");
                points += 1;
                parked += run.parked;
            }
        }
    }
    println!("{points} crashes at {commits} commits");
    assert!(points == 2 * commits && points > 400 && parked > 400, "{points} {parked}");
}

fn simulate_with_crash(seed: u64, at: Option<(u64, bool)>) -> Run {
    let mut run = Run::new(seed);
    run.crashes_by_chance = false;
    run.crash_at = at;
    for _ in 0..STEPS {
        run.step();
    }
    run.drain();
    run.check_promises();
    run
}

/// A number from the environment: `BINDBACK_SEED` repeats one run, `BINDBACK_RUNS` makes more than usual.
#[expect(clippy::disallowed_methods, reason = "a test may be told what to do; the engine is not")]
fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

fn simulate(seed: u64) -> Run {
    let mut run = Run::new(seed);
    for _ in 0..STEPS {
        run.step();
    }
    run.drain();
    run.check_promises();
    run
}

#[derive(Debug, Default)]
struct Totals {
    done: usize,
    reported: usize,
    refused: u64,
    crashes: u64,
    repeated: u64,
    used_up: u64,
    set_aside: u64,
    astray: u64,
    /// Messages that were in the store alone when something was due, asked for or loaded.
    parked: u64,
    loads: u64,
}

impl Totals {
    fn add(&mut self, run: &Run) {
        self.done += run.done.len();
        self.reported += run.reported.len();
        self.refused += run.refusals;
        self.crashes += run.crashes;
        self.repeated += run.repeated;
        self.used_up += run.used_up;
        self.set_aside += run.set_aside;
        self.astray += run.astray;
        self.parked += run.parked;
        self.loads += run.loads;
    }
}

struct Run {
    seed: u64,
    random: u64,
    now: Timestamp,
    queue: Queue,
    disk: BTreeMap<MessageId, MessageRecord>,
    /// The order rows on the disk.
    places: BTreeSet<Place>,
    holds: BTreeSet<NextHop>,
    last_id: MessageId,
    /// Commits handed out and not answered, in order.
    pending: Vec<(BatchId, Vec<Write>)>,
    flying: Vec<(NextHop, Work)>,
    reports_needed: Vec<(MessageId, Vec<u32>)>,
    tickets: BTreeMap<u64, Vec<Key>>,
    accepted: BTreeSet<Key>,
    refused: BTreeSet<Key>,
    deleted: BTreeSet<MessageId>,
    done: BTreeSet<Key>,
    reported: BTreeSet<Key>,
    /// What each report reports, until it is durable.
    reports: BTreeMap<MessageId, Vec<Key>>,
    /// Recipients that were done when a crash came before their durable removal.
    tainted: BTreeSet<Key>,
    crashes: u64,
    repeated: u64,
    refusals: u64,
    /// Messages whose originator was warned since the last crash.
    warned: BTreeSet<MessageId>,
    /// Messages that were set aside since the last crash.
    aside: BTreeSet<MessageId>,
    used_up: u64,
    set_aside: u64,
    /// Answers of associations that were given up, on their way.
    late: Vec<(MessageId, Vec<(u32, Outcome)>)>,
    astray: u64,
    parked: u64,
    loads: u64,
    /// Commits that were answered.
    commits: u64,
    crashes_by_chance: bool,
    /// Dies at this commit, and whether it reached the disk.
    crash_at: Option<(u64, bool)>,
}

impl Run {
    fn new(seed: u64) -> Self {
        Self {
            seed,
            random: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
            now: Timestamp::UNIX_EPOCH,
            queue: Queue::new(config(seed)),
            disk: BTreeMap::new(),
            places: BTreeSet::new(),
            holds: BTreeSet::new(),
            last_id: MessageId::ZERO,
            pending: Vec::new(),
            flying: Vec::new(),
            reports_needed: Vec::new(),
            tickets: BTreeMap::new(),
            accepted: BTreeSet::new(),
            refused: BTreeSet::new(),
            deleted: BTreeSet::new(),
            done: BTreeSet::new(),
            reported: BTreeSet::new(),
            reports: BTreeMap::new(),
            tainted: BTreeSet::new(),
            crashes: 0,
            repeated: 0,
            refusals: 0,
            warned: BTreeSet::new(),
            aside: BTreeSet::new(),
            used_up: 0,
            set_aside: 0,
            late: Vec::new(),
            astray: 0,
            parked: 0,
            loads: 0,
            commits: 0,
            crashes_by_chance: true,
            crash_at: None,
        }
    }

    /// xorshift64 (Marsaglia 2003).
    fn draw(&mut self, below: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 11) % below
    }

    fn pick(&mut self, length: usize) -> Option<usize> {
        let below = u64::try_from(length).unwrap();
        (below > 0).then(|| usize::try_from(self.draw(below)).unwrap())
    }

    fn any_hop(&mut self) -> NextHop {
        match self.draw(3) {
            0 => NextHop::Local,
            1 => NextHop::Peer("EAST".to_owned()),
            _ => NextHop::Peer("WEST".to_owned()),
        }
    }
}

fn config(seed: u64) -> QueueConfig {
    QueueConfig {
        retry: Retry { first_s: 3, factor_milli: 2000, max_s: 30, seed },
        life: Life { urgent_s: 60, normal_s: 200, non_urgent_s: 500 },
        commit_retry_s: 2,
        profile: if seed.is_multiple_of(2) { Profile::Growth } else { Profile::Classic },
        link: Link { open_retries: Some(1), open_interval_s: 5, ..Link::default() },
        warn_after_s: seed.is_multiple_of(3).then_some(40),
        window: usize::try_from(2 + seed % 5).unwrap(),
        // Now and then so few that the windows shrink.
        in_memory: if seed.is_multiple_of(3) { 4 } else { 1000 },
        ..QueueConfig::default()
    }
}

//! Random inputs, failing commits and crashes at any point, under a virtual clock.
//!
//! The model keeps a disk (what was durable), a world (who received what) and the promises made (accepted tickets).
//! Whatever happens, each accepted recipient is done, or reported, or still on disk; it is reported at most once; and it
//! is done a second time, or reported although done, only if a crash came between doing it and the durable removal.
//! The seed of a failing run is printed.

#![expect(clippy::unwrap_used, reason = "a test may panic, and that is how it fails")]

use jiff::{SignedDuration, Timestamp};
use queue::{
    Action, BatchId, Holdings, HopCount, Kind, Life, Link, Load, Loaded, MessageId, MessageRecord,
    NewMessage, NewRecipient, NextHop, Outcome, Place, Position, Priority, Profile, Queue,
    QueueConfig, Retry, Ticket, Work, Write,
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

    fn step(&mut self) {
        match self.draw(100) {
            0..15 => self.submit(),
            15..45 => self.act(),
            45..62 => self.answer_commit(true),
            62..65 => self.answer_commit(false),
            65..77 => {
                let hop = self.any_hop();
                self.take(hop);
            }
            77..87 => self.finish_work(false),
            87..92 => self.trouble(),
            92..98 => self.pass_time(),
            _ if self.crashes_by_chance => self.crash(),
            _ => {}
        }
    }

    fn submit(&mut self) {
        let id = self.queue.next_id();
        let count = u32::try_from(1 + self.draw(3)).unwrap();
        let recipients: Vec<NewRecipient> = (0..count).map(|n| self.recipient(n)).collect();
        let keys = (0..count).map(|number| (id, number)).collect();
        self.tickets.insert(id.number(), keys);
        let priority = match self.draw(3) {
            0 => Priority::Urgent,
            1 => Priority::Normal,
            _ => Priority::NonUrgent,
        };
        let message = self.message(id, Kind::Message, priority, recipients);
        let mut message = message;
        if self.draw(8) == 0 {
            let later = i64::try_from(self.draw(300)).unwrap();
            message.wishes.deferred_until = Some(self.now + SignedDuration::from_secs(later));
        }
        if self.draw(8) == 0 {
            let latest = i64::try_from(self.draw(300)).unwrap();
            message.wishes.latest_delivery = Some(self.now + SignedDuration::from_secs(latest));
        }
        self.queue.accept(message, Ticket(id.number()), self.now);
    }

    fn recipient(&mut self, number: u32) -> NewRecipient {
        let next_hop = self.any_hop();
        NewRecipient { number, address: String::new(), next_hop, report_wanted: true }
    }

    fn message(
        &self,
        id: MessageId,
        kind: Kind,
        priority: Priority,
        recipients: Vec<NewRecipient>,
    ) -> NewMessage {
        NewMessage {
            id,
            kind,
            mts_id: String::new(),
            message_id_header: None,
            originator: String::new(),
            priority,
            submitted: self.now,
            expires: self.queue.expires(priority, self.now),
            wishes: queue::Wishes::default(),
            size: 1,
            recipients,
            envelope: Vec::new(),
            content: [].into(),
            seen: Vec::new(),
        }
    }

    /// Carries out one action.
    fn act(&mut self) {
        match self.queue.poll_action() {
            None => {}
            Some(Action::Commit { batch, writes, .. }) => self.pending.push((batch, writes)),
            Some(Action::Accepted { ticket }) => {
                let keys = self.tickets.remove(&ticket.0).unwrap();
                let message = keys[0].0;
                assert!(
                    self.disk.contains_key(&message),
                    "seed {}: told before durable",
                    self.seed
                );
                self.accepted.extend(keys);
            }
            Some(Action::Refused { ticket, .. }) => {
                let keys = self.tickets.remove(&ticket.0).unwrap();
                assert!(!self.disk.contains_key(&keys[0].0), "seed {}", self.seed);
                self.refused.extend(keys);
                self.refusals += 1;
            }
            Some(Action::Ready { hop }) => self.take(hop),
            Some(Action::ReportNeeded { id, failures }) => {
                let numbers = failures.iter().map(|(number, _)| *number).collect();
                self.reports_needed.push((id, numbers));
            }
            Some(Action::ReportDiscarded { id, .. }) => {
                assert!(
                    self.reports.contains_key(&id),
                    "seed {}: a message is discarded",
                    self.seed
                );
            }
            Some(Action::Load(load)) => {
                self.load(&load);
                // It is no step of its own.
                self.act();
            }
            Some(Action::RetriesUsedUp { hop, work }) => self.go_another_way(&hop, work),
            Some(Action::Delayed { id, .. }) => {
                assert!(self.warned.insert(id), "seed {}: warned twice {id}", self.seed);
            }
            // It may have been released before this was heard.
            Some(Action::SetAside { id, .. }) if self.is_aside(id) => {
                self.set_aside += 1;
                self.aside.insert(id);
            }
            Some(
                Action::SetAside { .. }
                | Action::DeferralBegan { .. }
                | Action::DeferralEnded { .. },
            ) => {}
            Some(Action::Finished { id }) => {
                assert!(!self.disk.contains_key(&id), "seed {}: finished on disk", self.seed);
            }
        }
        if self.draw(3) == 0 {
            self.write_report();
        }
    }

    /// The attempts to open a link are used up: half goes another way, half comes back.
    fn go_another_way(&mut self, hop: &NextHop, work: Vec<Work>) {
        self.used_up += 1;
        for work in work {
            self.bring(work.id);
            if self.draw(2) == 0 {
                let other = self.any_hop();
                drop(self.queue.set_next_hop(work.id, &work.recipients, &other, self.now));
            } else {
                let failure = Queue::retries_used_up(Some(&format!("no way to {hop}")));
                let failures = work.recipients.iter().map(|n| (*n, failure.clone())).collect();
                self.queue.fail(work.id, failures, self.now);
            }
        }
    }

    fn write_report(&mut self) {
        let Some((id, numbers)) = self.reports_needed.pop() else {
            return;
        };
        let report_id = self.queue.next_id();
        let recipient = self.recipient(0);
        let report = self.message(report_id, Kind::Report, Priority::Normal, vec![recipient]);
        let keys: Vec<Key> = numbers.iter().map(|number| (id, *number)).collect();
        self.reports.insert(report_id, keys);
        self.queue.report_created(id, &numbers, Some(report), self.now).unwrap();
    }

    /// The store answers the oldest commit.
    fn answer_commit(&mut self, durable: bool) {
        if self.pending.is_empty() {
            return;
        }
        self.commits += 1;
        if let Some((commit, reached)) = self.crash_at
            && commit == self.commits
        {
            self.crash_with(usize::from(reached));
            return;
        }
        let (batch, writes) = self.pending.remove(0);
        if durable {
            self.write(&writes);
            self.queue.handle_durable(batch, self.now);
        } else {
            self.queue.handle_failed(batch, "disk full".to_owned(), self.now);
        }
    }

    fn write(&mut self, writes: &[Write]) {
        let mut removed = BTreeSet::new();
        let mut reported = Vec::new();
        for write in writes {
            match write {
                Write::PutMessage(stored) => {
                    let head = &stored.record.head;
                    assert!(head.id > MessageId::ZERO && !self.disk.contains_key(&head.id));
                    self.last_id = self.last_id.max(head.id);
                    self.disk.insert(head.id, stored.record.clone());
                    reported.extend(self.reports.get(&head.id).cloned().unwrap_or_default());
                }
                Write::PutRecipient { id, recipient } => {
                    let record = self.disk.get_mut(id).unwrap();
                    let known = record.recipients.iter_mut().find(|r| r.number == recipient.number);
                    *known.unwrap_or_else(|| panic!("seed {}: a recipient returns", self.seed)) =
                        recipient.clone();
                }
                Write::RemoveRecipient { id, number } => {
                    let record = self.disk.get_mut(id).unwrap();
                    record.recipients.retain(|recipient| recipient.number != *number);
                    removed.insert((*id, *number));
                }
                Write::RemoveMessage { id } => {
                    let record = self.disk.remove(id).unwrap();
                    removed.extend(record.recipients.iter().map(|r| (*id, r.number)));
                }
                Write::PutHead(head) => {
                    let seed = self.seed;
                    let known = self.disk.get_mut(&head.id);
                    known.unwrap_or_else(|| panic!("seed {seed}: a head returns")).head =
                        *head.clone();
                }
                Write::Order(order) => {
                    for place in &order.remove {
                        self.places.remove(place);
                    }
                    self.places.extend(order.put.iter().cloned());
                }
                Write::PutHold { .. } | Write::PutSeen { .. } | Write::RemoveSeen { .. } => {}
            }
        }
        self.check_order(writes);
        for key in reported {
            let first = self.reported.insert(key);
            assert!(first, "seed {}: reported twice {key:?}", self.seed);
            assert!(removed.contains(&key), "seed {}: reported and kept {key:?}", self.seed);
            let done = self.done.contains(&key) && !self.tainted.contains(&key);
            assert!(!done, "seed {}: reported although done {key:?}", self.seed);
        }
        for key in removed {
            let known = self.done.contains(&key)
                || self.reported.contains(&key)
                || self.deleted.contains(&key.0)
                || self.reports.contains_key(&key.0);
            assert!(known, "seed {}: lost {key:?}", self.seed);
        }
    }

    /// Whatever is on the disk is found by its order: in each of its hops, and at its time.
    fn check_order(&self, writes: &[Write]) {
        let id_of = |place: &Place| match place {
            Place::Backlog { id, .. } | Place::Due { id, .. } => *id,
        };
        let changed: BTreeSet<MessageId> = writes
            .iter()
            .filter_map(|write| match write {
                Write::Order(order) => Some(order.put.iter().chain(&order.remove)),
                _ => None,
            })
            .flatten()
            .map(id_of)
            .collect();
        for id in changed {
            let Some(record) = self.disk.get(&id) else { continue };
            let rows: Vec<&Place> = self.places.iter().filter(|row| id_of(row) == id).collect();
            let due = rows.iter().any(|row| matches!(row, Place::Due { .. }));
            assert!(due, "seed {}: {id} is never due, {writes:?}", self.seed);
            for recipient in &record.recipients {
                let is_its = |row: &&&Place| matches!(row, Place::Backlog { hop, .. } if *hop == recipient.next_hop);
                let found = rows.iter().any(|row| is_its(&row));
                assert!(found, "seed {}: {id} is not found for its hop, {writes:?}", self.seed);
            }
        }
    }

    /// The store reads what it is asked for.
    fn load(&mut self, load: &Load) {
        self.loads += 1;
        let (after, limit) = match load {
            Load::Backlog { after, limit, .. } | Load::Due { after, limit, .. } => (*after, *limit),
        };
        let rows: Vec<Position> = match load {
            Load::Backlog { hop: of, class: among, .. } => self
                .places
                .iter()
                .filter_map(|place| match place {
                    Place::Backlog { hop, class, submitted, id } => {
                        (hop == of && class == among).then_some((*submitted, *id))
                    }
                    Place::Due { .. } => None,
                })
                .collect(),
            Load::Due { .. } => self
                .places
                .iter()
                .filter_map(|place| match place {
                    Place::Due { due, id } => Some((*due, *id)),
                    Place::Backlog { .. } => None,
                })
                .collect(),
        };
        let mut loaded = Loaded::default();
        for row in rows.into_iter().filter(|row| after.is_none_or(|after| *row > after)) {
            let late = matches!(load, Load::Due { until, .. } if row.0 > *until);
            if late || loaded.records.len() == limit {
                loaded.more = !late;
                loaded.next = Some(row.0);
                break;
            }
            loaded.last = Some(row);
            if !self.queue.is_loaded(row.1) {
                match self.disk.get(&row.1) {
                    Some(record) => loaded.records.push((row.0, record.clone())),
                    None => loaded.stray.push(row),
                }
            }
        }
        self.parked += u64::try_from(loaded.records.len()).unwrap();
        self.queue.loaded(load, loaded, self.now);
    }

    /// Takes a message into memory if it is in the store alone.
    fn bring(&mut self, id: MessageId) {
        if !self.queue.is_loaded(id)
            && let Some(record) = self.disk.get(&id)
        {
            self.queue.bring(record.clone(), self.now);
        }
    }

    /// What the store says of its order at a start.
    fn holdings(&self) -> Holdings {
        let mut holdings = Holdings::default();
        let mut hops: BTreeMap<NextHop, (HopCount, [Option<Timestamp>; 5])> = BTreeMap::new();
        for place in &self.places {
            match place {
                Place::Backlog { hop, class, submitted, .. } => {
                    let (count, oldest) = hops.entry(hop.clone()).or_default();
                    count.messages[class.index()] += 1;
                    count.bytes += 1;
                    oldest[class.index()].get_or_insert(*submitted);
                }
                Place::Due { due, .. } => {
                    holdings.total += 1;
                    holdings.due = holdings.due.into_iter().chain([*due]).min();
                }
            }
        }
        holdings.hops =
            hops.into_iter().map(|(hop, (count, oldest))| (hop, count, oldest)).collect();
        holdings
    }

    fn take(&mut self, hop: NextHop) {
        let Some(work) = self.queue.take(&hop, self.now) else {
            return;
        };
        for number in &work.recipients {
            let key = (work.id, *number);
            if self.done.contains(&key) {
                assert!(self.tainted.contains(&key), "seed {}: done again {key:?}", self.seed);
                self.repeated += 1;
            }
            assert!(!self.reported.contains(&key), "seed {}: reported, then tried", self.seed);
            assert!(self.disk.contains_key(&work.id), "seed {}: tried before durable", self.seed);
            assert!(!self.aside.contains(&work.id), "seed {}: tried though aside", self.seed);
        }
        self.flying.push((hop, work));
    }

    fn finish_work(&mut self, always_done: bool) {
        let Some(at) = self.pick(self.flying.len()) else {
            return;
        };
        let (_, work) = self.flying.swap_remove(at);
        if !always_done && self.draw(8) == 0 {
            self.answer_astray(work);
            return;
        }
        let mut results = Vec::new();
        for number in work.recipients {
            let outcome = match self.draw(10) {
                0..=5 => Outcome::Done,
                _ if always_done => Outcome::Done,
                6..=7 => Outcome::Retry { error: "busy".to_owned() },
                _ => Outcome::Fail { reason: 1, diagnostic: None, error: "no".to_owned() },
            };
            if outcome == Outcome::Done {
                self.done.insert((work.id, number));
            }
            results.push((number, outcome));
        }
        self.queue.complete(work.id, results, self.now);
    }

    /// The peer took a message, and its answer is lost, comes late, or comes twice.
    fn answer_astray(&mut self, work: Work) {
        let done: Vec<(u32, Outcome)> =
            work.recipients.iter().map(|number| (*number, Outcome::Done)).collect();
        let keys: Vec<Key> = work.recipients.iter().map(|number| (work.id, *number)).collect();
        self.done.extend(keys.iter().copied());
        self.astray += 1;
        match self.draw(3) {
            // Lost with the association: it goes out again, and the peer knows it by its identifier.
            0 => {
                self.tainted.extend(keys);
                self.queue.work_lost(&work, "cut before the answer", self.now);
            }
            // Late: the association was given up, and the answer comes after all.
            1 => {
                self.tainted.extend(keys);
                self.queue.work_lost(&work, "cut before the answer", self.now);
                self.late.push((work.id, done));
            }
            // Twice.
            _ => {
                self.queue.complete(work.id, done.clone(), self.now);
                self.queue.complete(work.id, done, self.now);
            }
        }
    }

    /// An answer of an association that was given up arrives.
    fn hear_late(&mut self) {
        if let Some(at) = self.pick(self.late.len()) {
            let (id, done) = self.late.swap_remove(at);
            self.bring(id);
            // It may be going out again at this moment; what comes of that counts no more.
            self.queue.complete(id, done, self.now);
        }
    }

    fn trouble(&mut self) {
        let hop = self.any_hop();
        match self.draw(13) {
            11 | 12 => self.hear_late(),
            8 => self.lose_work(),
            9 => self.crash_on_work(),
            10 => {
                let by = SignedDuration::from_secs(i64::try_from(self.draw(4000)).unwrap() - 2000);
                self.now += by;
                self.queue.clock_was_set(by);
            }
            0..=2 => {
                self.flying.retain(|(other, _)| *other != hop);
                self.queue.hop_failed(&hop, "cut".to_owned(), self.now);
            }
            3 => self.queue.hop_up(&hop, self.now),
            4 => self.queue.wake(&hop, self.now),
            5 => self.queue.hold(&hop, self.now),
            6 => self.queue.release(&hop, self.now),
            _ => self.operate(&hop),
        }
    }

    /// One of several associations to a hop breaks.
    fn lose_work(&mut self) {
        if let Some(at) = self.pick(self.flying.len()) {
            let (_, work) = self.flying.swap_remove(at);
            self.queue.work_lost(&work, "cut", self.now);
        }
    }

    /// A message stalls whoever processes it.
    fn crash_on_work(&mut self) {
        if let Some(at) = self.pick(self.flying.len()) {
            let (_, work) = self.flying.swap_remove(at);
            self.flying.retain(|(_, other)| other.id != work.id);
            for _ in 0..=self.draw(2) {
                drop(self.queue.crashed(work.id, "stalled", self.now));
            }
        }
    }

    fn is_aside(&self, id: MessageId) -> bool {
        self.queue.record(id).is_some_and(|record| record.head.trouble.aside.is_some())
    }

    fn operate(&mut self, hop: &NextHop) {
        let known: Vec<MessageId> = self.disk.keys().copied().collect();
        let Some(at) = self.pick(known.len()) else {
            return;
        };
        let id = known[at];
        self.bring(id);
        // The engine may refuse what it does not hold; the promises are checked all the same.
        match self.draw(5) {
            4 => {
                if self.queue.release_message(id, self.now) == Ok(true) {
                    self.aside.remove(&id);
                }
            }
            0 => {
                if self.queue.delete(id, self.now).is_ok() {
                    self.deleted.insert(id);
                }
            }
            1 => drop(self.queue.retry(id, self.now)),
            _ => drop(self.queue.set_next_hop(id, &[0, 1], hop, self.now)),
        }
    }

    fn pass_time(&mut self) {
        let due = self.queue.next_timeout();
        let seconds = i64::try_from(self.draw(100)).unwrap();
        let somewhat = self.now + SignedDuration::from_secs(seconds);
        self.now = match due {
            Some(due) if self.draw(2) == 0 => due.max(self.now),
            _ => somewhat,
        };
        self.queue.handle_timeout(self.now);
    }

    /// The process dies: of the commits under way the first ones may have reached the disk.
    fn crash(&mut self) {
        let reached = self.pick(self.pending.len() + 1).unwrap_or(0);
        self.crash_with(reached);
    }

    fn crash_with(&mut self, reached: usize) {
        self.crashes += 1;
        let pending = std::mem::take(&mut self.pending);
        for (_, writes) in pending.into_iter().take(reached) {
            self.write(&writes);
        }
        self.flying.clear();
        self.late.clear();
        self.warned.clear();
        self.aside.clear();
        self.reports_needed.clear();
        // Nobody heard an answer to these.
        self.tickets.clear();
        // Numbers that never reached the disk are given out again.
        let last_id = self.last_id;
        self.reports.retain(|report, _| *report <= last_id);
        self.check_refused();
        self.refused.retain(|(message, _)| *message <= last_id);
        for record in self.disk.values() {
            let id = record.head.id;
            for recipient in &record.recipients {
                if self.done.contains(&(id, recipient.number)) {
                    self.tainted.insert((id, recipient.number));
                }
            }
        }
        self.queue = Queue::new(config(self.seed));
        self.queue.restore_holds(self.holds.clone());
        self.queue.restore_parked(self.holdings(), self.last_id, self.now);
    }

    /// Everything gets well: after that nothing may be left.
    fn drain(&mut self) {
        let hops =
            [NextHop::Local, NextHop::Peer("EAST".to_owned()), NextHop::Peer("WEST".to_owned())];
        for hop in &hops {
            self.queue.release(hop, self.now);
        }
        for round in 0..400 {
            let stuck: Vec<MessageId> = self.disk.keys().copied().collect();
            for id in stuck {
                self.bring(id);
                drop(self.queue.release_message(id, self.now));
                self.aside.remove(&id);
            }
            for hop in &hops {
                self.queue.hop_up(hop, self.now);
                self.take(hop.clone());
            }
            for _ in 0..10 {
                self.act();
                self.write_report();
                self.answer_commit(true);
                self.finish_work(true);
            }
            // A hold that could not be written is still to be.
            if self.queue.is_empty() && self.disk.is_empty() && self.queue.next_timeout().is_none()
            {
                break;
            }
            // A clock that was set back in between leaves deferrals far away.
            self.now += SignedDuration::from_secs(if round < 200 { 5 } else { 500 });
            self.queue.handle_timeout(self.now);
        }
        assert!(self.queue.is_empty() && self.disk.is_empty(), "seed {}: stuck", self.seed);
        assert_eq!(self.queue.next_timeout(), None, "seed {}: a timer is left", self.seed);
        self.check_strays();
    }

    /// Rows that a crash left behind are taken out once they are read; no count stays wrong by them.
    fn check_strays(&mut self) {
        self.crash();
        self.now = self.now.checked_add(SignedDuration::from_hours(10_000)).unwrap();
        for _ in 0..10 {
            self.queue.handle_timeout(self.now);
            if self.places.is_empty() && self.pending.is_empty() && self.queue.is_empty() {
                break;
            }
            for _ in 0..30 {
                self.act();
                self.answer_commit(true);
            }
        }
        let seed = self.seed;
        assert!(self.places.is_empty(), "seed {seed}: rows are left: {:?}", self.places);
        assert!(self.queue.is_empty(), "seed {seed}: {} left", self.queue.len());
    }

    fn check_promises(&self) {
        for key in &self.accepted {
            let kept = self.done.contains(key)
                || self.reported.contains(key)
                || self.deleted.contains(&key.0);
            assert!(kept, "seed {}: lost {key:?}", self.seed);
        }
        self.check_refused();
    }

    fn check_refused(&self) {
        for key in &self.refused {
            assert!(!self.done.contains(key), "seed {}: refused and done {key:?}", self.seed);
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

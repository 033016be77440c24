//! Random inputs, failing commits and crashes at any point, under a virtual clock.
//!
//! The model keeps a disk (what was durable), a world (who received what) and the promises made (accepted tickets).
//! Whatever happens, each accepted recipient is done, or reported, or still on disk; it is reported at most once; and it
//! is done a second time, or reported although done, only if a crash came between doing it and the durable removal.
//! The seed of a failing run is printed.

#![expect(clippy::unwrap_used, reason = "a test may panic, and that is how it fails")]

use jiff::{SignedDuration, Timestamp};
use queue::{
    Action, BatchId, Kind, Life, Link, MessageId, MessageRecord, NewMessage, NewRecipient, NextHop,
    Outcome, Priority, Profile, Queue, QueueConfig, Retry, Ticket, Work, Write,
};
use std::collections::{BTreeMap, BTreeSet};

const RUNS: u64 = 3000;
const STEPS: u32 = 120;
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
    assert!(
        totals.crashes > 5_000 && totals.refused > 1_000 && totals.repeated > 100,
        "{totals:?}"
    );
    assert!(totals.used_up > 50 && totals.set_aside > 100, "{totals:?}");
    assert!(totals.astray > 1000, "{totals:?}");
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
    }
}

struct Run {
    seed: u64,
    random: u64,
    now: Timestamp,
    queue: Queue,
    disk: BTreeMap<MessageId, MessageRecord>,
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
}

impl Run {
    fn new(seed: u64) -> Self {
        Self {
            seed,
            random: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
            now: Timestamp::UNIX_EPOCH,
            queue: Queue::new(config(seed)),
            disk: BTreeMap::new(),
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
            _ => self.crash(),
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
            Some(Action::RetriesUsedUp { hop, work }) => self.go_another_way(&hop, work),
            Some(Action::Delayed { id, .. }) => {
                assert!(self.warned.insert(id), "seed {}: warned twice {id}", self.seed);
            }
            // It may have been released before this was heard.
            Some(Action::SetAside { id, .. }) if self.is_aside(id) => {
                self.set_aside += 1;
                self.aside.insert(id);
            }
            Some(Action::SetAside { .. }) => {}
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
                Write::PutHead(_)
                | Write::PutHold { .. }
                | Write::PutSeen { .. }
                | Write::RemoveSeen { .. } => {}
            }
        }
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

    /// The process dies: of the commits under way any may have reached the disk, in order.
    fn crash(&mut self) {
        self.crashes += 1;
        for (_, writes) in std::mem::take(&mut self.pending) {
            if self.draw(2) == 0 {
                self.write(&writes);
            }
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
        let records: Vec<MessageRecord> = self.disk.values().cloned().collect();
        self.queue.restore(records, self.last_id, self.now);
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
        ..QueueConfig::default()
    }
}

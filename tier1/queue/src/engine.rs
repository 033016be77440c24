//! The engine's data, its start, its timers and its indexes.

use crate::action::{Action, Failure};
use crate::aside::CRASHES;
use crate::commit::Op;
use crate::config::{QueueConfig, after};
use crate::hop::{BacklogKey, HopIndex, Hops};
use crate::message::{Kind, MessageHead, MessageRecord, Priority, RecipientRecord};
use crate::name::{BatchId, MessageId, NextHop};
use crate::state::{Input, Phase, State, Turn};
use crate::window::{Placed, Position};
use jiff::{SignedDuration, Timestamp};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// The queue: every message that this server answers for, and what happens to it next.
///
/// After every call, drain [`Queue::poll_action`]; call [`Queue::handle_timeout`] at [`Queue::next_timeout`].
#[derive(Debug)]
pub struct Queue {
    pub(crate) config: QueueConfig,
    pub(crate) messages: BTreeMap<MessageId, Entry>,
    pub(crate) hops: Hops,
    pub(crate) timers: BTreeSet<(Timestamp, Timer)>,
    /// Commits under way.
    pub(crate) batches: BTreeMap<BatchId, Op>,
    /// Commits that failed and wait for their next attempt.
    pub(crate) failed_ops: BTreeMap<BatchId, Op>,
    /// Dedupe keys of acceptances under way.
    pub(crate) seen_pending: BTreeSet<String>,
    pub(crate) actions: VecDeque<Action>,
    pub(crate) last_id: MessageId,
    pub(crate) last_batch: u64,
    /// Messages in the store alone.
    pub(crate) parked_total: u64,
    /// Messages in memory that have rows in the order of the store.
    pub(crate) placed_total: u64,
    /// When something is due for a parked message, not later.
    pub(crate) parked_due: Option<Timestamp>,
    /// Up to where the order of what is due was read.
    pub(crate) due_after: Option<Position>,
    /// Messages of hops that the store was asked for.
    pub(crate) asked: usize,
    pub(crate) loading_due: bool,
    /// Messages that came in for what was due and are not dealt with.
    pub(crate) due_busy: BTreeSet<MessageId>,
    /// Commits under way that bring the store in line with memory.
    pub(crate) settling: usize,
    /// The last identifier when the clock was set, and by how much.
    pub(crate) jumps: Vec<(MessageId, SignedDuration)>,
}

/// A message in memory.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) head: MessageHead,
    pub(crate) phase: Phase,
    /// When the originator is warned, if still to be.
    pub(crate) warn_at: Option<Timestamp>,
    /// By number.
    pub(crate) recipients: Vec<Recipient>,
    /// When its timer is set.
    pub(crate) timer: Option<Timestamp>,
    /// The hops that count it, and until when it waits there.
    pub(crate) indexed: Vec<(HopIndex, Option<Timestamp>)>,
    /// Its rows in the order of the store, as the last commit leaves them.
    pub(crate) placed: Placed,
    /// Rows that commits under way replace.
    pub(crate) replaced: Vec<Placed>,
    /// Rows that commits which failed may have left.
    pub(crate) stale: Vec<Placed>,
    /// Whether rows are left because another commit was under way.
    pub(crate) behind: bool,
    /// Whether a commit under way takes those out.
    pub(crate) stale_written: bool,
    /// Commits about it that are not durable.
    pub(crate) ops: u32,
    /// Failures that were said before the message was durable.
    pub(crate) early_failures: Vec<(u32, Failure)>,
}

/// A recipient in memory.
#[derive(Debug)]
pub(crate) struct Recipient {
    pub(crate) number: u32,
    pub(crate) address: String,
    pub(crate) report_wanted: bool,
    pub(crate) hop: HopIndex,
    pub(crate) state: State,
    /// Attempts of its own.
    pub(crate) attempts: u32,
    /// The hop's `failures_ever` when it joined: later ones count as its attempts too.
    pub(crate) hop_base: u32,
    pub(crate) last_error: Option<String>,
    /// Until when it waits by its row in the store; nothing where that is not known.
    pub(crate) disk_due: Option<Option<Timestamp>>,
    /// The commit of its removal was handed out and did not fail.
    pub(crate) leaving: bool,
    /// Why it failed for good, while its report is being made.
    pub(crate) failure: Option<Box<Failure>>,
}

/// What a timer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    /// A hop's delay is over.
    Hop(HopIndex),
    /// A recipient's delay is over, or the message's life.
    Message(MessageId),
    /// A failed commit is tried again.
    Commit(BatchId),
    /// Something is due for a parked message.
    Parked,
    /// The store is asked again for parked messages of a hop and class.
    Load(HopIndex, usize),
}

impl Queue {
    /// An empty queue.
    #[must_use]
    pub fn new(config: QueueConfig) -> Self {
        Self {
            config,
            messages: BTreeMap::new(),
            hops: Hops::default(),
            timers: BTreeSet::new(),
            batches: BTreeMap::new(),
            failed_ops: BTreeMap::new(),
            seen_pending: BTreeSet::new(),
            actions: VecDeque::new(),
            last_id: MessageId::ZERO,
            last_batch: 0,
            parked_total: 0,
            placed_total: 0,
            parked_due: None,
            due_after: None,
            asked: 0,
            loading_due: false,
            due_busy: BTreeSet::new(),
            settling: 0,
            jumps: Vec::new(),
        }
    }

    /// Takes over the holds that the store keeps, before [`Queue::restore`].
    pub fn restore_holds(&mut self, holds: impl IntoIterator<Item = NextHop>) {
        for hop in holds {
            let index = self.hop_index(&hop);
            self.hops.at_mut(index).held = true;
        }
    }

    /// Takes over what the store holds at start; `last_id` is the highest identifier that was ever stored.
    pub fn restore(
        &mut self,
        records: impl IntoIterator<Item = MessageRecord>,
        last_id: MessageId,
        now: Timestamp,
    ) {
        self.last_id = self.last_id.max(last_id);
        for record in records {
            let id = record.head.id;
            self.last_id = self.last_id.max(id);
            let empty = record.recipients.is_empty();
            let phase =
                if record.head.trouble.aside.is_some() { Phase::Aside } else { Phase::Standing };
            self.enter(record, State::Queued, phase);
            self.end_past_waits(id, now);
            self.defer_if_asked(id, now);
            if empty {
                self.start(Op::Forget { id }, now);
                continue;
            }
            self.reindex(id);
            self.expire_if_due(id, now);
        }
        for index in self.hops.by_name().map(|(index, _)| index).collect::<Vec<_>>() {
            self.announce(index);
        }
    }

    /// A new identifier.
    pub fn next_id(&mut self) -> MessageId {
        self.last_id = MessageId::from_number(self.last_id.number() + 1);
        self.last_id
    }

    /// When a message of this priority comes back, by the configured lives.
    #[must_use]
    pub fn expires(&self, priority: Priority, submitted: Timestamp) -> Timestamp {
        self.config.life.expires(priority, submitted)
    }

    /// Replaces the rules; delays and lives that already run stay as they are.
    pub fn set_config(&mut self, config: QueueConfig) {
        self.config = config;
    }

    /// What the caller has to do next.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// When [`Queue::handle_timeout`] wants to be called.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Timestamp> {
        self.timers.first().map(|(due, _)| *due)
    }

    /// Delays that are over, messages whose time is up, commits that are tried again.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        while let Some((due, timer)) = self.timers.first().copied() {
            if due > now {
                break;
            }
            self.timers.pop_first();
            match timer {
                Timer::Hop(index) => {
                    self.hops.at_mut(index).retry_at = None;
                    self.announce(index);
                }
                Timer::Message(id) => self.message_due(id, now),
                Timer::Commit(batch) => self.retry_commit(batch, now),
                Timer::Parked => self.ask_due(now),
                Timer::Load(index, class) => self.load_again(index, class),
            }
        }
    }

    /// How many messages the queue holds, in memory and in the store alone.
    #[must_use]
    pub fn len(&self) -> usize {
        let parked = usize::try_from(self.parked_total).unwrap_or(usize::MAX);
        self.messages.len().saturating_add(parked)
    }

    /// Whether it holds as many messages as it may.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.len() >= self.config.max_messages
    }

    /// Whether the queue holds nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The record of a message in memory, with the recipients that are still to be served.
    #[must_use]
    pub fn record(&self, id: MessageId) -> Option<MessageRecord> {
        let entry = self.messages.get(&id)?;
        Some(MessageRecord {
            head: entry.head.clone(),
            recipients: entry
                .recipients
                .iter()
                .filter(|recipient| !matches!(recipient.state, State::Removing | State::Gone))
                .map(|recipient| self.recipient_record(recipient))
                .collect(),
        })
    }

    /// Puts a message into memory with all its recipients in one state.
    pub(crate) fn enter(&mut self, record: MessageRecord, state: State, phase: Phase) {
        let id = record.head.id;
        let warn_at = self.config.warn_after_s.filter(|_| !record.head.trouble.warned);
        let warn_at = warn_at.map(|seconds| {
            after(record.head.submitted, SignedDuration::from_secs(i64::from(seconds)))
        });
        let mut recipients: Vec<Recipient> = record
            .recipients
            .into_iter()
            .map(|recipient| {
                let hop = self.hops.intern(&recipient.next_hop);
                Recipient {
                    number: recipient.number,
                    address: recipient.address,
                    report_wanted: recipient.report_wanted,
                    hop,
                    state: match (state, recipient.due) {
                        (State::Queued, Some(due)) => State::Waiting { due },
                        _ => state,
                    },
                    attempts: recipient.attempts,
                    hop_base: self.hops.at(hop).failures_ever,
                    last_error: recipient.last_error,
                    disk_due: Some(recipient.due),
                    leaving: false,
                    failure: None,
                }
            })
            .collect();
        recipients.sort_by_key(|recipient| recipient.number);
        let entry = Entry {
            head: record.head,
            phase,
            warn_at,
            recipients,
            timer: None,
            indexed: Vec::new(),
            placed: Placed::default(),
            replaced: Vec::new(),
            stale: Vec::new(),
            behind: false,
            stale_written: false,
            ops: 0,
            early_failures: Vec::new(),
        };
        self.messages.insert(id, entry);
    }

    /// Takes a message out of memory and all indexes; whether it was there.
    pub(crate) fn forget_entry(&mut self, id: MessageId) -> bool {
        self.unindex(id);
        self.due_done(id);
        let Some(entry) = self.messages.remove(&id) else {
            return false;
        };
        for (index, class) in &entry.placed.hops {
            self.hops.at_mut(*index).placed.take(*class, entry.head.size);
        }
        let placed = u64::from(entry.placed.due.is_some());
        self.placed_total = self.placed_total.saturating_sub(placed);
        true
    }

    /// Queues the recipients of a message that comes in whose delays are over.
    pub(crate) fn end_past_waits(&mut self, id: MessageId, now: Timestamp) {
        if let Some(entry) = self.messages.get_mut(&id) {
            for recipient in &mut entry.recipients {
                if matches!(recipient.state, State::Waiting { due } if due <= now) {
                    recipient.step(Input::Due);
                }
            }
        }
    }

    /// Brings backlogs and timer of a message in line with the states of its recipients.
    pub(crate) fn reindex(&mut self, id: MessageId) {
        self.unindex(id);
        let Some(entry) = self.messages.get_mut(&id) else {
            return;
        };
        let key = entry.backlog_key();
        let age = (entry.head.submitted, id);
        let size = entry.head.size;
        let (end, _) = entry.head.end();
        let end = entry.warn_at.map_or(end, |warn_at| warn_at.min(end));
        let (aside, hopeless) = (entry.is_aside(), entry.is_hopeless());
        let mut timer: Option<Timestamp> = None;
        let mut failing = false;
        for recipient in &entry.recipients {
            let hop = self.hops.at_mut(recipient.hop);
            let mut waits = None;
            match recipient.state {
                State::Queued => {
                    if !aside {
                        hop.ready.insert(key);
                    }
                }
                State::Waiting { due } => {
                    hop.waiting.insert(age);
                    waits = Some(due);
                }
                State::InFlight | State::Doomed => {
                    hop.flying.insert(age);
                }
                State::Failed | State::Reporting => {
                    failing = true;
                    continue;
                }
                _ => continue,
            }
            if !matches!(recipient.state, State::InFlight | State::Doomed) {
                let due = waits.map_or(end, |waits| waits.min(end));
                timer = Some(timer.map_or(due, |earlier| earlier.min(due)));
            }
            match entry.indexed.iter_mut().find(|(index, _)| *index == recipient.hop) {
                Some((_, known)) => *known = (*known).into_iter().chain(waits).min(),
                None => entry.indexed.push((recipient.hop, waits)),
            }
        }
        for (index, waits) in &entry.indexed {
            let hop = self.hops.at_mut(*index);
            hop.messages += 1;
            hop.bytes = hop.bytes.saturating_add(size);
            if let Some(due) = waits {
                hop.waits.insert((*due, id));
            }
        }
        // Whatever is due has no effect on it.
        let timer = timer.filter(|_| !hopeless);
        entry.timer = timer;
        if let Some(due) = timer {
            self.timers.insert((due, Timer::Message(id)));
        }
        if !failing {
            self.due_done(id);
        }
    }

    /// Takes a message out of all backlogs and its timer off.
    pub(crate) fn unindex(&mut self, id: MessageId) {
        let Some(entry) = self.messages.get_mut(&id) else {
            return;
        };
        let key = entry.backlog_key();
        let age = (entry.head.submitted, id);
        let indexed = std::mem::take(&mut entry.indexed);
        for (index, waits) in &indexed {
            let hop = self.hops.at_mut(*index);
            hop.ready.remove(&key);
            hop.waiting.remove(&age);
            hop.flying.remove(&age);
            if let Some(due) = waits {
                hop.waits.remove(&(*due, id));
            }
            hop.messages = hop.messages.saturating_sub(1);
            hop.bytes = hop.bytes.saturating_sub(entry.head.size);
        }
        if let Some(due) = entry.timer.take() {
            self.timers.remove(&(due, Timer::Message(id)));
        }
    }

    /// Says once that a hop has work.
    pub(crate) fn announce(&mut self, index: HopIndex) {
        let hop = self.hops.at_mut(index);
        if hop.announce() {
            let hop = hop.name.clone();
            self.actions.push_back(Action::Ready { hop });
        }
    }

    /// Says once of each hop of this message that it has work.
    pub(crate) fn announce_hops_of(&mut self, id: MessageId) {
        for index in self.hops_of(id) {
            self.announce(index);
        }
    }

    pub(crate) fn hops_of(&self, id: MessageId) -> BTreeSet<HopIndex> {
        self.messages.get(&id).map_or_else(BTreeSet::new, |entry| {
            entry.recipients.iter().map(|recipient| recipient.hop).collect()
        })
    }

    /// The durable part of a recipient.
    pub(crate) fn recipient_record(&self, recipient: &Recipient) -> RecipientRecord {
        let hop = self.hops.at(recipient.hop);
        // A hop keeps its error only while it fails, so this is the newer one.
        let last_error = hop.last_error.as_ref().or(recipient.last_error.as_ref());
        RecipientRecord {
            number: recipient.number,
            address: recipient.address.clone(),
            next_hop: hop.name.clone(),
            report_wanted: recipient.report_wanted,
            attempts: recipient.all_attempts(hop.failures_ever),
            last_error: last_error.cloned(),
            due: recipient.waits_until(),
        }
    }

    /// The hop's number; a hop that was never named gets one.
    pub(crate) fn hop_index(&mut self, hop: &NextHop) -> HopIndex {
        self.hops.intern(hop)
    }
}

/// X.411 8.2.1.1.1.7: reports travel as urgent mail does.
pub(crate) const fn urgency(head: &MessageHead) -> Priority {
    match head.kind {
        Kind::Report => Priority::Urgent,
        Kind::Message => head.priority,
    }
}

impl Entry {
    pub(crate) fn backlog_key(&self) -> BacklogKey {
        (Reverse(urgency(&self.head)), self.head.submitted, self.head.id)
    }

    /// Takes the table's next phase; whether there was one.
    pub(crate) fn turn(&mut self, turn: Turn) -> bool {
        match self.phase.next(turn) {
            Some(next) => {
                self.phase = next;
                true
            }
            None => false,
        }
    }

    /// Whether it is not processed any more.
    pub(crate) fn is_aside(&self) -> bool {
        self.phase == Phase::Aside
    }

    /// Whether it crashed even the making of its report: only an operator can do something with it.
    pub(crate) fn is_hopeless(&self) -> bool {
        self.is_aside() && self.head.trouble.crashes > CRASHES
    }

    /// Whether failures of this message are reported at all.
    pub(crate) fn is_reportable(&self) -> bool {
        self.head.kind == Kind::Message
    }

    pub(crate) fn recipient_mut(&mut self, number: u32) -> Option<&mut Recipient> {
        let at =
            self.recipients.binary_search_by_key(&number, |recipient| recipient.number).ok()?;
        self.recipients.get_mut(at)
    }
}

impl Recipient {
    /// Takes the table's next state; whether there was one.
    pub(crate) fn step(&mut self, input: Input) -> bool {
        match self.state.next(input) {
            Some(next) => {
                self.state = next;
                true
            }
            None => false,
        }
    }

    /// Until when it waits, if it does.
    pub(crate) fn waits_until(&self) -> Option<Timestamp> {
        match self.state {
            State::Waiting { due } => Some(due),
            _ => None,
        }
    }

    /// Whether it still is to be served.
    pub(crate) fn is_pending(&self) -> bool {
        matches!(self.state, State::Queued | State::InFlight | State::Waiting { .. })
    }

    /// Its own attempts and the failures of its hop since it joined.
    pub(crate) fn all_attempts(&self, failures_ever: u32) -> u32 {
        let of_hop = failures_ever.saturating_sub(self.hop_base);
        self.attempts.saturating_add(of_hop)
    }
}

//! What of the queue is in memory, and what only in the store.
//!
//! Each next hop has a window: the most urgent and oldest messages of each class. What does not fit is parked: it is in
//! the store alone, found by the rows of its order, and comes back when the window has room or its time has come. The
//! caller answers [`Action::Load`] with [`Queue::loaded`]; it reads and answers without letting another input of the
//! engine in between, so that what it read is still true.
//!
//! Invariants:
//! - A message is parked only when what stands in the store is what memory held of it, down to the order rows.
//! - Of each class the parked messages stand behind the place up to which the window was filled.
//! - Every message has exactly one row by the time at which something is due for it, so that a parked one is neither
//!   late nor lost.

mod due;
mod order;

use self::due::later_by;
use self::order::class_of;
pub(crate) use self::order::{CLASSES, Placed};
pub use self::order::{Class, HopCount, Order, Place};
use crate::action::{Action, Write};
use crate::commit::Op;
use crate::config::after;
use crate::engine::{Entry, Queue, Timer};
use crate::hop::HopIndex;
use crate::message::MessageRecord;
use crate::name::{MessageId, NextHop};
use crate::state::{Phase, State};
use jiff::{SignedDuration, Timestamp};

/// Most messages of one answer to [`Action::Load`]: nothing else happens in the queue while they are read.
const CHUNK: usize = 128;

/// A place in the order of a class or of what is due: rows behind it are greater.
pub type Position = (Timestamp, MessageId);

/// What the engine wants of the store: the first messages of an order that are not in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Load {
    /// Of a hop.
    Backlog {
        /// The hop.
        hop: NextHop,
        /// The class.
        class: Class,
        /// Only behind this place.
        after: Option<Position>,
        /// At most so many.
        limit: usize,
    },
    /// Of what is due.
    Due {
        /// Only behind this place.
        after: Option<Position>,
        /// Only up to this time.
        until: Timestamp,
        /// At most so many.
        limit: usize,
    },
}

/// The answer to a [`Load`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Loaded {
    /// The messages, without those in memory, each with the time of the row by which it was found.
    pub records: Vec<(Timestamp, MessageRecord)>,
    /// The last row that was looked at, also one of a message in memory.
    pub last: Option<Position>,
    /// Whether the limit ended it, so that there may be more.
    pub more: bool,
    /// Rows of messages that are not there: a crash may leave some.
    pub stray: Vec<Position>,
    /// Of what is due: the time of the first row that was not looked at.
    pub next: Option<Timestamp>,
}

/// What the store holds at the start beside messages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holdings {
    /// Every hop with its count, and when the oldest of each class was submitted.
    pub hops: Vec<(NextHop, HopCount, [Option<Timestamp>; CLASSES])>,
    /// How many messages there are.
    pub total: u64,
    /// The earliest time at which something is due.
    pub due: Option<Timestamp>,
}

/// Reading the parked messages of a hop for another reason than room in its window.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sweep {
    /// Delays of messages up to this number are over.
    pub(crate) wake: Option<MessageId>,
    /// The attempts to open the link are used up for messages up to this number.
    pub(crate) flush: Option<MessageId>,
}

impl Queue {
    /// Takes over what the store holds at start, all of it parked; `last_id` is the highest identifier that was ever
    /// stored. Loads of the first windows follow.
    pub fn restore_parked(&mut self, holdings: Holdings, last_id: MessageId, now: Timestamp) {
        self.last_id = self.last_id.max(last_id);
        self.parked_total = holdings.total;
        for (name, count, oldest) in holdings.hops {
            let index = self.hop_index(&name);
            let hop = self.hops.at_mut(index);
            hop.parked = count;
            hop.parked_oldest = oldest;
            hop.read_all = [false; CLASSES];
            self.refill(index);
        }
        self.parked_due = None;
        if let Some(due) = holdings.due {
            self.note_parked_due(due);
        }
        self.ask_due(now);
    }

    /// The order rows of a message that stands in the store, for a store that has none.
    #[must_use]
    pub fn places_of(record: &MessageRecord) -> Vec<Place> {
        let (mut end, _) = record.head.end();
        let mut hops: Vec<(&NextHop, usize)> = Vec::new();
        for recipient in &record.recipients {
            end = recipient.due.map_or(end, |due| due.min(end));
            let class = class_of(&record.head, recipient.due);
            match hops.iter_mut().find(|(hop, _)| **hop == recipient.next_hop) {
                Some((_, known)) => *known = class.min(*known),
                None => hops.push((&recipient.next_hop, class)),
            }
        }
        let (submitted, id) = (record.head.submitted, record.head.id);
        let place = |(hop, class): (&NextHop, usize)| Place::Backlog {
            hop: hop.clone(),
            class: Class::ALL[class],
            submitted,
            id,
        };
        let due = Place::Due { due: end, id };
        hops.into_iter().map(place).chain([due]).collect()
    }

    /// Whether a message is in memory.
    #[must_use]
    pub fn is_loaded(&self, id: MessageId) -> bool {
        self.messages.contains_key(&id)
    }

    /// The answer to [`Action::Load`].
    pub fn loaded(&mut self, load: &Load, loaded: Loaded, now: Timestamp) {
        match load {
            Load::Backlog { hop, class, after, limit } => {
                self.asked = self.asked.saturating_sub(*limit);
                let index = self.hop_index(hop);
                self.backlog_loaded(index, class.index(), *after, loaded, now);
            }
            Load::Due { after, .. } => {
                self.loading_due = false;
                self.due_after = loaded.last.or(*after);
                let least = self.least_shift();
                self.parked_due = None;
                for (row, record) in loaded.records {
                    let id = record.head.id;
                    self.bring(record, now);
                    let due = later_by(row, self.shift_of(id));
                    self.found_by(id, Placed { hops: Vec::new(), due: Some(due) }, now);
                    self.message_due(id, now);
                    let failed = |entry: &&Entry| entry.is_failing();
                    if self.messages.get(&id).filter(failed).is_some() {
                        self.due_busy.insert(id);
                    }
                }
                let strays = u64::try_from(loaded.stray.len()).unwrap_or(0);
                self.parked_total = self.parked_total.saturating_sub(strays);
                let rows = loaded.stray.into_iter().map(|(due, id)| Place::Due { due, id });
                self.take_out(rows.collect());
                if let Some(next) = loaded.next {
                    self.note_parked_due(later_by(next, least));
                }
                self.ask_due(now);
            }
        }
    }

    /// The store could not answer an [`Action::Load`]: it is asked again after a while.
    pub fn load_failed(&mut self, load: &Load, now: Timestamp) {
        let delay = SignedDuration::from_secs(i64::from(self.config.commit_retry_s));
        let due = after(now, delay);
        match load {
            Load::Backlog { hop, class, limit, .. } => {
                self.asked = self.asked.saturating_sub(*limit);
                let index = self.hop_index(hop);
                self.timers.insert((due, Timer::Load(index, class.index())));
            }
            Load::Due { .. } => {
                self.loading_due = false;
                self.timers.insert((due, Timer::Parked));
            }
        }
    }

    /// Takes a parked message into memory, as an operator or a late answer asks for it. The record is as it stands in
    /// the store at this moment; a message that is in memory stays as it is.
    pub fn bring(&mut self, mut record: MessageRecord, now: Timestamp) {
        let id = record.head.id;
        if self.messages.contains_key(&id) {
            return;
        }
        self.parked_total = self.parked_total.saturating_sub(1);
        let empty = record.recipients.is_empty();
        let aside = record.head.trouble.aside.is_some();
        let phase = if aside { Phase::Aside } else { Phase::Standing };
        let shift = self.shift_of(id);
        let head = &mut record.head;
        head.expires = later_by(head.expires, shift);
        head.wishes.latest_delivery = head.wishes.latest_delivery.map(|t| later_by(t, shift));
        head.wishes.deferred_until = head.wishes.deferred_until.map(|t| later_by(t, shift));
        for recipient in &mut record.recipients {
            recipient.due = recipient.due.map(|due| later_by(due, shift));
        }
        self.enter(record, State::Queued, phase);
        let Some(entry) = self.messages.get_mut(&id) else {
            return;
        };
        entry.warn_at = entry.warn_at.map(|warn_at| later_by(warn_at, shift));
        let placed = entry.wanted();
        let size = entry.head.size;
        for (index, class) in &placed.hops {
            let hop = self.hops.at_mut(*index);
            hop.parked.take(*class, size);
            hop.placed.add(*class, size);
            if hop.parked.messages[*class] == 0 {
                hop.parked_oldest[*class] = None;
            }
        }
        self.placed_total += 1;
        if let Some(entry) = self.messages.get_mut(&id) {
            entry.placed = placed;
        }
        // It was told of when it came.
        let _ = self.defer_if_asked(id, now);
        if empty {
            self.start(Op::Forget { id }, now);
            return;
        }
        self.reindex(id);
        self.expire_if_due(id, now);
    }

    fn backlog_loaded(
        &mut self,
        index: HopIndex,
        class: usize,
        asked_after: Option<Position>,
        loaded: Loaded,
        now: Timestamp,
    ) {
        let hop = self.hops.at_mut(index);
        hop.loading[class] = false;
        hop.read_all[class] = !loaded.more;
        if loaded.more {
            hop.horizon[class] = loaded.last;
            hop.parked_oldest[class] = loaded.last.map(|(submitted, _)| submitted);
        } else {
            hop.horizon[class] = None;
        }
        let sweep = hop.sweep;
        let ids: Vec<MessageId> = loaded.records.iter().map(|(_, record)| record.head.id).collect();
        for (_, record) in loaded.records {
            let id = record.head.id;
            self.bring(record, now);
            self.found_by(id, Placed { hops: vec![(index, class)], due: None }, now);
        }
        let name = self.hops.at(index).name.clone();
        let rows = loaded.stray.into_iter().map(|(submitted, id)| Place::Backlog {
            hop: name.clone(),
            class: Class::ALL[class],
            submitted,
            id,
        });
        self.take_out(rows.collect());
        for id in &ids {
            if sweep.wake.is_some_and(|until| *id <= until) {
                self.end_waits(*id, Some(index));
            }
            self.expire_if_due(*id, now);
        }
        if let Some(until) = sweep.flush {
            let flushed = ids.iter().copied().filter(|id| *id <= until);
            let work = self.work_of(index, flushed);
            if !work.is_empty() {
                let hop = self.hops.at(index).name.clone();
                self.actions.push_back(Action::RetriesUsedUp { hop, work });
            }
        }
        if !loaded.more {
            self.order_ended(index, class, asked_after);
        }
        for id in ids {
            self.announce_hops_of(id);
            self.park_if_full(id, now);
        }
        self.refill(index);
        self.announce(index);
    }

    /// A message was found by this row: if it is none that it should have, a crash came between two commits, and its
    /// rows are written anew.
    fn found_by(&mut self, id: MessageId, row: Placed, now: Timestamp) {
        let Some(entry) = self.messages.get_mut(&id) else {
            return;
        };
        let known = row.due.map_or_else(
            || row.hops.iter().all(|hop| entry.placed.hops.contains(hop)),
            |due| entry.placed.due == Some(due),
        );
        if !known && !entry.stale.contains(&row) {
            // The start counted it as another message.
            let second = u64::from(row.due.is_some());
            self.parked_total = self.parked_total.saturating_sub(second);
            entry.stale.push(row);
            entry.stale_written = false;
            self.settling += 1;
            self.start(Op::Settle { id }, now);
        }
    }

    /// Takes rows out that lead to nothing.
    fn take_out(&mut self, remove: Vec<Place>) {
        if !remove.is_empty() {
            let total = self.placed_total + self.parked_total;
            let order = Order { remove, total, ..Order::default() };
            self.emit(Op::Stray, vec![Write::Order(Box::new(order))], Vec::new());
        }
    }

    /// The order of a class was read to its end.
    fn order_ended(&mut self, index: HopIndex, class: usize, asked_after: Option<Position>) {
        let hop = self.hops.at_mut(index);
        if asked_after.is_none() {
            // Whatever the count says, nothing is there: a crash came between a row and its count.
            hop.parked.messages[class] = 0;
            hop.parked_oldest[class] = None;
            if hop.parked.all() == 0 {
                hop.parked.bytes = 0;
            }
        }
        if hop.parked.messages[class] > 0 {
            hop.read_all[class] = false;
            return;
        }
        if class == Class::Later.index() {
            hop.sweep.wake = None;
        }
        if hop.parked.all() == 0 {
            hop.sweep.flush = None;
            if self.hops.by_name().all(|(_, hop)| hop.parked.all() == 0) {
                // Every message waits for some hop.
                self.parked_total = 0;
            }
        }
    }

    /// How many messages of a hop and class may be in memory while so many of all hops are.
    ///
    /// Many hops with few messages each would fill the memory as one hop with many does: the more there are, the less
    /// each of them may have.
    fn window_with(&self, messages: usize) -> usize {
        let (most, window) = (self.config.in_memory.max(2), self.config.window.max(2));
        match most.saturating_sub(messages) {
            0 => 1,
            left if left >= most / 2 => window,
            left => (window.saturating_mul(left) / (most / 2)).max(2),
        }
    }

    /// How many messages to load for a class that has so many in memory: what is loaded must not be parked again at once.
    fn room_for(&self, there: usize) -> usize {
        let messages = self.messages.len() + self.asked;
        let limit = self.window_with(messages).min(CHUNK);
        let fits = |more: &usize| there + more <= self.window_with(messages + more);
        let most = (1..=limit).rev().find(fits);
        // A window never runs dry.
        most.unwrap_or(usize::from(there == 0))
    }

    /// Asks for parked messages where a window has room, or a reason to read them is left.
    pub(crate) fn refill(&mut self, index: HopIndex) {
        let room = self.window_with(self.messages.len()) / 2;
        let busy = self.settling > room.max(1);
        for class in Class::ALL {
            let at = class.index();
            let hop = self.hops.at(index);
            if hop.parked.messages[at] == 0 && hop.read_all[at] || hop.loading[at] {
                continue;
            }
            let Sweep { wake, flush } = hop.sweep;
            // A few that wait are better in memory, where they are seen.
            let few = hop.parked.messages[at] <= u64::try_from(room).unwrap_or(u64::MAX);
            let wanted = match class {
                Class::Later => few || !busy && (wake.is_some() || flush.is_some()),
                Class::Deferred => few || !busy && flush.is_some(),
                _ => true,
            };
            let there = if at < 3 { hop.ready.count(at) } else { hop.waiting.len() };
            // What a sweep hands out has to leave before more of it comes.
            if !wanted || there > room {
                continue;
            }
            // No more than the window takes: what is too much would be the oldest.
            let parked = usize::try_from(hop.parked.messages[at]).unwrap_or(usize::MAX);
            let limit = self.room_for(there).min(parked.max(1));
            if limit == 0 {
                continue;
            }
            self.asked += limit;
            let hop = self.hops.at_mut(index);
            hop.loading[at] = true;
            let (hop, after) = (hop.name.clone(), hop.horizon[at]);
            self.actions.push_back(Action::Load(Load::Backlog { hop, class, after, limit }));
        }
    }

    /// Starts to read all parked messages of a hop whose delays are over, or whose link was tried often enough.
    pub(crate) fn sweep(&mut self, index: HopIndex, wake: bool) {
        let last = self.last_id;
        let hop = self.hops.at_mut(index);
        let later = hop.parked.messages[Class::Later.index()];
        if wake {
            hop.sweep.flush = None;
            hop.sweep.wake = (later > 0).then_some(last);
        } else {
            hop.sweep.flush = (hop.parked.all() > 0).then_some(last);
        }
        for class in [Class::Later.index(), Class::Deferred.index()] {
            hop.horizon[class] = None;
        }
        self.refill(index);
    }

    /// Parks a message, or the last one of a class that it overfills, where every hop that it waits for has enough
    /// before it.
    pub(crate) fn park_if_full(&mut self, id: MessageId, now: Timestamp) {
        let Some(entry) = self.messages.get(&id) else {
            return;
        };
        let queued = entry.recipients.iter().find(|recipient| recipient.state == State::Queued);
        let last = queued.and_then(|recipient| {
            self.hops.at(recipient.hop).ready.last(entry.backlog_key().0).map(|(_, _, id)| *id)
        });
        self.park_if_surplus(last.unwrap_or(id), now);
    }

    fn park_if_surplus(&mut self, id: MessageId, now: Timestamp) {
        let Some(entry) = self.messages.get(&id) else {
            return;
        };
        if entry.phase != Phase::Standing
            || entry.ops > 0
            || entry.warn_at.is_some_and(|at| at <= now)
        {
            return;
        }
        let (end, _) = entry.head.end();
        let window = self.window_with(self.messages.len());
        let mut settled = entry.stale.is_empty();
        for recipient in &entry.recipients {
            let (ready, due) = match recipient.state {
                State::Queued => (true, None),
                State::Waiting { due } => (false, Some(due)),
                State::Gone => continue,
                _ => return,
            };
            let hop = self.hops.at(recipient.hop);
            let class = entry.class();
            let full = if ready {
                // Behind what is parked nothing stays, or that would wait for it; but the window never runs dry.
                let behind = hop.parked.messages[class] > 0
                    && hop.horizon[class].is_none_or(|read| (entry.head.submitted, id) > read);
                let most = if behind { window / 2 + 1 } else { window };
                hop.ready.count(class) > most
            } else {
                hop.waiting.len() > window
            };
            if !full {
                return;
            }
            settled &= recipient.disk_due == Some(due);
        }
        let placed = entry.wanted();
        settled &= placed == entry.placed;
        let due = placed.due.unwrap_or(end);
        let shift = self.shift_of(id);
        let on_disk = later_by(due, -shift);
        // What is due up to there was read already and would not be found again.
        if due <= now || self.due_after.is_some_and(|(read, _)| on_disk <= read) {
            return;
        }
        if settled {
            self.park(id, placed, on_disk);
        } else {
            self.settling += 1;
            self.start(Op::Settle { id }, now);
        }
    }

    fn park(&mut self, id: MessageId, placed: Placed, due: Timestamp) {
        let Some(entry) = self.messages.get(&id) else {
            return;
        };
        let (size, submitted) = (entry.head.size, entry.head.submitted);
        self.unindex(id);
        self.messages.remove(&id);
        self.due_busy.remove(&id);
        self.placed_total = self.placed_total.saturating_sub(1);
        self.parked_total += 1;
        let indexes: Vec<HopIndex> = placed.hops.iter().map(|(index, _)| *index).collect();
        for (index, class) in placed.hops {
            let hop = self.hops.at_mut(index);
            hop.placed.take(class, size);
            hop.parked.add(class, size);
            hop.read_all[class] = false;
            let oldest = &mut hop.parked_oldest[class];
            *oldest = Some(oldest.map_or(submitted, |oldest| oldest.min(submitted)));
            if hop.horizon[class].is_some_and(|horizon| (submitted, id) <= horizon) {
                // It stands before what was read last: the next reading begins anew.
                hop.horizon[class] = None;
            }
        }
        let least = self.least_shift();
        self.note_parked_due(later_by(due, least));
        for index in indexes {
            self.refill(index);
        }
    }

    /// Asks again for a class that could not be read.
    pub(crate) fn load_again(&mut self, index: HopIndex, class: usize) {
        self.hops.at_mut(index).loading[class] = false;
        self.refill(index);
    }
}

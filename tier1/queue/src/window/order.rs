//! The order of messages in the store: in each hop by class and age, and over all hops by what is due.
//!
//! Rows are written together with what they follow from. What a crash or a failed commit leaves too much is remembered
//! as stale and taken out with the next commit of its message.

use super::due::later_by;
use crate::engine::{Entry, Queue, urgency};
use crate::hop::HopIndex;
use crate::message::MessageHead;
use crate::name::{MessageId, NextHop};
use crate::state::{Phase, State};
use jiff::Timestamp;

/// How many classes the order of a hop has.
pub(crate) const CLASSES: usize = 5;

/// The classes of a hop's order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Ready: urgent mail and reports.
    Urgent,
    /// Ready: normal mail.
    Normal,
    /// Ready: non-urgent mail.
    NonUrgent,
    /// Tried without success, and waits.
    Later,
    /// Not to be delivered yet, or set aside.
    Deferred,
}

impl Class {
    /// Every class, in the order of a backlog.
    pub const ALL: [Self; CLASSES] =
        [Self::Urgent, Self::Normal, Self::NonUrgent, Self::Later, Self::Deferred];

    /// Its place in [`Class::ALL`].
    #[must_use]
    pub const fn index(self) -> usize {
        match self {
            Self::Urgent => 0,
            Self::Normal => 1,
            Self::NonUrgent => 2,
            Self::Later => 3,
            Self::Deferred => 4,
        }
    }
}

/// A row of the order in the store.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// A message in the order of a hop.
    Backlog {
        /// The hop.
        hop: NextHop,
        /// The class.
        class: Class,
        /// When it was submitted.
        submitted: Timestamp,
        /// The message.
        id: MessageId,
    },
    /// A message in the order of what is due.
    Due {
        /// When something happens to it next: a delay ends, a warning, its end.
        due: Timestamp,
        /// The message.
        id: MessageId,
    },
}

/// How much waits for a hop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HopCount {
    /// Messages, by [`Class::index`].
    pub messages: [u64; CLASSES],
    /// Their octets.
    pub bytes: u64,
}

impl HopCount {
    /// Messages of all classes.
    #[must_use]
    pub fn all(&self) -> u64 {
        self.messages.iter().sum()
    }

    /// Counts one message more; `class` is a [`Class::index`].
    pub fn add(&mut self, class: usize, bytes: u64) {
        self.messages[class] += 1;
        self.bytes = self.bytes.saturating_add(bytes);
    }

    /// A count that a crash left too low heals when the order is read to its end.
    pub(crate) fn take(&mut self, class: usize, bytes: u64) {
        self.messages[class] = self.messages[class].saturating_sub(1);
        self.bytes = if self.all() == 0 { 0 } else { self.bytes.saturating_sub(bytes) };
    }
}

/// Changes of the order, written together with what they follow from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Order {
    /// Rows that are there from now on.
    pub put: Vec<Place>,
    /// Rows that are not there any more; some may never have been.
    pub remove: Vec<Place>,
    /// What the counts of these hops are then.
    pub counts: Vec<(NextHop, HopCount)>,
    /// How many messages there are then.
    pub total: u64,
}

/// The order rows of one message: a class in each of its hops, and a time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Placed {
    pub(crate) hops: Vec<(HopIndex, usize)>,
    pub(crate) due: Option<Timestamp>,
}

impl Queue {
    /// The order of a message as it has to stand in the store after a commit, as changes; the entry takes it for done.
    pub(crate) fn order_of(&mut self, id: MessageId) -> Option<Order> {
        let shift = self.shift_of(id);
        let entry = self.messages.get_mut(&id)?;
        let wanted = entry.wanted();
        if wanted == entry.placed && (entry.stale.is_empty() || entry.stale_written) {
            return None;
        }
        let old = std::mem::replace(&mut entry.placed, wanted.clone());
        let (submitted, size) = (entry.head.submitted, entry.head.size);
        entry.stale_written = entry.ops == 0 || wanted.due.is_none();
        // While another commit is under way, which may fail, nothing is taken out that would then be missed.
        let alone = entry.ops == 0 || wanted.due.is_none();
        entry.behind |= !alone && old != wanted;
        let mut gone: Vec<Placed> = entry.stale.clone();
        gone.push(old.clone());
        if wanted.due.is_none() {
            // Nothing of it stays, so whatever commits under way leave may go too.
            gone.extend(entry.replaced.iter().cloned());
        }
        if old != wanted {
            entry.replaced.push(old.clone());
        }
        let mut order = Order::default();
        let name = |index: HopIndex, class: usize| Place::Backlog {
            hop: self.hops.at(index).name.clone(),
            class: Class::ALL[class],
            submitted,
            id,
        };
        let due_row = |due: Timestamp| Place::Due { due: later_by(due, -shift), id };
        order.put = wanted.hops.iter().map(|(index, class)| name(*index, *class)).collect();
        order.put.extend(wanted.due.map(due_row));
        for placed in gone {
            order.remove.extend(placed.hops.iter().map(|(index, class)| name(*index, *class)));
            order.remove.extend(placed.due.map(due_row));
        }
        order.remove.retain(|place| alone && !order.put.contains(place));
        for (index, class) in &old.hops {
            self.hops.at_mut(*index).placed.take(*class, size);
        }
        for (index, class) in &wanted.hops {
            self.hops.at_mut(*index).placed.add(*class, size);
        }
        let touched = old.hops.iter().chain(&wanted.hops).map(|(index, _)| *index);
        let mut touched: Vec<HopIndex> = touched.collect();
        touched.sort_unstable();
        touched.dedup();
        order.counts = touched.into_iter().map(|index| self.count_of(index)).collect();
        self.placed_total += u64::from(wanted.due.is_some());
        self.placed_total = self.placed_total.saturating_sub(u64::from(old.due.is_some()));
        order.total = self.placed_total + self.parked_total;
        Some(order)
    }

    fn count_of(&self, index: HopIndex) -> (NextHop, HopCount) {
        let hop = self.hops.at(index);
        let mut count = hop.placed;
        for class in 0..CLASSES {
            count.messages[class] += hop.parked.messages[class];
        }
        count.bytes = count.bytes.saturating_add(hop.parked.bytes);
        (hop.name.clone(), count)
    }

    /// A commit failed: which rows of a message's order are there is not known any more.
    pub(crate) fn doubt_order(&mut self, id: MessageId, removed: &[u32]) {
        let Some(entry) = self.messages.get_mut(&id) else {
            return;
        };
        let old = std::mem::take(&mut entry.placed);
        entry.stale_written = false;
        for recipient in &mut entry.recipients {
            recipient.disk_due = None;
            if removed.contains(&recipient.number) {
                recipient.leaving = false;
            }
        }
        let size = entry.head.size;
        entry.stale.append(&mut entry.replaced);
        entry.stale.push(old.clone());
        entry.stale.dedup();
        for (index, class) in &old.hops {
            self.hops.at_mut(*index).placed.take(*class, size);
        }
        self.placed_total = self.placed_total.saturating_sub(u64::from(old.due.is_some()));
    }
}

impl Entry {
    /// The class in which its ready recipients stand.
    pub(crate) fn class(&self) -> usize {
        class_of(&self.head, None)
    }

    /// The order rows that fit what stands in the store of it.
    pub(crate) fn wanted(&self) -> Placed {
        let mut placed = Placed::default();
        if matches!(self.phase, Phase::Leaving | Phase::Gone) {
            return placed;
        }
        let (end, _) = self.head.end();
        let mut due = self.warn_at.map_or(end, |warn_at| warn_at.min(end));
        for recipient in &self.recipients {
            if recipient.leaving || recipient.state == State::Gone {
                continue;
            }
            let waits = recipient.disk_due.flatten();
            due = waits.map_or(due, |waits| waits.min(due));
            let class = class_of(&self.head, waits);
            match placed.hops.iter_mut().find(|(index, _)| *index == recipient.hop) {
                // Ready before waiting before deferred.
                Some((_, known)) => *known = class.min(*known),
                None => placed.hops.push((recipient.hop, class)),
            }
        }
        placed.hops.sort_unstable();
        placed.due = Some(due);
        placed
    }

    pub(super) fn is_failing(&self) -> bool {
        let failing = |state: State| matches!(state, State::Failed | State::Reporting);
        self.recipients.iter().any(|recipient| failing(recipient.state))
    }
}

/// The class of a recipient that waits until a time, or does not wait; for one that was set aside [`Class::Deferred`].
pub(super) fn class_of(head: &MessageHead, waits: Option<Timestamp>) -> usize {
    if head.trouble.aside.is_some() {
        Class::Deferred.index()
    } else if waits.is_none() {
        crate::hop::class(urgency(head))
    } else if waits == head.wishes.deferred_until {
        Class::Deferred.index()
    } else {
        Class::Later.index()
    }
}

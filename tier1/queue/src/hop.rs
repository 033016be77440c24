//! One next hop and its backlog.

use crate::message::Priority;
use crate::name::{MessageId, NextHop};
use crate::window::{CLASSES as ALL_CLASSES, HopCount, Position, Sweep};
use jiff::Timestamp;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// The order of a backlog: urgent first, then the oldest.
pub(crate) type BacklogKey = (Reverse<Priority>, Timestamp, MessageId);

/// A hop's number in [`Hops`]; hops are never removed, so it stays valid.
pub(crate) type HopIndex = usize;

/// How often a class may be passed over for a more urgent one before its oldest message goes: without a limit a steady
/// flow of urgent mail would starve the rest, and with this one the urgent still get 16 of 17 turns.
pub(crate) const AGEING: u32 = 16;

/// From the most urgent to the least.
const CLASSES: [Priority; 3] = [Priority::Urgent, Priority::Normal, Priority::NonUrgent];

/// Messages that are ready for one hop, by class and age.
#[derive(Debug, Default)]
pub(crate) struct Backlog {
    order: BTreeSet<BacklogKey>,
    /// How many there are of each class, in the order of [`CLASSES`].
    counts: [usize; 3],
    /// How often each class was passed over since it last had its turn.
    passed: [u32; 3],
}

impl Backlog {
    pub(crate) fn insert(&mut self, key: BacklogKey) {
        if self.order.insert(key) {
            self.counts[class(key.0.0)] += 1;
        }
    }

    pub(crate) fn remove(&mut self, key: &BacklogKey) {
        if self.order.remove(key) {
            self.counts[class(key.0.0)] -= 1;
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.order.len()
    }

    /// How many there are of a class.
    pub(crate) fn count(&self, class: usize) -> usize {
        self.counts.get(class).copied().unwrap_or(0)
    }

    /// The last one of a class.
    pub(crate) fn last(&self, class: Reverse<Priority>) -> Option<&BacklogKey> {
        let to = (class, Timestamp::MAX, MessageId::from_number(u64::MAX));
        self.order.range(..=to).next_back().filter(|key| key.0 == class)
    }

    /// When the oldest of all was submitted.
    pub(crate) fn oldest(&self) -> Option<Timestamp> {
        let firsts = CLASSES.iter().filter_map(|priority| {
            let from = (Reverse(*priority), Timestamp::MIN, MessageId::ZERO);
            self.order.range(from..).next().filter(|key| key.0.0 == *priority)
        });
        firsts.map(|(_, submitted, _)| *submitted).min()
    }

    /// How many are urgent.
    pub(crate) fn urgent(&self) -> usize {
        self.counts[0]
    }

    /// All of them, in the order of urgency and age.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &BacklogKey> {
        self.order.iter()
    }

    /// Takes the next one out: the oldest of the most urgent class, unless another class was passed over too often.
    pub(crate) fn pop(&mut self) -> Option<BacklogKey> {
        let present = |at: &usize| self.counts[*at] > 0;
        let first = (0..CLASSES.len()).find(present)?;
        let starved = (first + 1..CLASSES.len())
            .find(|at| self.counts[*at] > 0 && self.passed[*at] >= AGEING);
        let turn = starved.unwrap_or(first);
        for at in 0..CLASSES.len() {
            if at == turn || self.counts[at] == 0 {
                self.passed[at] = 0;
            } else if at > turn {
                self.passed[at] += 1;
            }
        }
        self.pop_of(turn)
    }

    /// Takes the oldest urgent one out.
    pub(crate) fn pop_urgent(&mut self) -> Option<BacklogKey> {
        self.pop_of(0)
    }

    fn pop_of(&mut self, at: usize) -> Option<BacklogKey> {
        let from = (Reverse(CLASSES[at]), Timestamp::MIN, MessageId::ZERO);
        let key = *self.order.range(from..).next().filter(|key| class(key.0.0) == at)?;
        self.remove(&key);
        Some(key)
    }
}

pub(crate) const fn class(priority: Priority) -> usize {
    match priority {
        Priority::Urgent => 0,
        Priority::Normal => 1,
        Priority::NonUrgent => 2,
    }
}

/// The state of one next hop.
#[derive(Debug)]
pub(crate) struct Hop {
    pub(crate) name: NextHop,
    /// An operator stopped it.
    pub(crate) held: bool,
    /// The schedule of its link does not let this server call, until a time if there is one.
    pub(crate) closed: Option<Option<Timestamp>>,
    /// An association stands.
    pub(crate) up: bool,
    /// `Ready` was emitted and the caller still owes a `take` that finds nothing.
    pub(crate) announced: bool,
    /// Failures in a row; sets the delay.
    pub(crate) failures: u32,
    /// When the first of them was: open retries count from there.
    pub(crate) down_since: Option<Timestamp>,
    /// Failures ever; recipients count from where they joined.
    pub(crate) failures_ever: u32,
    /// When it may be tried again after a failure.
    pub(crate) retry_at: Option<Timestamp>,
    pub(crate) last_error: Option<String>,
    /// Messages with a queued recipient for this hop.
    pub(crate) ready: Backlog,
    /// Messages with a recipient in flight to this hop, by age.
    pub(crate) flying: BTreeSet<Position>,
    /// Messages with a recipient for this hop that waits out a delay of its own, by age.
    pub(crate) waiting: BTreeSet<Position>,
    /// The same by the end of the delay.
    pub(crate) waits: BTreeSet<Position>,
    /// Messages in memory with a recipient for this hop, and their octets.
    pub(crate) messages: u64,
    pub(crate) bytes: u64,
    /// Messages in memory that stand in its order in the store.
    pub(crate) placed: HopCount,
    /// Messages in the store alone.
    pub(crate) parked: HopCount,
    /// When the oldest of them was submitted, not later, by class.
    pub(crate) parked_oldest: [Option<Timestamp>; ALL_CLASSES],
    /// Up to where the order of each class was read.
    pub(crate) horizon: [Option<Position>; ALL_CLASSES],
    /// Classes whose order was read to its end, with nothing parked since: a count may be wrong after a crash.
    pub(crate) read_all: [bool; ALL_CLASSES],
    /// Classes that the store was asked for.
    pub(crate) loading: [bool; ALL_CLASSES],
    pub(crate) sweep: Sweep,
}

impl Hop {
    fn new(name: &NextHop, closed: Option<Option<Timestamp>>) -> Self {
        Self {
            name: name.clone(),
            held: false,
            closed,
            up: false,
            announced: false,
            failures: 0,
            down_since: None,
            failures_ever: 0,
            retry_at: None,
            last_error: None,
            ready: Backlog::default(),
            flying: BTreeSet::new(),
            waiting: BTreeSet::new(),
            waits: BTreeSet::new(),
            messages: 0,
            bytes: 0,
            placed: HopCount::default(),
            parked: HopCount::default(),
            parked_oldest: [None; ALL_CLASSES],
            horizon: [None; ALL_CLASSES],
            read_all: [true; ALL_CLASSES],
            loading: [false; ALL_CLASSES],
            sweep: Sweep::default(),
        }
    }

    /// How many messages are ready, in memory and in the store alone; and how many of them are urgent.
    pub(crate) fn backlog(&self) -> (usize, usize) {
        let parked = |class: usize| usize::try_from(self.parked.messages[class]).unwrap_or(0);
        let urgent = self.ready.urgent() + parked(0);
        (self.ready.len() + parked(0) + parked(1) + parked(2), urgent)
    }

    /// Whether work may be handed out now.
    pub(crate) fn open(&self) -> bool {
        !self.held && self.retry_at.is_none()
    }

    /// Whether the caller is to be told of work; notes that it is.
    pub(crate) fn announce(&mut self) -> bool {
        let callable = self.open() && self.closed.is_none();
        let tell = callable && !self.announced && !self.ready.is_empty();
        if tell {
            self.announced = true;
        }
        tell
    }
}

/// All next hops that were ever named; as many as the configuration has neighbours.
#[derive(Debug, Default)]
pub(crate) struct Hops {
    list: Vec<Hop>,
    index: BTreeMap<NextHop, HopIndex>,
    /// Links whose schedule is closed, by their name in lower case, and until when.
    closed: BTreeMap<String, Option<Timestamp>>,
}

impl Hops {
    /// The number of this hop, made if it is new.
    pub(crate) fn intern(&mut self, name: &NextHop) -> HopIndex {
        if let Some(index) = self.index.get(name) {
            return *index;
        }
        let index = self.list.len();
        let closed = self.closed(name);
        self.list.push(Hop::new(name, closed));
        self.index.insert(name.clone(), index);
        index
    }

    /// Whether the schedule of a hop's link is closed, and until when.
    pub(crate) fn closed(&self, hop: &NextHop) -> Option<Option<Timestamp>> {
        hop.link().and_then(|link| self.closed.get(&link.to_lowercase()).copied())
    }

    /// Notes that the schedule of a link closed or opened; the hops of that link.
    pub(crate) fn set_closed(
        &mut self,
        link: &str,
        closed: Option<Option<Timestamp>>,
    ) -> Vec<HopIndex> {
        match closed {
            Some(until) => self.closed.insert(link.to_lowercase(), until),
            None => self.closed.remove(&link.to_lowercase()),
        };
        let mut of_link = Vec::new();
        for (index, hop) in self.list.iter_mut().enumerate() {
            if hop.name.link().is_some_and(|name| name.eq_ignore_ascii_case(link)) {
                hop.closed = closed;
                of_link.push(index);
            }
        }
        of_link
    }

    /// The number of a known hop.
    pub(crate) fn find(&self, name: &NextHop) -> Option<HopIndex> {
        self.index.get(name).copied()
    }

    /// The hop of a number that [`Hops::intern`] gave out.
    pub(crate) fn at(&self, index: HopIndex) -> &Hop {
        &self.list[index]
    }

    /// The hop of a number that [`Hops::intern`] gave out.
    pub(crate) fn at_mut(&mut self, index: HopIndex) -> &mut Hop {
        &mut self.list[index]
    }

    /// Every hop.
    pub(crate) fn all_mut(&mut self) -> impl Iterator<Item = &mut Hop> {
        self.list.iter_mut()
    }

    /// All hops by name.
    pub(crate) fn by_name(&self) -> impl Iterator<Item = (HopIndex, &Hop)> {
        self.index.values().map(|index| (*index, &self.list[*index]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(priority: Priority, id: u64) -> BacklogKey {
        (Reverse(priority), Timestamp::UNIX_EPOCH, MessageId::from_number(id))
    }

    #[test]
    fn urgent_mail_without_end_starves_nobody() {
        let mut backlog = Backlog::default();
        backlog.insert(key(Priority::NonUrgent, 1));
        backlog.insert(key(Priority::Normal, 2));
        let mut turns = BTreeMap::new();
        for turn in 1..=100_u64 {
            backlog.insert(key(Priority::Urgent, 1000 + turn));
            let (_, _, id) = backlog.pop().unwrap();
            turns.insert(id.number(), turn);
        }
        let (normal, low) = (turns[&2], turns[&1]);
        assert!(normal <= u64::from(AGEING) + 1, "{normal}");
        assert!(low <= 2 * u64::from(AGEING) + 2, "{low}");
        assert_eq!(turns.len(), 100);
    }

    #[test]
    fn the_reserved_turn_takes_urgent_mail_only() {
        let mut backlog = Backlog::default();
        backlog.insert(key(Priority::Normal, 1));
        assert_eq!(backlog.pop_urgent(), None);
        backlog.insert(key(Priority::Urgent, 2));
        assert_eq!(backlog.urgent(), 1);
        assert_eq!(backlog.pop_urgent(), Some(key(Priority::Urgent, 2)));
        assert_eq!(backlog.len(), 1);
    }
}

//! One next hop and its backlog.

use crate::message::Priority;
use crate::name::{MessageId, NextHop};
use jiff::Timestamp;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// The order of a backlog: urgent first, then the oldest.
pub(crate) type BacklogKey = (Reverse<Priority>, Timestamp, MessageId);

/// A hop's number in [`Hops`]; hops are never removed, so it stays valid.
pub(crate) type HopIndex = usize;

/// The state of one next hop.
#[derive(Debug)]
pub(crate) struct Hop {
    pub(crate) name: NextHop,
    /// An operator stopped it.
    pub(crate) held: bool,
    /// An association stands.
    pub(crate) up: bool,
    /// `Ready` was emitted and the caller still owes a `take` that finds nothing.
    pub(crate) announced: bool,
    /// Failures in a row; sets the delay.
    pub(crate) failures: u32,
    /// Failures ever; recipients count from where they joined.
    pub(crate) failures_ever: u32,
    /// When it may be tried again after a failure.
    pub(crate) retry_at: Option<Timestamp>,
    pub(crate) last_error: Option<String>,
    /// Messages with a queued recipient for this hop.
    pub(crate) ready: BTreeSet<BacklogKey>,
    /// Messages with a recipient in flight to this hop.
    pub(crate) flying: BTreeSet<MessageId>,
    /// Messages with a recipient for this hop that waits out a delay of its own.
    pub(crate) waiting: BTreeSet<MessageId>,
}

impl Hop {
    /// Whether work may be handed out now.
    pub(crate) fn open(&self) -> bool {
        !self.held && self.retry_at.is_none()
    }

    /// Whether the caller is to be told of work; notes that it is.
    pub(crate) fn announce(&mut self) -> bool {
        let tell = self.open() && !self.announced && !self.ready.is_empty();
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
}

impl Hops {
    /// The number of this hop, made if it is new.
    pub(crate) fn intern(&mut self, name: &NextHop) -> HopIndex {
        if let Some(index) = self.index.get(name) {
            return *index;
        }
        let index = self.list.len();
        self.list.push(Hop {
            name: name.clone(),
            held: false,
            up: false,
            announced: false,
            failures: 0,
            failures_ever: 0,
            retry_at: None,
            last_error: None,
            ready: BTreeSet::new(),
            flying: BTreeSet::new(),
            waiting: BTreeSet::new(),
        });
        self.index.insert(name.clone(), index);
        index
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

    /// All hops by name.
    pub(crate) fn by_name(&self) -> impl Iterator<Item = (HopIndex, &Hop)> {
        self.index.values().map(|index| (*index, &self.list[*index]))
    }
}

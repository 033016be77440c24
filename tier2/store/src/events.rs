//! The events that are kept: appended in order, the oldest dropped beyond a number.

use crate::disk;
use crate::error::StoreError;
use crate::group::Group;
use crate::open::Engine;
use crate::spaces::Space;
use jiff::Timestamp;

/// How many of the oldest are dropped at once, as a part of what is kept: each drop has to pass over what was dropped
/// before, so it is done seldom.
const DROP_PART: usize = 100;

/// Most events that are held while nothing can be written: the first ones say what happened.
const HELD: usize = 1000;

/// Events that cannot be written yet.
#[derive(Default)]
pub(crate) struct HeldEvents(Vec<(Timestamp, Vec<u8>)>);

impl HeldEvents {
    /// Holds these too, as long as there is room.
    pub(crate) fn extend(&mut self, events: impl IntoIterator<Item = (Timestamp, Vec<u8>)>) {
        let room = HELD - self.0.len();
        self.0.extend(events.into_iter().take(room));
    }

    /// In the order in which they came.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &(Timestamp, Vec<u8>)> {
        self.0.iter()
    }
}

/// What the committer knows of the event log.
pub(crate) struct EventLog {
    kept: usize,
    limit: usize,
    next_number: u64,
}

impl EventLog {
    /// Counts what is there.
    pub(crate) fn open(engine: &Engine, limit: usize) -> Result<Self, StoreError> {
        let events = engine.spaces.of(Space::Events);
        let kept = events.len().map_err(|error| engine.error("counting events", error))?;
        // Numbers only keep events of one instant apart, so they go on from the highest of the last one.
        let next_number = match events.last_key_value() {
            None => 0,
            Some(row) => {
                let key = row.key().map_err(|error| engine.error("reading events", error))?;
                let number = key.last_chunk().map_or(0, |octets| u64::from_be_bytes(*octets));
                number.wrapping_add(1)
            }
        };
        Ok(Self { kept, limit, next_number })
    }

    /// Adds an event to a group.
    pub(crate) fn append(&mut self, group: &mut Group, time: Timestamp, event: Vec<u8>) {
        let key = disk::event_key(time, self.next_number);
        self.next_number = self.next_number.wrapping_add(1);
        self.kept += 1;
        group.put(Space::Events, key, event);
    }

    /// The removal of the oldest, once there are enough of them too many.
    pub(crate) fn overflow(&mut self, engine: &Engine) -> Result<Option<Group>, StoreError> {
        let slack = self.limit / DROP_PART;
        if self.kept <= self.limit + slack {
            return Ok(None);
        }
        let mut group = Group::default();
        for row in engine.spaces.of(Space::Events).iter().take(self.kept - self.limit) {
            let key = row.key().map_err(|error| engine.error("reading events", error))?;
            group.remove(Space::Events, key.to_vec());
        }
        self.kept = self.limit;
        Ok(Some(group))
    }
}

/// The newest `limit` events that are not older than `since`, in the order of their times.
pub(crate) fn read(
    engine: &Engine,
    since: Option<Timestamp>,
    limit: usize,
) -> Result<Vec<Vec<u8>>, StoreError> {
    let from = since.map_or_else(Vec::new, |time| disk::time_key(time).to_vec());
    let mut events = Vec::new();
    for row in engine.spaces.of(Space::Events).range(from..).rev().take(limit) {
        let event = row.value().map_err(|error| engine.error("reading events", error))?;
        events.push(event.to_vec());
    }
    events.reverse();
    Ok(events)
}

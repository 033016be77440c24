//! The store that the queue writes to and reads from: what was durable, and in what order it is kept.

use jiff::Timestamp;
use queue::{Holdings, HopCount, Load, Loaded, MessageId, NextHop, Place, Position, Write};
use std::collections::{BTreeMap, BTreeSet};

use crate::Run;

impl Run {
    /// The store answers the oldest commit.
    pub(super) fn answer_commit(&mut self, durable: bool) {
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

    pub(super) fn write(&mut self, writes: &[Write]) {
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
    pub(super) fn load(&mut self, load: &Load) {
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
    pub(super) fn bring(&mut self, id: MessageId) {
        if !self.queue.is_loaded(id)
            && let Some(record) = self.disk.get(&id)
        {
            self.queue.bring(record.clone(), self.now);
        }
    }

    /// What the store says of its order at a start.
    pub(super) fn holdings(&self) -> Holdings {
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
}

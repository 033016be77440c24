//! The order in which messages are found without reading all: by next hop, class and age, and by the time at which
//! something is due.
//!
//! Keys: `b`, the hop's length and name, class, submission, message; `d`, time, message; `c`, hop, for its counts; `n`
//! for the number of messages; `v` for who kept the order last.
//!
//! The order follows from messages and recipients and can be made anew from them. That is done where a program that
//! knows nothing of it, or a repair, had the store last: it does not touch `v`, but moves the engine's sequence number
//! on, or leaves its own mark that the store is open.

use crate::disk::{self, DiskMessage, DiskRecipient, META_OPEN};
use crate::error::StoreError;
use crate::group::{Change, Group};
use crate::open::Engine;
use crate::spaces::Space;
use crate::store::Store;
use fjall::PersistMode;
use jiff::Timestamp;
use queue::{
    Class, Holdings, HopCount, Load, Loaded, MessageId, MessageRecord, NextHop, Order, Place,
    Position, Queue,
};
use std::collections::BTreeMap;
use std::ops::Bound;

/// What the mark of an open store says when the one that has it open keeps the order.
pub(crate) const KEPT: &[u8] = b"order 1";
const BACKLOG: u8 = b'b';
const DUE: u8 = b'd';
const COUNT: &[u8] = b"c";
const TOTAL: &[u8] = b"n";
/// Who kept the order last: the sequence number that the engine had when the store was closed.
pub(crate) const KEEPER: &[u8] = b"v";
/// Octets of a time and a message at the end of a key.
const POSITION: usize = 16 + disk::ID_LEN;
/// A class with fewer rows is counted at the start, so that a crash leaves no wrong count behind in a small queue.
const COUNTED: usize = 200;
/// Rows of one batch when the order is made anew.
const BATCH: usize = 20_000;

/// The rows of changes of the order.
pub(crate) fn rows(order: &Order) -> Vec<Change> {
    let removed = order.remove.iter().map(|place| (Space::Order, key(place), None));
    let put = order.put.iter().map(|place| (Space::Order, key(place), Some([].into())));
    let counts = order
        .counts
        .iter()
        .map(|(hop, count)| (Space::Order, count_key(hop), Some(count_row(count).into())));
    let total = (Space::Order, TOTAL.to_vec(), Some(order.total.to_be_bytes().into()));
    removed.chain(put).chain(counts).chain([total]).collect()
}

/// Makes the order anew unless this kind of program had the store last.
pub(crate) fn renew_if_foreign(engine: &Engine) -> Result<(), StoreError> {
    let kept = match engine.get(Space::Meta, META_OPEN)? {
        Some(mark) => *mark == *KEPT,
        None => {
            let keeper = engine.get(Space::Order, KEEPER)?;
            keeper.is_some_and(|keeper| *keeper == engine.db.seqno().to_be_bytes())
        }
    };
    if kept { Ok(()) } else { renew(engine) }
}

/// Notes that the store is closed in order by one that keeps this order.
pub(crate) fn note_closed(engine: &Engine) -> Result<(), StoreError> {
    let mut batch = engine.db.batch().durability(Some(PersistMode::SyncData));
    batch.remove(engine.spaces.of(Space::Meta), META_OPEN);
    // The batch takes one number; the next opening continues behind it.
    let next = engine.db.seqno() + 1;
    batch.insert(engine.spaces.of(Space::Order), KEEPER, next.to_be_bytes());
    batch.commit().map_err(|error| engine.error("writing that it is closed", error))
}

/// The order of what stands in the store is not known to be right: the next one to open it makes it anew.
pub(crate) fn distrust(engine: &Engine) -> Result<(), StoreError> {
    let failed = |error| engine.error("writing that the order is to be made anew", error);
    engine.spaces.of(Space::Order).remove(KEEPER).map_err(failed)?;
    if engine.get(Space::Meta, META_OPEN)?.is_some() {
        engine.spaces.of(Space::Meta).insert(META_OPEN, []).map_err(failed)?;
    }
    engine.sync()
}

/// Reads every message and writes its place.
fn renew(engine: &Engine) -> Result<(), StoreError> {
    distrust(engine)?;
    let failed = |error| engine.error("making the order anew", error);
    engine.spaces.of(Space::Order).clear().map_err(failed)?;
    let mut counts: BTreeMap<NextHop, HopCount> = BTreeMap::new();
    let mut total: u64 = 0;
    let mut after = None;
    loop {
        let records = page(engine, after, BATCH)?;
        let Some(last) = records.last().map(|record| record.head.id) else { break };
        after = Some(last);
        let mut batch = engine.db.batch();
        for record in &records {
            total += 1;
            for place in Queue::places_of(record) {
                if let Place::Backlog { hop, class, .. } = &place {
                    counts.entry(hop.clone()).or_default().add(class.index(), record.head.size);
                }
                batch.insert(engine.spaces.of(Space::Order), key(&place), []);
            }
        }
        batch.commit().map_err(failed)?;
    }
    let order = Order { counts: counts.into_iter().collect(), total, ..Order::default() };
    let mut group = Group::default();
    group.extend(rows(&order));
    group.commit(engine)?;
    engine.sync()
}

/// Messages by number, each with its recipients, behind a number.
pub(crate) fn page(
    engine: &Engine,
    after: Option<MessageId>,
    limit: usize,
) -> Result<Vec<MessageRecord>, StoreError> {
    let from = after.map_or(Bound::Unbounded, |after| Bound::Excluded(disk::message_key(after)));
    let mut records = Vec::new();
    for row in engine.spaces.of(Space::Messages).range((from, Bound::Unbounded)).take(limit) {
        let (key, value) =
            row.into_inner().map_err(|error| engine.error("reading messages", error))?;
        let id = disk::read_message_key(&key)
            .ok_or_else(|| engine.corrupt(Space::Messages, &key, "its key is no identifier"))?;
        let message: DiskMessage =
            disk::decode(&value).map_err(|detail| engine.corrupt(Space::Messages, &key, detail))?;
        records.push(message.into_record(id));
    }
    let (Some(first), Some(last)) = (records.first(), records.last()) else {
        return Ok(records);
    };
    let range = disk::recipient_key(first.head.id, 0)..=disk::recipient_key(last.head.id, u32::MAX);
    let mut at = 0;
    for row in engine.spaces.of(Space::Recipients).range(range) {
        let (key, value) =
            row.into_inner().map_err(|error| engine.error("reading recipients", error))?;
        let (id, number) = disk::read_recipient_key(&key)
            .ok_or_else(|| engine.corrupt(Space::Recipients, &key, "its key is no recipient"))?;
        let recipient: DiskRecipient = disk::decode(&value)
            .map_err(|detail| engine.corrupt(Space::Recipients, &key, detail))?;
        while records.get(at).is_some_and(|record| record.head.id < id) {
            at += 1;
        }
        if let Some(record) = records.get_mut(at).filter(|record| record.head.id == id) {
            record.recipients.push(recipient.into_record(number));
        }
    }
    Ok(records)
}

/// One message with its recipients.
fn message(engine: &Engine, id: MessageId) -> Result<Option<MessageRecord>, StoreError> {
    let key = disk::message_key(id);
    let Some(value) = engine.get(Space::Messages, &key)? else { return Ok(None) };
    let message: DiskMessage =
        disk::decode(&value).map_err(|detail| engine.corrupt(Space::Messages, &key, detail))?;
    let mut record = message.into_record(id);
    for row in engine.spaces.of(Space::Recipients).prefix(key) {
        let (key, value) =
            row.into_inner().map_err(|error| engine.error("reading recipients", error))?;
        let (_, number) = disk::read_recipient_key(&key)
            .ok_or_else(|| engine.corrupt(Space::Recipients, &key, "its key is no recipient"))?;
        let recipient: DiskRecipient = disk::decode(&value)
            .map_err(|detail| engine.corrupt(Space::Recipients, &key, detail))?;
        record.recipients.push(recipient.into_record(number));
    }
    Ok(Some(record))
}

impl Store {
    /// What the queue has to know at the start: counts and the earliest time, not the messages.
    ///
    /// # Errors
    /// The order cannot be read.
    pub fn holdings(&self) -> Result<Holdings, StoreError> {
        let engine = &*self.engine()?;
        let order = engine.spaces.of(Space::Order);
        let mut holdings = Holdings::default();
        for row in order.prefix(COUNT) {
            let (key, value) =
                row.into_inner().map_err(|error| engine.error("reading counts", error))?;
            let hop =
                std::str::from_utf8(&key[COUNT.len()..]).ok().and_then(|hop| hop.parse().ok());
            let (Some(hop), Some(mut count)) = (hop, read_count(&value)) else {
                return Err(engine.corrupt(Space::Order, &key, "it is no count"));
            };
            let mut oldest = [None; Class::ALL.len()];
            for class in Class::ALL {
                let prefix = class_prefix(&hop, class);
                let rows = order.prefix(&prefix).take(COUNTED);
                let mut counted: usize = 0;
                for row in rows {
                    let key =
                        row.key().map_err(|error| engine.error("reading the order", error))?;
                    oldest[class.index()] =
                        oldest[class.index()].or(read_position(&key).map(|(time, _)| time));
                    counted += 1;
                }
                if counted < COUNTED {
                    count.messages[class.index()] = u64::try_from(counted).unwrap_or(0);
                }
            }
            if count.all() > 0 {
                holdings.hops.push((hop, count, oldest));
            }
        }
        let total = engine.get(Space::Order, TOTAL)?;
        let total = total.and_then(|total| total.as_ref().try_into().ok());
        holdings.total = total.map_or(0, u64::from_be_bytes);
        let mut counted: usize = 0;
        for row in order.prefix([DUE]).take(COUNTED) {
            let key = row.key().map_err(|error| engine.error("reading the order", error))?;
            holdings.due = holdings.due.or(read_position(&key).map(|(time, _)| time));
            counted += 1;
        }
        if counted < COUNTED {
            holdings.total = u64::try_from(counted).unwrap_or(0);
        }
        Ok(holdings)
    }

    /// Answers a request of the queue for messages that are not in memory.
    ///
    /// Messages that are damaged go to `damaged`, which says whether the others are wanted all the same.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn load(
        &self,
        load: &Load,
        in_memory: impl Fn(MessageId) -> bool,
        mut damaged: impl FnMut(StoreError) -> Result<(), StoreError>,
    ) -> Result<Loaded, StoreError> {
        let engine = &*self.engine()?;
        let (prefix, after, until, limit) = match load {
            Load::Backlog { hop, class, after, limit } => {
                (class_prefix(hop, *class), *after, None, *limit)
            }
            Load::Due { after, until, limit } => (vec![DUE], *after, Some(*until), *limit),
        };
        let mut loaded = Loaded::default();
        for row in rows_behind(engine, &prefix, after) {
            let key = row.key().map_err(|error| engine.error("reading the order", error))?;
            let position = read_position(&key)
                .ok_or_else(|| engine.corrupt(Space::Order, &key, "it is no place"))?;
            let late = until.is_some_and(|until| position.0 > until);
            if late || loaded.records.len() + loaded.stray.len() >= limit {
                loaded.more = !late;
                loaded.next = Some(position.0);
                break;
            }
            loaded.last = Some(position);
            if !in_memory(position.1) {
                match message(engine, position.1) {
                    Ok(Some(record)) => loaded.records.push((position.0, record)),
                    Ok(None) => loaded.stray.push(position),
                    Err(error) if error.cause() == "damaged" => damaged(error)?,
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(loaded)
    }

    /// One message with the recipients that are still to be served.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn message(&self, id: MessageId) -> Result<Option<MessageRecord>, StoreError> {
        message(&*self.engine()?, id)
    }

    /// Messages by number, behind a number.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn messages(
        &self,
        after: Option<MessageId>,
        limit: usize,
    ) -> Result<Vec<MessageRecord>, StoreError> {
        page(&*self.engine()?, after, limit)
    }

    /// The messages that wait for a hop: ready ones by urgency and age, then those that wait. `after` is a message of
    /// the page before.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn messages_for(
        &self,
        hop: &NextHop,
        after: Option<&MessageRecord>,
        limit: usize,
    ) -> Result<Vec<MessageRecord>, StoreError> {
        let engine = &*self.engine()?;
        let after = after.and_then(|record| {
            Queue::places_of(record).into_iter().find_map(|place| match place {
                Place::Backlog { hop: of, class, submitted, id } if of == *hop => {
                    Some((class, (submitted, id)))
                }
                _ => None,
            })
        });
        let mut records = Vec::new();
        for class in Class::ALL {
            if after.is_some_and(|(reached, _)| class < reached) {
                continue;
            }
            let behind =
                after.filter(|(reached, _)| class == *reached).map(|(_, position)| position);
            for row in rows_behind(engine, &class_prefix(hop, class), behind) {
                if records.len() >= limit {
                    return Ok(records);
                }
                let key = row.key().map_err(|error| engine.error("reading the order", error))?;
                if let Some((_, id)) = read_position(&key) {
                    records.extend(message(engine, id)?);
                }
            }
        }
        Ok(records)
    }
}

/// The rows of a prefix behind a place.
fn rows_behind(engine: &Engine, prefix: &[u8], after: Option<Position>) -> fjall::Iter {
    let from = match after {
        None => Bound::Included(prefix.to_vec()),
        Some((time, id)) => Bound::Excluded(with_position(prefix.to_vec(), time, id)),
    };
    // No position is all ones.
    let end = [prefix, &[0xff; POSITION]].concat();
    engine.spaces.of(Space::Order).range((from, Bound::Included(end)))
}

fn key(place: &Place) -> Vec<u8> {
    match place {
        Place::Backlog { hop, class, submitted, id } => {
            with_position(class_prefix(hop, *class), *submitted, *id)
        }
        Place::Due { due, id } => with_position(vec![DUE], *due, *id),
    }
}

fn with_position(mut key: Vec<u8>, time: Timestamp, id: MessageId) -> Vec<u8> {
    key.extend(disk::time_key(time));
    key.extend(disk::message_key(id));
    key
}

/// Where the rows of a hop and class begin; the length keeps a hop apart from one whose name begins the same.
fn class_prefix(hop: &NextHop, class: Class) -> Vec<u8> {
    let hop = hop.to_string();
    let length = u16::try_from(hop.len()).unwrap_or(u16::MAX);
    let class = u8::try_from(class.index()).unwrap_or(u8::MAX);
    [&[BACKLOG], length.to_be_bytes().as_slice(), hop.as_bytes(), &[class]].concat()
}

fn read_position(key: &[u8]) -> Option<Position> {
    let at = key.len().checked_sub(POSITION)?;
    let (time, id) = key.get(at..)?.split_at_checked(16)?;
    Some((disk::read_time(time)?, disk::read_message_key(id)?))
}

fn count_key(hop: &NextHop) -> Vec<u8> {
    [COUNT, hop.to_string().as_bytes()].concat()
}

fn count_row(count: &HopCount) -> Vec<u8> {
    let numbers = count.messages.iter().chain([&count.bytes]);
    numbers.flat_map(|number| number.to_be_bytes()).collect()
}

fn read_count(row: &[u8]) -> Option<HopCount> {
    let mut numbers = row.chunks_exact(8).map(|octets| octets.try_into().map(u64::from_be_bytes));
    let mut count = HopCount::default();
    for class in &mut count.messages {
        *class = numbers.next()?.ok()?;
    }
    count.bytes = numbers.next()?.ok()?;
    Some(count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{id, open, put, record};
    use fjall::{Database, KeyspaceCreateOptions};
    use jiff::SignedDuration;
    use queue::{Priority, StoredMessage, Write};
    use std::path::Path;
    use tempfile::TempDir;

    fn west() -> NextHop {
        NextHop::Peer("WEST".to_owned())
    }

    fn ask(store: &Store, class: Class) -> Vec<u64> {
        let load = Load::Backlog { hop: west(), class, after: None, limit: 100 };
        let loaded = store.load(&load, |_| false, Err).unwrap();
        assert!(!loaded.more);
        let found = loaded.records.iter().map(|(_, record)| record.head.id.number());
        found.chain(loaded.stray.iter().map(|(_, id)| 1_000_000 + id.number())).collect()
    }

    /// A row that leads to nothing: it is there until the order is made anew.
    fn stray() -> Write {
        let class = Class::Urgent;
        let submitted = Timestamp::UNIX_EPOCH;
        let place = Place::Backlog { hop: west(), class, submitted, id: id(77) };
        let mut count = HopCount::default();
        count.add(class.index(), 7);
        let counts = vec![(west(), count)];
        Write::Order(Box::new(Order { put: vec![place], counts, total: 1, ..Order::default() }))
    }

    /// What a program does that knows nothing of the order: it opens, marks, changes, and closes.
    fn an_older_program(dir: &Path, dies: bool, change: impl FnOnce(&Database)) {
        let db = Database::builder(dir).manual_journal_persist(true).open().unwrap();
        let meta = db.keyspace("meta", KeyspaceCreateOptions::default).unwrap();
        meta.insert(META_OPEN, []).unwrap();
        change(&db);
        if !dies {
            meta.remove(META_OPEN).unwrap();
        }
        db.persist(PersistMode::SyncAll).unwrap();
    }

    #[test]
    fn a_store_without_an_order_gets_one_when_it_is_opened() {
        let dir = TempDir::new().unwrap();
        let store = open(&dir);
        let mut low = record(3, 2);
        low.head.priority = Priority::Normal;
        let mut waits = record(4, 1);
        waits.recipients[0].due = Some(Timestamp::UNIX_EPOCH + SignedDuration::from_hours(1));
        let mut early = record(5, 1);
        early.head.submitted = Timestamp::UNIX_EPOCH;
        let stored = [low, waits, early].map(|record| {
            let (envelope, content) = (b"e".to_vec(), b"c".as_slice().into());
            Write::PutMessage(Box::new(StoredMessage { record, envelope, content }))
        });
        store
            .commit_wait([put(1, 2, b"c"), put(2, 1, b"d")].into_iter().chain(stored).collect())
            .unwrap();
        assert_eq!(store.holdings().unwrap(), Holdings::default());
        store.close();
        an_older_program(dir.path(), false, |_| {});

        let store = open(&dir);
        let holdings = store.holdings().unwrap();
        assert_eq!(holdings.total, 5);
        assert_eq!(holdings.due, Some(Timestamp::UNIX_EPOCH + SignedDuration::from_hours(1)));
        let (hop, count, oldest) = &holdings.hops[0];
        assert_eq!((hop, count.messages, count.bytes), (&west(), [3, 1, 0, 1, 0], 35));
        assert_eq!(oldest[0], Some(Timestamp::UNIX_EPOCH));
        assert_eq!(ask(&store, Class::Urgent), [5, 1, 2]);
        assert_eq!(ask(&store, Class::Normal), [3]);
        assert_eq!(ask(&store, Class::Later), [4]);
        let pages = |after: Option<u64>| -> Vec<u64> {
            let after = after.map(|number| store.message(id(number)).unwrap().unwrap());
            let page = store.messages_for(&west(), after.as_ref(), 2).unwrap();
            page.iter().map(|record| record.head.id.number()).collect()
        };
        assert_eq!(
            [pages(None), pages(Some(1)), pages(Some(3))],
            [vec![5, 1], vec![2, 3], vec![4]]
        );
        let by_number = store.messages(Some(id(1)), 3).unwrap();
        assert_eq!(by_number[1].recipients.len(), 2);
        assert_eq!(by_number.iter().map(|r| r.head.id.number()).collect::<Vec<_>>(), [2, 3, 4]);
    }

    #[test]
    fn the_order_is_trusted_where_nobody_else_had_the_store() {
        let dir = TempDir::new().unwrap();
        let store = open(&dir);
        store.commit_wait(vec![stray()]).unwrap();
        store.close();
        for _ in 0..3 {
            let store = open(&dir);
            assert_eq!(ask(&store, Class::Urgent), [1_000_077], "closed in order");
            store.commit_wait(vec![put(1, 1, b"c")]).unwrap();
            store.close();
        }
        // This program dies.
        let dead = TempDir::new().unwrap();
        let store = open(&dir);
        store.sync().unwrap();
        crate::check_tests::copy(dir.path(), dead.path());
        store.close();
        assert_eq!(ask(&open(&dead), Class::Urgent), [1_000_077], "died");
        // Another one closes in order, with nothing changed that shows; another one dies.
        for dies in [false, true] {
            let foreign = TempDir::new().unwrap();
            crate::check_tests::copy(dir.path(), foreign.path());
            an_older_program(foreign.path(), dies, |_| {});
            assert_eq!(ask(&open(&foreign), Class::Urgent), [1], "foreign, dies: {dies}");
        }
    }

    #[test]
    fn hops_whose_names_begin_alike_stay_apart() {
        let dir = TempDir::new().unwrap();
        let store = open(&dir);
        let hops = ["A", "AB", "A\u{1}", "B"].map(|name| NextHop::Peer(name.to_owned()));
        for (number, hop) in (1..).zip(&hops) {
            let mut record = record(number, 1);
            record.recipients[0].next_hop = hop.clone();
            let order = Order { put: Queue::places_of(&record), ..Order::default() };
            let (envelope, content) = (Vec::new(), b"".as_slice().into());
            let message = StoredMessage { record, envelope, content };
            let writes = vec![Write::PutMessage(Box::new(message)), Write::Order(Box::new(order))];
            store.commit_wait(writes).unwrap();
        }
        for (number, hop) in (1..).zip(&hops) {
            let found = store.messages_for(hop, None, 10).unwrap();
            assert_eq!(found.iter().map(|r| r.head.id.number()).collect::<Vec<u64>>(), [number]);
        }
    }
}

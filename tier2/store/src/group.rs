//! One atomic batch, put together from many commits.
//!
//! The engine gives all changes of a batch the same sequence number, so a key may occur only once in it: the last change
//! of a key wins here, before the engine sees any.

use crate::disk::{
    self, DiskMessage, DiskRecipient, META_LAST_ID, account_key, message_key, recipient_key,
    seen_end_key, seen_key,
};
use crate::error::StoreError;
use crate::open::Engine;
use crate::order;
use crate::spaces::Space;
use crate::track;
use fjall::{PersistMode, UserValue};
use identity::{Account, AccountName};
use jiff::Timestamp;
use queue::{MessageId, Order, Step, StoredMessage, Write};
use std::collections::BTreeMap;
use std::path::Path;

/// What a commit writes, made ready by whoever hands it in: the thread that writes is one for all.
pub(crate) struct Parts {
    parts: Vec<Part>,
    /// Takes out what these writes add, if adding a message is all they do.
    pub(crate) undo: Option<Vec<Write>>,
    /// About how much they add to a group.
    pub(crate) octets: usize,
}

/// One of them.
enum Part {
    /// Rows that follow from what is written alone.
    Rows(Vec<Change>),
    /// The number of a new message.
    New(MessageId),
    /// What is written depends on what stands there.
    Write(Write),
}

/// A key and its value; without one it is removed.
pub(crate) type Change = (Space, Vec<u8>, Option<UserValue>);

impl Parts {
    /// Makes writes ready, with the steps that tell of them.
    pub(crate) fn new(dir: &Path, writes: Vec<Write>, steps: &[Step]) -> Result<Self, StoreError> {
        let encoding =
            |error: serde_json::Error| StoreError::io(dir, "encoding a row", error.into());
        let undo = undo_of(&writes);
        let (mut parts, mut octets) = (Vec::with_capacity(writes.len() + 2), 0);
        for write in writes {
            match write {
                Write::PutMessage(message) => {
                    octets += message.content.len() + message.envelope.len();
                    parts.push(Part::New(message.record.head.id));
                    parts.push(Part::Rows(message_rows(*message).map_err(encoding)?));
                }
                Write::Order(order) => parts.push(Part::Rows(order::rows(&order))),
                Write::PutSeen { key, until } => parts.push(Part::Rows(seen_rows(&key, until))),
                other => parts.push(Part::Write(other)),
            }
        }
        if !steps.is_empty() {
            parts.push(Part::Rows(track::rows(steps).map_err(encoding)?));
        }
        Ok(Self { parts, undo, octets })
    }
}

/// The changes of one group, last change of each key.
#[derive(Default)]
pub(crate) struct Group {
    changes: BTreeMap<(Space, Vec<u8>), Option<UserValue>>,
    /// Whether anybody waits for the disk.
    synced: bool,
}

impl Group {
    /// Adds the writes of one commit; the caller drops the whole group on an error.
    pub(crate) fn add(&mut self, engine: &Engine, parts: Parts) -> Result<(), StoreError> {
        self.synced = true;
        for part in parts.parts {
            match part {
                Part::Rows(rows) => self.extend(rows),
                Part::New(id) if id > self.last_id(engine)? => {
                    self.put(Space::Meta, META_LAST_ID.to_vec(), message_key(id));
                }
                Part::New(_) => {}
                Part::Write(write) => self.add_write(engine, write)?,
            }
        }
        Ok(())
    }

    fn add_write(&mut self, engine: &Engine, write: Write) -> Result<(), StoreError> {
        match write {
            Write::PutRecipient { id, recipient } => {
                let key = recipient_key(id, recipient.number);
                let row = DiskRecipient::new(&recipient);
                self.put_again(engine, Space::Recipients, key, &row)?;
            }
            Write::PutHead(head) => {
                let row = DiskMessage::new(&head);
                let key = message_key(head.id).to_vec();
                self.put_again(engine, Space::Messages, key, &row)?;
            }
            Write::PutHold { hop, held } => {
                let key = [disk::META_HOLD, hop.to_string().as_bytes()].concat();
                if held {
                    self.put(Space::Meta, key, []);
                } else {
                    self.remove(Space::Meta, key);
                }
            }
            Write::RemoveRecipient { id, number } => {
                self.remove(Space::Recipients, recipient_key(id, number));
            }
            Write::RemoveMessage { id } => self.remove_message(engine, id)?,
            Write::RemoveSeen { key } => self.remove_seen(engine, &key)?,
            // These follow from what is written alone and are rows already.
            Write::PutMessage(_) | Write::Order(_) | Write::PutSeen { .. } => {}
        }
        Ok(())
    }

    /// Adds rows that are made already.
    pub(crate) fn extend(&mut self, rows: Vec<Change>) {
        self.changes.extend(rows.into_iter().map(|(space, key, value)| ((space, key), value)));
    }

    /// Writes or removes rows of the server's tables.
    pub(crate) fn change_rows(&mut self, changes: Vec<(Vec<u8>, Option<Vec<u8>>)>) {
        self.synced = true;
        for (key, row) in changes {
            match row {
                Some(row) => self.put(Space::Rows, key, row),
                None => self.remove(Space::Rows, key),
            }
        }
    }

    /// Adds an account, in place of one with the same name.
    pub(crate) fn put_account(
        &mut self,
        engine: &Engine,
        account: &Account,
    ) -> Result<(), StoreError> {
        self.synced = true;
        let row = engine.encode(account)?;
        self.put(Space::Accounts, account_key(&account.name), row);
        Ok(())
    }

    /// Removes an account.
    pub(crate) fn remove_account(&mut self, name: &AccountName) {
        self.synced = true;
        self.remove(Space::Accounts, account_key(name));
    }

    /// Puts a row in place of one that may hold more than this program knows.
    fn put_again<T: disk::Rewritten>(
        &mut self,
        engine: &Engine,
        space: Space,
        key: Vec<u8>,
        row: &T,
    ) -> Result<(), StoreError> {
        let old = match self.changes.get(&(space, key.clone())) {
            Some(value) => value.clone(),
            None => engine.get(space, &key)?,
        };
        let row = engine.rewrite(row, old.as_deref())?;
        self.put(space, key, row);
        Ok(())
    }

    pub(crate) fn put(&mut self, space: Space, key: Vec<u8>, value: impl Into<UserValue>) {
        self.changes.insert((space, key), Some(value.into()));
    }

    pub(crate) fn remove(&mut self, space: Space, key: Vec<u8>) {
        self.changes.insert((space, key), None);
    }

    /// Writes the batch, synced to the disk if anybody waits for that.
    pub(crate) fn commit(&self, engine: &Engine) -> Result<(), StoreError> {
        let mode = if self.synced { PersistMode::SyncData } else { PersistMode::Buffer };
        let mut batch = engine.db.batch().durability(Some(mode));
        for ((space, key), value) in &self.changes {
            let space = engine.spaces.of(*space);
            match value {
                Some(value) => batch.insert(space, key.as_slice(), value.clone()),
                None => batch.remove(space, key.as_slice()),
            }
        }
        batch.commit().map_err(|error| StoreError::engine(&engine.dir, "committing", error))
    }

    fn remove_message(&mut self, engine: &Engine, id: MessageId) -> Result<(), StoreError> {
        let key = message_key(id);
        for space in [Space::Messages, Space::Envelopes, Space::Contents] {
            self.remove(space, key.to_vec());
        }
        let pending = (Space::Recipients, recipient_key(id, 0))
            ..=(Space::Recipients, recipient_key(id, u32::MAX));
        for (_, value) in self.changes.range_mut(pending) {
            *value = None;
        }
        for row in engine.spaces.of(Space::Recipients).prefix(key) {
            let row = row.key().map_err(|error| engine.error("reading recipients", error))?;
            self.remove(Space::Recipients, row.to_vec());
        }
        Ok(())
    }

    fn remove_seen(&mut self, engine: &Engine, key: &str) -> Result<(), StoreError> {
        let row = seen_key(key);
        let until = match self.changes.get(&(Space::Seen, row.clone())) {
            Some(value) => value.clone(),
            None => engine.get(Space::Seen, &row)?,
        };
        if let Some(until) = until.and_then(|until| disk::read_time(&until)) {
            self.remove(Space::Seen, seen_end_key(until, key));
        }
        self.remove(Space::Seen, row);
        Ok(())
    }

    fn last_id(&self, engine: &Engine) -> Result<MessageId, StoreError> {
        match self.changes.get(&(Space::Meta, META_LAST_ID.to_vec())) {
            Some(Some(value)) => Ok(disk::read_message_key(value).unwrap_or(MessageId::ZERO)),
            _ => engine.last_id(),
        }
    }
}

/// Every row of a new message.
fn message_rows(message: StoredMessage) -> Result<Vec<Change>, serde_json::Error> {
    let StoredMessage { record, envelope, content } = message;
    let (head, key) = (&record.head, message_key(record.head.id).to_vec());
    let mut rows = Vec::with_capacity(3 + record.recipients.len());
    let row = disk::encode(&DiskMessage::new(head))?;
    rows.push((Space::Messages, key.clone(), Some(row.into())));
    for recipient in &record.recipients {
        let row = disk::encode(&DiskRecipient::new(recipient))?;
        rows.push((Space::Recipients, recipient_key(head.id, recipient.number), Some(row.into())));
    }
    rows.push((Space::Envelopes, key.clone(), Some(envelope.into())));
    rows.push((Space::Contents, key, Some(content.into())));
    Ok(rows)
}

fn seen_rows(key: &str, until: Timestamp) -> Vec<Change> {
    vec![
        (Space::Seen, seen_key(key), Some(disk::time_key(until).into())),
        (Space::Seen, seen_end_key(until, key), Some([].into())),
    ]
}

/// How to take out what these writes add, if adding a message is all they do.
fn undo_of(writes: &[Write]) -> Option<Vec<Write>> {
    let mut undo = Vec::new();
    let mut adds = false;
    for write in writes {
        match write {
            Write::PutMessage(message) => {
                adds = true;
                undo.push(Write::RemoveMessage { id: message.record.head.id });
            }
            Write::PutSeen { key, .. } => undo.push(Write::RemoveSeen { key: key.clone() }),
            Write::Order(order) if order.remove.is_empty() => {
                // The counts are put right by the next order.
                let order =
                    Order { remove: order.put.clone(), total: order.total, ..Order::default() };
                undo.push(Write::Order(Box::new(order)));
            }
            _ => return None,
        }
    }
    adds.then_some(undo)
}

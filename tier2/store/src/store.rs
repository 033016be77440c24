//! The handle that everybody holds.

use crate::committer::{Committer, Done, Job};
use crate::copy::{self, Copied};
use crate::disk::{self, DiskMessage, DiskRecipient};
use crate::error::StoreError;
use crate::events::{self, EventLog};
use crate::group::Parts;
use crate::open::Engine;
use crate::order;
use crate::slot::{Slot, Trouble};
use crate::spaces::Space;
use crate::track;
use identity::{Account, AccountName};
use jiff::Timestamp;
use queue::{Haste, MessageId, MessageRecord, NextHop, Step, Write};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// Most octets of an envelope or content: what the engine takes as one value is 4 GiB; this leaves room for its head.
const VALUE_LIMIT: usize = 0xF000_0000;
/// Most octets of a dedupe key: an MTS identifier has less than 200, a recipient's number 10.
const SEEN_KEY_LIMIT: usize = 4096;
/// Most octets of one event: the longest rendering of the catalogue with room for long texts.
const EVENT_LIMIT: usize = 64 * 1024;
/// Most octets of a peer's name: an MTA name has at most 32 characters (X.411 ub-mta-name-length).
const PEER_NAME_LIMIT: usize = 256;
/// Most octets of a peer's history: two failures, each with a text as events have it.
const PEER_LIMIT: usize = 64 * 1024;
/// Most events and histories that may wait to be written: at a few hundred octets each, some megabytes.
const UNWATCHED: usize = 10_000;

/// Octets that stay free for what was already taken, unless the caller says otherwise.
const RESERVE: u64 = 32 * 1024 * 1024;

/// How many events are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventLimits {
    /// The oldest beyond this number are dropped, in steps of a hundredth.
    pub keep: usize,
}

impl Default for EventLimits {
    fn default() -> Self {
        Self { keep: 100_000 }
    }
}

/// The store. A clone is another handle to the same one; the last one to go closes it.
#[derive(Clone)]
pub struct Store {
    shared: Arc<Shared>,
}

impl Store {
    /// Opens the store in a directory, made if it is not there, and locks it against other processes.
    ///
    /// # Errors
    /// It is in use, was written by a newer program, may not be read or written, or is damaged.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        Self::open_with(dir, EventLimits::default())
    }

    /// [`Store::open`] with another number of events to keep.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open_with(dir: &Path, limits: EventLimits) -> Result<Self, StoreError> {
        let engine = Engine::open(dir)?;
        order::renew_if_foreign(&engine)?;
        let was_clean = engine.note_open()?;
        let events = EventLog::open(&engine, limits.keep)?;
        let slot = Arc::new(Slot::new(engine, RESERVE));
        let (sender, jobs) = channel();
        let unwatched = Arc::new(AtomicUsize::new(0));
        let committer = Committer::new(Arc::clone(&slot), jobs, events, Arc::clone(&unwatched));
        let thread = std::thread::Builder::new()
            .name("store-commit".to_owned())
            .spawn(move || committer.run())
            .map_err(|error| StoreError::io(dir, "starting the commit thread", error))?;
        let thread = Mutex::new(Some(thread));
        let shared = Shared { slot, sender, unwatched, thread, was_clean };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Hands writes to the commit thread; `done` is called exactly once, from that thread, when they are on the disk or
    /// cannot be written. It must not block, and must not wait for another commit.
    pub fn commit(
        &self,
        writes: Vec<Write>,
        done: impl FnOnce(Result<(), StoreError>) + Send + 'static,
    ) {
        self.commit_with(writes, Vec::new(), Haste::Now, done);
    }

    /// [`Store::commit`] with the steps that tell what becomes of messages by these writes.
    ///
    /// Writes that have time go with those of the next caller who has none, or after [`LINGER`](crate::committer::LINGER):
    /// `done` is called when they are on the disk, as ever.
    ///
    /// Writes that only add a message are undone once the store goes on after a failure: whoever handed them in was
    /// told that they failed, and will do it again.
    pub fn commit_with(
        &self,
        writes: Vec<Write>,
        steps: Vec<Step>,
        haste: Haste,
        done: impl FnOnce(Result<(), StoreError>) + Send + 'static,
    ) {
        let dir = &self.shared.slot.dir;
        match check(&writes).and_then(|()| Parts::new(dir, writes, &steps)) {
            Ok(parts) => self.send(Job::Commit { parts, haste, done: Done::new(dir, done) }),
            Err(error) => done(Err(error)),
        }
    }

    /// What keeps the store from taking mail, if anything does. It goes on by itself once that has passed.
    #[must_use]
    pub fn trouble(&self) -> Option<Trouble> {
        self.shared.slot.trouble()
    }

    /// The newest trouble since this was asked, also one that was over before anybody could see it.
    #[must_use]
    pub fn take_seen_trouble(&self) -> Option<Trouble> {
        self.shared.slot.take_seen()
    }

    /// How many octets must stay free for mail to be taken.
    pub fn set_reserve(&self, octets: u64) {
        self.shared.slot.set_reserve(octets);
    }

    /// Whether the last one to open this store closed it in order.
    #[must_use]
    pub fn was_clean(&self) -> bool {
        self.shared.was_clean
    }

    /// Writes everything as it is at this moment into a new store in `to`, while this one goes on.
    ///
    /// # Errors
    /// There is something in `to`, or it cannot be written, or this store cannot be read.
    pub fn backup(&self, to: &Path) -> Result<Copied, StoreError> {
        copy::backup(&*self.shared.slot.engine()?, to)
    }

    /// Writes every message of the queue as files into the new directory `to`: `messages.jsonl`, and beside it envelopes
    /// and contents as they are.
    ///
    /// # Errors
    /// As for [`Store::backup`].
    pub fn export(&self, to: &Path) -> Result<Copied, StoreError> {
        copy::export(&*self.shared.slot.engine()?, to)
    }

    /// The hops that an operator stopped.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn holds(&self) -> Result<Vec<NextHop>, StoreError> {
        let engine = &*self.shared.slot.engine()?;
        let mut holds = Vec::new();
        for row in engine.spaces.of(Space::Meta).prefix(disk::META_HOLD) {
            let key = row.key().map_err(|error| engine.error("reading holds", error))?;
            let name = std::str::from_utf8(&key[disk::META_HOLD.len()..]).ok();
            let hop = name.and_then(|name| name.parse().ok());
            // A hop of a kind that only a newer program knows is none that this one could serve.
            holds.extend(hop);
        }
        Ok(holds)
    }

    /// The steps of the messages that are found by a number, an MTS identifier, a `Message-ID` or an address; the
    /// newest `limit` of them, oldest first.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn track(
        &self,
        what: &str,
        since: Option<Timestamp>,
        limit: usize,
    ) -> Result<Vec<Step>, StoreError> {
        track::find(&*self.shared.slot.engine()?, what, since, limit)
    }

    /// Hands every step not older than `since` to `each`, message by message; how many there were.
    ///
    /// # Errors
    /// They cannot be read, or `each` fails.
    pub fn export_track(
        &self,
        since: Option<Timestamp>,
        each: impl FnMut(&Step) -> std::io::Result<()>,
    ) -> Result<u64, StoreError> {
        track::export(&*self.shared.slot.engine()?, since, each)
    }

    /// [`Store::commit`] for callers that can wait; not from the commit thread.
    ///
    /// # Errors
    /// The writes are not on the disk.
    pub fn commit_wait(&self, writes: Vec<Write>) -> Result<(), StoreError> {
        check(&writes)?;
        let parts = Parts::new(&self.shared.slot.dir, writes, &[])?;
        self.wait(|done| Job::Commit { parts, haste: Haste::Now, done })
    }

    /// Every message with the recipients that are still to be served, by identifier.
    ///
    /// # Errors
    /// A row cannot be read.
    pub fn load_messages(&self) -> Result<Vec<MessageRecord>, StoreError> {
        let engine = &*self.shared.slot.engine()?;
        let mut records = BTreeMap::new();
        for row in engine.spaces.of(Space::Messages).iter() {
            let (key, value) =
                row.into_inner().map_err(|error| engine.error("reading messages", error))?;
            let id = disk::read_message_key(&key)
                .ok_or_else(|| engine.corrupt(Space::Messages, &key, "its key is no identifier"))?;
            let message: DiskMessage = disk::decode(&value)
                .map_err(|detail| engine.corrupt(Space::Messages, &key, detail))?;
            records.insert(id, message.into_record(id));
        }
        for row in engine.spaces.of(Space::Recipients).iter() {
            let (key, value) =
                row.into_inner().map_err(|error| engine.error("reading recipients", error))?;
            let (id, number) = disk::read_recipient_key(&key).ok_or_else(|| {
                engine.corrupt(Space::Recipients, &key, "its key is no recipient")
            })?;
            let recipient: DiskRecipient = disk::decode(&value)
                .map_err(|detail| engine.corrupt(Space::Recipients, &key, detail))?;
            if let Some(record) = records.get_mut(&id) {
                record.recipients.push(recipient.into_record(number));
            }
        }
        Ok(records.into_values().collect())
    }

    /// The highest message identifier that was ever stored, also of messages that are gone.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn last_id(&self) -> Result<MessageId, StoreError> {
        self.shared.slot.engine()?.last_id()
    }

    /// The envelope of a message.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn envelope(&self, id: MessageId) -> Result<Option<Vec<u8>>, StoreError> {
        self.value(Space::Envelopes, &disk::message_key(id))
    }

    /// The content of a message.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn content(&self, id: MessageId) -> Result<Option<Vec<u8>>, StoreError> {
        self.value(Space::Contents, &disk::message_key(id))
    }

    /// Whether a dedupe key is kept.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn seen(&self, key: &str) -> Result<bool, StoreError> {
        let row = self.shared.slot.engine()?.get(Space::Seen, &disk::seen_key(key))?;
        Ok(row.is_some())
    }

    /// All accounts, by name.
    ///
    /// # Errors
    /// A row cannot be read.
    pub fn accounts(&self) -> Result<Vec<Account>, StoreError> {
        let engine = &*self.shared.slot.engine()?;
        let mut accounts = Vec::new();
        for row in engine.spaces.of(Space::Accounts).iter() {
            let (key, value) =
                row.into_inner().map_err(|error| engine.error("reading accounts", error))?;
            accounts.push(self.account_row(&key, &value)?);
        }
        Ok(accounts)
    }

    /// One account.
    ///
    /// # Errors
    /// The row cannot be read.
    pub fn account(&self, name: &AccountName) -> Result<Option<Account>, StoreError> {
        let key = disk::account_key(name);
        match self.shared.slot.engine()?.get(Space::Accounts, &key)? {
            Some(value) => self.account_row(&key, &value).map(Some),
            None => Ok(None),
        }
    }

    /// Writes an account, in place of one with the same name, and waits for the disk.
    ///
    /// # Errors
    /// It is not on the disk.
    pub fn put_account(&self, account: Account) -> Result<(), StoreError> {
        self.wait(|done| Job::PutAccount { account: Box::new(account), done })
    }

    /// Removes an account and waits for the disk; whether there was one.
    ///
    /// # Errors
    /// The removal is not on the disk.
    pub fn remove_account(&self, name: &AccountName) -> Result<bool, StoreError> {
        let key = disk::account_key(name);
        let known = self.shared.slot.engine()?.get(Space::Accounts, &key)?.is_some();
        let name = name.clone();
        self.wait(|done| Job::RemoveAccount { name, done })?;
        Ok(known)
    }

    /// Hands an event, as JSON, to the commit thread. It reaches the disk with the next commit, or at close.
    ///
    /// # Errors
    /// It is too large, too many wait, or the store is closed; it is not kept.
    pub fn append_event(&self, event: &[u8], time: Timestamp) -> Result<(), StoreError> {
        limit("event", event.len(), EVENT_LIMIT)?;
        self.send_unwatched(Job::Event { time, event: event.to_vec() })
    }

    /// The newest `limit` events that are not older than `since`, in the order of their times.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn events(
        &self,
        since: Option<Timestamp>,
        limit: usize,
    ) -> Result<Vec<Vec<u8>>, StoreError> {
        events::read(&*self.shared.slot.engine()?, since, limit)
    }

    /// Hands what is remembered of a peer, as JSON, to the commit thread, in place of what was kept under the same name
    /// without regard to case. It reaches the disk with the next commit, or at close.
    ///
    /// # Errors
    /// It is too large, too many wait, or the store is closed; what was kept before stays.
    pub fn put_peer(&self, name: &str, json: &[u8]) -> Result<(), StoreError> {
        limit("peer's name", name.len(), PEER_NAME_LIMIT)?;
        limit("peer's history", json.len(), PEER_LIMIT)?;
        self.send_unwatched(Job::PutPeer { key: disk::peer_key(name), row: disk::wrap(json) })
    }

    /// What is remembered of each peer, by its name in upper case.
    ///
    /// # Errors
    /// A row cannot be read.
    pub fn peers(&self) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        let engine = &*self.shared.slot.engine()?;
        let mut peers = Vec::new();
        for row in engine.spaces.of(Space::Peers).iter() {
            let (key, value) =
                row.into_inner().map_err(|error| engine.error("reading peers", error))?;
            let name = disk::read_peer_key(&key)
                .ok_or_else(|| engine.corrupt(Space::Peers, &key, "its key is no name"))?;
            let json = disk::unwrap(&value)
                .map_err(|detail| engine.corrupt(Space::Peers, &key, detail))?;
            peers.push((name, json));
        }
        Ok(peers)
    }

    /// Waits until everything handed in so far is on the disk, also what nobody waits for.
    ///
    /// # Errors
    /// It is not.
    pub fn sync(&self) -> Result<(), StoreError> {
        self.wait(|done| Job::Sync { done })
    }

    /// Finishes what was handed in, syncs, and ends the commit thread; other handles can only read from then on.
    /// The lock is released when the last handle is gone. Dropping the last handle does the same.
    pub fn close(self) {
        self.shared.stop();
    }

    pub(crate) fn engine(&self) -> Result<Arc<Engine>, StoreError> {
        self.shared.slot.engine()
    }

    #[cfg(test)]
    pub(crate) fn shared_engine(&self) -> Arc<Engine> {
        self.shared.slot.engine().unwrap()
    }

    fn value(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let value = self.shared.slot.engine()?.get(space, key)?;
        Ok(value.map(|value| value.to_vec()))
    }

    fn account_row(&self, key: &[u8], value: &[u8]) -> Result<Account, StoreError> {
        disk::decode(value).map_err(|detail| {
            StoreError::corrupt(&self.shared.slot.dir, Space::Accounts.name(), key, detail)
        })
    }

    /// Sends a job whose outcome nobody hears of, unless too many of them wait.
    fn send_unwatched(&self, job: Job) -> Result<(), StoreError> {
        let waiting = self.shared.unwatched.fetch_add(1, Ordering::Relaxed);
        let sent = if waiting >= UNWATCHED {
            Err(StoreError::Behind { waiting })
        } else {
            self.shared.sender.send(job).map_err(|_| self.closed())
        };
        if sent.is_err() {
            self.shared.unwatched.fetch_sub(1, Ordering::Relaxed);
        }
        sent
    }

    fn send(&self, job: Job) {
        // A job that cannot be sent is dropped here, which tells whoever waits for it.
        let _ = self.shared.sender.send(job);
    }

    pub(crate) fn wait(&self, job: impl FnOnce(Done) -> Job) -> Result<(), StoreError> {
        // For one answer; a channel without a bound sets aside room for thirty.
        let (sender, answer) = sync_channel(1);
        let done = Done::new(&self.shared.slot.dir, move |result| {
            // Nobody listens only if the waiting thread is gone.
            let _ = sender.send(result);
        });
        self.send(job(done));
        answer.recv().unwrap_or_else(|_| Err(self.closed()))
    }

    fn closed(&self) -> StoreError {
        StoreError::Closed { dir: self.shared.slot.dir.clone() }
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("dir", &self.shared.slot.dir).finish_non_exhaustive()
    }
}

/// What the handles share.
struct Shared {
    slot: Arc<Slot>,
    was_clean: bool,
    sender: Sender<Job>,
    unwatched: Arc<AtomicUsize>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Shared {
    fn stop(&self) {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(thread) = thread else {
            return;
        };
        // It is gone already if this fails.
        let _ = self.sender.send(Job::Stop);
        // The last handle may have been held by an answer: the commit thread cannot wait for itself.
        if thread.thread().id() != std::thread::current().id() {
            let _ = thread.join();
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.stop();
    }
}

fn check(writes: &[Write]) -> Result<(), StoreError> {
    for write in writes {
        match write {
            Write::PutMessage(message) => {
                limit("envelope", message.envelope.len(), VALUE_LIMIT)?;
                limit("content", message.content.len(), VALUE_LIMIT)?;
            }
            Write::PutSeen { key, .. } => limit("dedupe key", key.len(), SEEN_KEY_LIMIT)?,
            _ => {}
        }
    }
    Ok(())
}

pub(crate) const fn limit(what: &'static str, size: usize, limit: usize) -> Result<(), StoreError> {
    if size > limit {
        return Err(StoreError::TooLarge { what, size, limit });
    }
    Ok(())
}

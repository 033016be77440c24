//! The check of a store at rest: every object, every reference, named with what would be lost; and the repair.
//!
//! Invariants:
//! - Without `aside` nothing is changed, apart from what opening a store does.
//! - A repair loses nothing that can be read: what it takes out it puts into the directory aside first.
//! - A repair is idempotent: after it a check finds nothing.

use crate::copy::{self, Copied};
use crate::disk::{self, DiskMessage, DiskRecipient};
use crate::error::StoreError;
use crate::group::Group;
use crate::journal;
use crate::open::Engine;
use crate::order;
use crate::recover;
use crate::spaces::Space;
use fjall::PersistMode;
use identity::Account;
use jiff::Timestamp;
use queue::{MessageId, Step};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// One fault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// Where: a file, a keyspace, or a row of one with its key in hexadecimal.
    pub object: String,
    /// What is wrong with it.
    pub what: String,
    /// What is lost by it.
    pub loses: String,
    /// Whether it is repaired.
    pub repaired: bool,
}

/// What a check found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Checked {
    /// Rows, and journals.
    pub objects: u64,
    /// In the order in which they were found.
    pub faults: Vec<Fault>,
}

/// Checks the store in a directory; with `aside`, repairs it and puts what cannot be kept there.
///
/// # Errors
/// A server has the store open, or the disk fails. Damage is no error.
pub fn check(dir: &Path, aside: Option<&Path>) -> Result<Checked, StoreError> {
    if !dir.exists() {
        let missing = std::io::Error::from(std::io::ErrorKind::NotFound);
        return Err(StoreError::io(dir, "checking", missing));
    }
    refuse_live(dir)?;
    let mut check = Check { dir, aside, done: Checked::default(), changes: Group::default() };
    check.journals()?;
    if !check.done.faults.is_empty() && aside.is_none() {
        // Opening it would cut off what stands behind the damage.
        return Ok(check.done);
    }
    let engine = match Engine::open(dir) {
        Ok(engine) => engine,
        Err(error @ (StoreError::Locked { .. } | StoreError::Newer { .. })) => return Err(error),
        Err(error) if error.cause() != "damaged" && !is_damage(&error) => return Err(error),
        Err(error) => match check.salvage_spaces(&error)? {
            Some(engine) => engine,
            None => return Ok(check.done),
        },
    };
    let engine = match check.salvage_rows(engine)? {
        Some(engine) => engine,
        None => return Ok(check.done),
    };
    check.rows(&engine)?;
    if aside.is_some() {
        let changes = std::mem::take(&mut check.changes);
        changes.commit(&engine)?;
        engine.sync()?;
        if !check.done.faults.is_empty() {
            order::distrust(&engine)?;
        }
    }
    Ok(check.done)
}

/// The engine's lock tells whether somebody has it; the lock file is the engine's own.
fn refuse_live(dir: &Path) -> Result<(), StoreError> {
    let Ok(file) = std::fs::OpenOptions::new().read(true).write(true).open(dir.join("lock")) else {
        return Ok(());
    };
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(std::fs::TryLockError::WouldBlock) => Err(StoreError::Locked { dir: dir.to_owned() }),
        Err(std::fs::TryLockError::Error(error)) => {
            Err(StoreError::io(dir, "looking at the lock", error))
        }
    }
}

/// Whether an error of the system comes from the octets of a file rather than from the disk.
fn is_damage(error: &StoreError) -> bool {
    use std::io::ErrorKind::{InvalidData, InvalidInput, NotFound, UnexpectedEof};
    match error {
        StoreError::Io { source, .. } => {
            matches!(source.kind(), InvalidData | InvalidInput | NotFound | UnexpectedEof)
                || source.raw_os_error().is_none()
        }
        _ => false,
    }
}

struct Check<'a> {
    dir: &'a Path,
    aside: Option<&'a Path>,
    done: Checked,
    changes: Group,
}

impl Check<'_> {
    fn fault(&mut self, object: String, what: impl Into<String>, loses: impl Into<String>) {
        let repaired = self.aside.is_some();
        self.done.faults.push(Fault { object, what: what.into(), loses: loses.into(), repaired });
    }

    fn failed(&self, error: std::io::Error) -> StoreError {
        StoreError::io(self.dir, "moving damaged octets aside", error)
    }

    /// Makes the directory aside, and gives a path in it that is free.
    fn aside_path(&self, name: &str) -> Result<Option<PathBuf>, StoreError> {
        let Some(aside) = self.aside else { return Ok(None) };
        let made = DirBuilder::new().recursive(true).mode(0o700).create(aside);
        made.map_err(|error| self.failed(error))?;
        let free = (0..).map(|number| match number {
            0 => aside.join(name),
            _ => aside.join(format!("{name}.{number}")),
        });
        Ok(free.into_iter().find(|path| !path.exists()))
    }

    /// Damage in the middle of a journal, which the engine would not tell of.
    fn journals(&mut self) -> Result<(), StoreError> {
        for damaged in journal::damaged(self.dir)? {
            let name = damaged.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            self.done.objects += 1;
            for range in damaged.scan.places() {
                self.fault(
                    name.clone(),
                    format!("octets {} to {} are damaged", range.start, range.end),
                    "the changes that stood in these octets; what stands behind them is kept",
                );
            }
            if let Some(path) = self.aside_path(&name)? {
                std::fs::copy(&damaged.path, path).map_err(|error| self.failed(error))?;
                journal::cut_out(&damaged).map_err(|error| self.failed(error))?;
            }
        }
        Ok(())
    }

    /// The engine does not open. The whole directory goes aside; keyspaces are taken out of a copy one after the other
    /// until the rest opens.
    fn salvage_spaces(&mut self, error: &StoreError) -> Result<Option<Engine>, StoreError> {
        let said = chain(error);
        let Some(whole) = self.aside_path("store")? else {
            self.fault("store".to_owned(), said, "nothing for certain before a repair is tried");
            return Ok(None);
        };
        std::fs::rename(self.dir, &whole).map_err(|error| self.failed(error))?;
        let mut without: Vec<PathBuf> = vec![PathBuf::new()];
        let spaces = std::fs::read_dir(whole.join("keyspaces"));
        for entry in spaces.into_iter().flatten().flatten() {
            without.push(Path::new("keyspaces").join(entry.file_name()));
        }
        for journal in std::fs::read_dir(&whole).into_iter().flatten().flatten() {
            if journal.path().extension().is_some_and(|extension| extension == "jnl") {
                without.push(PathBuf::from(journal.file_name()));
            }
        }
        // One part alone first, then all that are damaged together.
        let mut bad: BTreeSet<PathBuf> = BTreeSet::new();
        for part in &without {
            self.copy_without(&whole, &BTreeSet::from([part.clone()]))?;
            if let Some(engine) = open_quietly(self.dir) {
                self.note_salvaged(part, &said);
                let engine = self.renew(engine)?;
                self.replay(&whole, &engine)?;
                return Ok(Some(engine));
            }
        }
        for part in without.iter().skip(1) {
            bad.insert(part.clone());
            self.copy_without(&whole, &bad)?;
            if let Some(engine) = open_quietly(self.dir) {
                for part in &bad {
                    self.note_salvaged(part, &said);
                }
                let engine = self.renew(engine)?;
                self.replay(&whole, &engine)?;
                return Ok(Some(engine));
            }
        }
        std::fs::remove_dir_all(self.dir).map_err(|error| self.failed(error))?;
        let all = "what stood in no journal any more; the files are kept aside";
        self.fault("store".to_owned(), said, all);
        let engine = Engine::open(self.dir)?;
        self.replay(&whole, &engine)?;
        Ok(Some(engine))
    }

    /// Puts what the journals of the damaged store hold over what its tables gave.
    fn replay(&self, whole: &Path, engine: &Engine) -> Result<(), StoreError> {
        let mut failed = None;
        let replayed = journal::replay(whole, |change| {
            // The last one to have the store open has it no more.
            let space = Space::numbered(change.keyspace);
            let Some(space) = space.filter(|_| change.key != disk::META_OPEN) else { return };
            let space = engine.spaces.of(space);
            let done = match change.value {
                Some(value) => space.insert(change.key, value),
                None => space.remove(change.key),
            };
            failed = failed.take().or(done.err());
        });
        replayed.map_err(|error| self.failed(error))?;
        match failed {
            Some(error) => Err(engine.error("writing what the journals hold", error)),
            None => engine.sync(),
        }
    }

    /// Copies what opens, row by row, into a store that was never damaged: in one with parts left out the engine's own
    /// numbers do not fit any more. Rows that cannot be read are left to the next step.
    fn renew(&self, engine: Engine) -> Result<Engine, StoreError> {
        let fresh = self.dir.with_extension("renewed");
        if fresh.exists() {
            std::fs::remove_dir_all(&fresh).map_err(|error| self.failed(error))?;
        }
        if copy::backup(&engine, &fresh).is_err() {
            return Ok(engine);
        }
        drop(engine);
        std::fs::remove_dir_all(self.dir).map_err(|error| self.failed(error))?;
        std::fs::rename(&fresh, self.dir).map_err(|error| self.failed(error))?;
        Engine::open(self.dir)
    }

    fn note_salvaged(&mut self, part: &Path, said: &str) {
        let object = part.display().to_string();
        let (object, loses) = if object.is_empty() {
            ("store".to_owned(), "nothing: a copy of its files opens".to_owned())
        } else {
            let loses =
                format!("what stood in {object} and in no journal any more; it is kept aside");
            (object, loses)
        };
        self.fault(object, said, loses);
    }

    fn copy_without(&self, from: &Path, parts: &BTreeSet<PathBuf>) -> Result<(), StoreError> {
        if self.dir.exists() {
            std::fs::remove_dir_all(self.dir).map_err(|error| self.failed(error))?;
        }
        copy_tree(from, Path::new(""), self.dir, parts).map_err(|error| self.failed(error))
    }

    /// Rows that the engine cannot give. The directory goes aside, and what can be read goes into a new store.
    fn salvage_rows(&mut self, engine: Engine) -> Result<Option<Engine>, StoreError> {
        let mut unreadable: BTreeMap<Space, String> = BTreeMap::new();
        for space in Space::ALL {
            for row in engine.spaces.of(space).iter() {
                self.done.objects += 1;
                if let Err(error) = row.into_inner() {
                    unreadable.insert(space, chain(&engine.error("reading", error)));
                    break;
                }
            }
        }
        if unreadable.is_empty() {
            return Ok(Some(engine));
        }
        for (space, said) in &unreadable {
            let loses = format!("the rows of {} that stand in the damaged block", space.name());
            self.fault(format!("keyspace {}", space.name()), said.clone(), loses);
        }
        let Some(whole) = self.aside_path("store")? else { return Ok(None) };
        drop(engine);
        std::fs::rename(self.dir, &whole).map_err(|error| self.failed(error))?;
        let (old, new) = (Engine::open(&whole)?, Engine::open(self.dir)?);
        let keys = known_keys(&old);
        let mut copied = Copied::default();
        for space in Space::ALL {
            let mut batch = new.db.batch();
            let mut put = |key: &[u8], value: &[u8]| {
                copied.count(space, key.len() + value.len());
                batch.insert(new.spaces.of(space), key, value);
            };
            if unreadable.contains_key(&space) {
                // Row by row, by the keys that other keyspaces know, and by reading from both ends to the damage.
                let mut seen = BTreeSet::new();
                let from_both_ends = readable_from_both_ends(&old, space);
                for (key, value) in from_both_ends {
                    put(&key, &value);
                    seen.insert(key);
                }
                for key in keys.get(&space).into_iter().flatten().filter(|key| !seen.contains(*key))
                {
                    if let Ok(Some(value)) = old.get(space, key) {
                        put(key, &value);
                    }
                }
            } else {
                for row in old.spaces.of(space).iter() {
                    let (key, value) =
                        row.into_inner().map_err(|error| old.error("reading", error))?;
                    put(&key, &value);
                }
            }
            batch.commit().map_err(|error| new.error("writing", error))?;
        }
        new.db
            .persist(PersistMode::SyncAll)
            .map_err(|error| new.error("writing what could be read", error))?;
        Ok(Some(new))
    }

    /// Every row, and every reference between rows.
    fn rows(&mut self, engine: &Engine) -> Result<(), StoreError> {
        let messages = self.decode_all::<DiskMessage>(engine, Space::Messages, |key| {
            disk::read_message_key(key).is_some()
        })?;
        let recipients = self.decode_all::<DiskRecipient>(engine, Space::Recipients, |key| {
            disk::read_recipient_key(key).is_some()
        })?;
        self.decode_all::<Account>(engine, Space::Accounts, |_| true)?;
        self.decode_all::<serde_json::Value>(engine, Space::Peers, |key| {
            disk::read_peer_key(key).is_some()
        })?;
        self.decode_all::<serde_json::Value>(engine, Space::Rows, |key| {
            key.get(1..).is_some_and(|name| std::str::from_utf8(name).is_ok())
        })?;
        self.track(engine)?;
        self.meta(engine)?;
        let ids = |keys: &BTreeSet<Vec<u8>>| -> BTreeSet<MessageId> {
            keys.iter().filter_map(|key| disk::read_message_key(key.get(..8)?)).collect()
        };
        let (messages, with_recipients) = (ids(&messages), ids(&recipients));
        let envelopes = ids(&keys_of(engine, Space::Envelopes)?);
        let contents = ids(&keys_of(engine, Space::Contents)?);
        for id in with_recipients.difference(&messages) {
            self.rebuild(engine, *id, &recipients)?;
        }
        for id in &messages {
            self.references(engine, *id, envelopes.contains(id), contents.contains(id))?;
        }
        for (space, have) in [(Space::Envelopes, &envelopes), (Space::Contents, &contents)] {
            for id in have.difference(&messages).filter(|id| !with_recipients.contains(id)) {
                let what = "it belongs to no message";
                self.take_out(engine, space, &disk::message_key(*id), what, "nothing: left over")?;
            }
        }
        Ok(())
    }

    /// Decodes every row; one that cannot be read is taken out. Gives the keys of the good ones.
    fn decode_all<T: serde::de::DeserializeOwned>(
        &mut self,
        engine: &Engine,
        space: Space,
        good_key: impl Fn(&[u8]) -> bool,
    ) -> Result<BTreeSet<Vec<u8>>, StoreError> {
        let mut good = BTreeSet::new();
        let mut bad = Vec::new();
        for row in engine.spaces.of(space).iter() {
            let (key, value) = row.into_inner().map_err(|error| engine.error("reading", error))?;
            if !good_key(&key) {
                bad.push((key.to_vec(), "its key is none of this keyspace".to_owned()));
                continue;
            }
            match disk::decode::<T>(&value) {
                Ok(_) => {
                    good.insert(key.to_vec());
                }
                Err(detail) => bad.push((key.to_vec(), detail)),
            }
        }
        for (key, what) in bad {
            let loses = match space {
                Space::Messages => "what the queue knows of the message; mail and recipients stay",
                Space::Recipients => "the delivery to this recipient",
                Space::Accounts => "an account: add it again",
                Space::Rows => "a row of the accounts, the directory or its records",
                _ => "a row that no mail needs",
            };
            self.take_out(engine, space, &key, &what, loses)?;
        }
        Ok(good)
    }

    fn track(&mut self, engine: &Engine) -> Result<(), StoreError> {
        let mut bad = Vec::new();
        for row in engine.spaces.of(Space::Track).prefix(b"s") {
            let (key, value) = row.into_inner().map_err(|error| engine.error("reading", error))?;
            if let Err(detail) = disk::decode::<Step>(&value) {
                bad.push((key.to_vec(), detail));
            }
        }
        for (key, what) in bad {
            self.take_out(engine, Space::Track, &key, &what, "one step of a message's track")?;
        }
        Ok(())
    }

    fn meta(&mut self, engine: &Engine) -> Result<(), StoreError> {
        let last = engine.get(Space::Meta, disk::META_LAST_ID)?;
        if let Some(last) = last
            && disk::read_message_key(&last).is_none()
        {
            let what = "it is not eight octets";
            let loses = "the last message number; numbers go on from the highest that is there";
            self.take_out(engine, Space::Meta, disk::META_LAST_ID, what, loses)?;
        }
        Ok(())
    }

    /// Recipients whose message's row is gone: it is made again of what is left, so that the mail is delivered or
    /// comes back.
    fn rebuild(
        &mut self,
        engine: &Engine,
        id: MessageId,
        recipients: &BTreeSet<Vec<u8>>,
    ) -> Result<(), StoreError> {
        let key = disk::message_key(id);
        let object = row_name(Space::Messages, &key);
        let envelope = engine.get(Space::Envelopes, &key)?;
        if envelope.is_none() {
            let what = "recipients are left of a message that is gone";
            for key in recipients.iter().filter(|row| row.starts_with(&key)) {
                self.take_out(engine, Space::Recipients, key, what, "the delivery to it")?;
            }
            return Ok(());
        }
        let size = engine.get(Space::Contents, &key)?.map_or(0, |content| content.len());
        let size = u64::try_from(size).unwrap_or(0);
        let row = DiskMessage::rebuilt(id, size, Timestamp::now());
        self.fault(object, "the row of the message is gone", "its priority and age; it is sent on");
        if self.aside.is_some() {
            self.changes.put(Space::Messages, key.to_vec(), engine.encode(&row)?);
        }
        Ok(())
    }

    fn references(
        &mut self,
        engine: &Engine,
        id: MessageId,
        envelope: bool,
        content: bool,
    ) -> Result<(), StoreError> {
        let key = disk::message_key(id);
        let object = row_name(Space::Messages, &key);
        if !envelope {
            let what = "its envelope is gone";
            let loses =
                "the message: without an envelope it can neither be delivered nor come back";
            self.fault(object.clone(), what, loses);
            for space in [Space::Messages, Space::Contents] {
                self.set_aside(engine, space, &key)?;
            }
            for recipient in keys_of(engine, Space::Recipients)? {
                if recipient.starts_with(&key) {
                    self.set_aside(engine, Space::Recipients, &recipient)?;
                }
            }
        } else if !content {
            let row = engine.get(Space::Messages, &key)?.unwrap_or_default();
            let message: Option<DiskMessage> = disk::decode(&row).ok();
            let Some(mut message) = message.filter(DiskMessage::needs_content) else {
                return Ok(());
            };
            let loses = "the content; the sender gets a non-delivery report";
            self.fault(object, "its content is gone", loses);
            if self.aside.is_some() {
                message.expire_at(Timestamp::UNIX_EPOCH);
                // An empty content is one that can be read: what is left is the report.
                self.changes.put(Space::Contents, key.to_vec(), []);
                self.changes.put(Space::Messages, key.to_vec(), engine.encode(&message)?);
            }
        }
        Ok(())
    }

    /// Names a row that cannot stay, and takes it out.
    fn take_out(
        &mut self,
        engine: &Engine,
        space: Space,
        key: &[u8],
        what: &str,
        loses: &str,
    ) -> Result<(), StoreError> {
        self.fault(row_name(space, key), what, loses);
        self.set_aside(engine, space, key)
    }

    /// Puts a row into a file aside, and removes it.
    fn set_aside(&mut self, engine: &Engine, space: Space, key: &[u8]) -> Result<(), StoreError> {
        let name = format!("{}-{}", space.name(), hex(key));
        let name: String = name.chars().take(200).collect();
        let Some(path) = self.aside_path(&name)? else { return Ok(()) };
        if let Some(value) = engine.get(space, key)? {
            std::fs::write(path, &value).map_err(|error| self.failed(error))?;
        }
        self.changes.remove(space, key.to_vec());
        Ok(())
    }
}

fn open_quietly(dir: &Path) -> Option<Engine> {
    // A damaged file may make the engine panic; that is one more way not to open.
    std::panic::catch_unwind(|| Engine::open(dir).ok()).ok().flatten()
}

fn copy_tree(
    from: &Path,
    below: &Path,
    to: &Path,
    without: &BTreeSet<PathBuf>,
) -> std::io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(to)?;
    for entry in std::fs::read_dir(from.join(below))? {
        let entry = entry?;
        let path = below.join(entry.file_name());
        if without.contains(&path) {
            continue;
        }
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_tree(from, &path, &target, without)?;
        } else {
            recover::copy_sparse(&entry.path(), &target)?;
        }
    }
    Ok(())
}

fn keys_of(engine: &Engine, space: Space) -> Result<BTreeSet<Vec<u8>>, StoreError> {
    let keys = engine.spaces.of(space).iter().map(|row| {
        let key = row.key().map_err(|error| engine.error("reading", error))?;
        Ok(key.to_vec())
    });
    keys.collect()
}

/// The keys that a message has in every keyspace, from wherever one is readable.
fn known_keys(engine: &Engine) -> BTreeMap<Space, BTreeSet<Vec<u8>>> {
    let mut ids = BTreeSet::new();
    let by_message = [Space::Messages, Space::Envelopes, Space::Contents, Space::Recipients];
    for space in by_message {
        for (key, _) in readable_from_both_ends(engine, space) {
            ids.extend(key.get(..8).map(<[u8]>::to_vec));
        }
    }
    let mut known: BTreeMap<Space, BTreeSet<Vec<u8>>> = BTreeMap::new();
    for id in ids {
        for space in [Space::Messages, Space::Envelopes, Space::Contents] {
            known.entry(space).or_default().insert(id.clone());
        }
        // Recipients are numbered from 0 or 1 on, without great gaps.
        for number in 0..100_u32 {
            let key = [id.as_slice(), &number.to_be_bytes()].concat();
            known.entry(Space::Recipients).or_default().insert(key);
        }
    }
    known
}

/// What can be read of a keyspace from its beginning and from its end.
fn readable_from_both_ends(engine: &Engine, space: Space) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut rows = BTreeMap::new();
    for row in engine.spaces.of(space).iter() {
        let Ok((key, value)) = row.into_inner() else { break };
        rows.insert(key.to_vec(), value.to_vec());
    }
    for row in engine.spaces.of(space).iter().rev() {
        let Ok((key, value)) = row.into_inner() else { break };
        if rows.insert(key.to_vec(), value.to_vec()).is_some() {
            break;
        }
    }
    rows.into_iter().collect()
}

fn row_name(space: Space, key: &[u8]) -> String {
    format!("{} {}", space.name(), hex(key))
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

/// An error with what is behind it.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text.push_str(": ");
        text.push_str(&source.to_string());
        next = source.source();
    }
    text
}

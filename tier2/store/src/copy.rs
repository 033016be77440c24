//! Copies: a backup of a store that runs, and everything in the queue as files.

use crate::disk;
use crate::error::StoreError;
use crate::open::Engine;
use crate::order;
use crate::spaces::Space;
use fjall::{PersistMode, Readable};
use queue::MessageId;
use serde::Serialize;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{BufWriter, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

/// Most octets of one batch of a copy.
const BATCH_OCTETS: usize = 8 * 1024 * 1024;

/// What a copy holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Copied {
    /// Messages.
    pub messages: u64,
    /// Rows of all kinds.
    pub rows: u64,
    /// Their octets.
    pub octets: u64,
}

/// Writes everything as it is at this moment into a new store in `to`, while the store goes on.
pub(crate) fn backup(engine: &Engine, to: &Path) -> Result<Copied, StoreError> {
    refuse_existing(to)?;
    let snapshot = engine.db.snapshot();
    let target = Engine::open(to)?;
    let mut copied = Copied::default();
    for space in Space::ALL {
        let mut batch = target.db.batch();
        let mut octets = 0;
        for row in snapshot.iter(engine.spaces.of(space)) {
            let (key, value) =
                row.into_inner().map_err(|error| engine.error("reading for a copy", error))?;
            // The copy is at rest, and its own numbers say nothing of who kept its order.
            let own = space == Space::Meta && *key == *disk::META_OPEN;
            if own || space == Space::Order && *key == *order::KEEPER {
                continue;
            }
            copied.count(space, key.len() + value.len());
            octets += key.len() + value.len();
            batch.insert(target.spaces.of(space), key, value);
            if octets >= BATCH_OCTETS {
                let full = std::mem::replace(&mut batch, target.db.batch());
                full.commit().map_err(|error| target.error("writing a copy", error))?;
                octets = 0;
            }
        }
        batch.commit().map_err(|error| target.error("writing a copy", error))?;
    }
    target
        .db
        .persist(PersistMode::SyncAll)
        .map_err(|error| target.error("writing a copy", error))?;
    Ok(copied)
}

impl Copied {
    pub(crate) fn count(&mut self, space: Space, octets: usize) {
        self.rows += 1;
        self.octets += u64::try_from(octets).unwrap_or(0);
        if space == Space::Messages {
            self.messages += 1;
        }
    }
}

/// One line of `messages.jsonl`.
#[derive(Serialize)]
struct Line<'a> {
    id: MessageId,
    message: serde_json::Value,
    recipients: Vec<serde_json::Value>,
    envelope: Option<&'a str>,
    content: Option<&'a str>,
}

/// Writes every message of the queue as files into a new directory: `messages.jsonl`, and beside it the envelope and the
/// content of each message, as they are.
pub(crate) fn export(engine: &Engine, to: &Path) -> Result<Copied, StoreError> {
    refuse_existing(to)?;
    let failed = |error| StoreError::io(to, "exporting", error);
    DirBuilder::new().recursive(true).mode(0o700).create(to).map_err(failed)?;
    let snapshot = engine.db.snapshot();
    let mut lines = BufWriter::new(create(&to.join("messages.jsonl")).map_err(failed)?);
    let mut copied = Copied::default();
    let reading = |error| engine.error("reading for an export", error);
    for row in snapshot.iter(engine.spaces.of(Space::Messages)) {
        let (key, value) = row.into_inner().map_err(reading)?;
        let Some(id) = disk::read_message_key(&key) else { continue };
        copied.count(Space::Messages, value.len());
        let message =
            disk::decode(&value).map_err(|detail| engine.corrupt(Space::Messages, &key, detail))?;
        let mut recipients = Vec::new();
        for row in snapshot.prefix(engine.spaces.of(Space::Recipients), &key) {
            let (key, value) = row.into_inner().map_err(reading)?;
            let mut recipient: serde_json::Value = disk::decode(&value)
                .map_err(|detail| engine.corrupt(Space::Recipients, &key, detail))?;
            if let (Some(fields), Some((_, number))) =
                (recipient.as_object_mut(), disk::read_recipient_key(&key))
            {
                fields.insert("number".to_owned(), number.into());
            }
            copied.count(Space::Recipients, value.len());
            recipients.push(recipient);
        }
        let mut write = |space, name: &str| -> Result<bool, StoreError> {
            let octets = snapshot.get(engine.spaces.of(space), &key).map_err(reading)?;
            let Some(octets) = octets else { return Ok(false) };
            copied.count(space, octets.len());
            let mut file = create(&to.join(name)).map_err(failed)?;
            file.write_all(&octets).and_then(|()| file.sync_all()).map_err(failed)?;
            Ok(true)
        };
        let (envelope, content) = (format!("{id}.envelope"), format!("{id}.content"));
        let line = Line {
            id,
            message,
            recipients,
            envelope: write(Space::Envelopes, &envelope)?.then_some(&envelope),
            content: write(Space::Contents, &content)?.then_some(&content),
        };
        serde_json::to_writer(&mut lines, &line).map_err(|error| failed(error.into()))?;
        lines.write_all(b"\n").map_err(failed)?;
    }
    let file = lines.into_inner().map_err(|error| failed(error.into_error()))?;
    file.sync_all().map_err(failed)?;
    Ok(copied)
}

/// Mail is for nobody else to read.
fn create(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// A copy never mixes with what is there.
fn refuse_existing(to: &Path) -> Result<(), StoreError> {
    match std::fs::read_dir(to).map(|mut entries| entries.next().is_some()) {
        Ok(false) => Ok(()),
        Ok(true) => {
            let full = std::io::Error::from(std::io::ErrorKind::DirectoryNotEmpty);
            Err(StoreError::io(to, "copying", full))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(StoreError::io(to, "copying", error)),
    }
}

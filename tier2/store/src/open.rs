//! Opening: lock, format, keyspaces; and reads.

use crate::disk::{self, FORMAT, META_FORMAT, META_LAST_ID};
use crate::error::StoreError;
use crate::journal;
use crate::order;
use crate::spaces::{Space, Spaces};
use fjall::{CompressionType, Database, PersistMode, UserValue};
use queue::MessageId;
use serde::Serialize;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// Memory for blocks read: the queue's index is in memory already, so little is read twice.
const CACHE_OCTETS: u64 = 32 * 1024 * 1024;
/// Threads that flush and compact beside the committer.
const WORKERS: usize = 2;

/// The database, its keyspaces and where it lies.
pub(crate) struct Engine {
    pub(crate) db: Database,
    pub(crate) spaces: Spaces,
    pub(crate) dir: PathBuf,
}

impl Engine {
    /// Opens the store, making it if it is not there.
    pub(crate) fn open(dir: &Path) -> Result<Self, StoreError> {
        // Private from the start: the store holds mail and password verifiers.
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(dir)
            .map_err(|error| StoreError::io(dir, "making the directory", error))?;
        if let Some(damaged) = journal::damaged(dir)?.pop() {
            let at = damaged.scan.places().first().map_or(0, |range| range.start);
            return Err(StoreError::Journal { path: damaged.path, at });
        }
        let db = Database::builder(dir)
            .cache_size(CACHE_OCTETS)
            .worker_threads(WORKERS)
            // Most of what is large in mail is packed already, and the thread that writes is one for all.
            .journal_compression(CompressionType::None)
            .manual_journal_persist(true)
            .open()
            .map_err(|error| StoreError::engine(dir, "opening", error))?;
        let spaces = Spaces::open(&db, dir)?;
        let engine = Self { db, spaces, dir: dir.to_owned() };
        engine.check_format()?;
        Ok(engine)
    }

    pub(crate) fn get(&self, space: Space, key: &[u8]) -> Result<Option<UserValue>, StoreError> {
        self.spaces.of(space).get(key).map_err(|error| self.error("reading", error))
    }

    /// The highest message identifier ever stored.
    pub(crate) fn last_id(&self) -> Result<MessageId, StoreError> {
        let Some(value) = self.get(Space::Meta, META_LAST_ID)? else {
            return Ok(MessageId::ZERO);
        };
        disk::read_message_key(&value)
            .ok_or_else(|| self.corrupt(Space::Meta, META_LAST_ID, "it is not eight octets"))
    }

    pub(crate) fn error(&self, doing: &'static str, error: fjall::Error) -> StoreError {
        StoreError::engine(&self.dir, doing, error)
    }

    pub(crate) fn corrupt(
        &self,
        space: Space,
        key: &[u8],
        detail: impl Into<String>,
    ) -> StoreError {
        StoreError::corrupt(&self.dir, space.name(), key, detail.into())
    }

    /// Encodes a row.
    pub(crate) fn encode<T: Serialize>(&self, row: &T) -> Result<Vec<u8>, StoreError> {
        disk::encode(row).map_err(|error| StoreError::io(&self.dir, "encoding a row", error.into()))
    }

    /// Everything that was written so far goes to the disk.
    pub(crate) fn sync(&self) -> Result<(), StoreError> {
        self.db.persist(PersistMode::SyncAll).map_err(|error| self.error("syncing", error))
    }

    /// Notes that the store is open; whether the last one to open it closed it in order.
    pub(crate) fn note_open(&self) -> Result<bool, StoreError> {
        let clean = self.get(Space::Meta, disk::META_OPEN)?.is_none();
        self.spaces
            .of(Space::Meta)
            .insert(disk::META_OPEN, order::KEPT)
            .map_err(|error| self.error("writing that it is open", error))?;
        self.sync()?;
        Ok(clean)
    }

    /// Notes that the store is closed in order.
    pub(crate) fn note_closed(&self) -> Result<(), StoreError> {
        order::note_closed(self)?;
        self.sync()
    }

    /// Encodes a row that takes the place of `old`.
    pub(crate) fn rewrite<T: disk::Rewritten>(
        &self,
        row: &T,
        old: Option<&[u8]>,
    ) -> Result<Vec<u8>, StoreError> {
        disk::rewrite(row, old)
            .map_err(|error| StoreError::io(&self.dir, "encoding a row", error.into()))
    }

    fn check_format(&self) -> Result<(), StoreError> {
        let Some(value) = self.get(Space::Meta, META_FORMAT)? else {
            self.spaces
                .of(Space::Meta)
                .insert(META_FORMAT, FORMAT.to_be_bytes())
                .map_err(|error| self.error("writing the format", error))?;
            return self.sync();
        };
        let octets = value
            .as_ref()
            .try_into()
            .map_err(|_| self.corrupt(Space::Meta, META_FORMAT, "it is not four octets"))?;
        let found = u32::from_be_bytes(octets);
        if found > FORMAT {
            return Err(StoreError::Newer { dir: self.dir.clone(), found, known: FORMAT });
        }
        Ok(())
    }
}

//! Where the engine is while the store lives: it can be taken out, mended and put back, and everybody goes on.

use crate::error::StoreError;
use crate::open::Engine;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long reads that are under way may hold the old engine before its replacement is given up for this time.
const READS_END: Duration = Duration::from_secs(5);
/// How often it is looked whether they have ended.
const LOOK: Duration = Duration::from_millis(2);

/// What keeps the store from taking mail.
#[derive(Clone, Debug)]
pub struct Trouble {
    /// One word for it; see [`StoreError::cause`].
    pub cause: &'static str,
    /// What failed, where, and what to do.
    pub error: StoreError,
}

/// The engine, or nothing while it is being replaced.
pub(crate) struct Slot {
    engine: Mutex<Option<Arc<Engine>>>,
    trouble: Mutex<Option<Trouble>>,
    /// The newest trouble since somebody looked, also one that is over.
    seen: Mutex<Option<Trouble>>,
    /// Octets that must stay free for mail to be taken.
    reserve: AtomicU64,
    pub(crate) dir: PathBuf,
}

impl Slot {
    pub(crate) fn new(engine: Engine, reserve: u64) -> Self {
        let dir = engine.dir.clone();
        Self {
            engine: Mutex::new(Some(Arc::new(engine))),
            trouble: Mutex::new(None),
            seen: Mutex::new(None),
            reserve: AtomicU64::new(reserve),
            dir,
        }
    }

    /// The engine, for one operation: whoever keeps it stops its replacement.
    pub(crate) fn engine(&self) -> Result<Arc<Engine>, StoreError> {
        let engine = self.engine.lock().unwrap_or_else(PoisonError::into_inner);
        engine.clone().ok_or_else(|| match self.trouble() {
            Some(trouble) => trouble.error,
            None => StoreError::Stopped { dir: self.dir.clone() },
        })
    }

    /// Takes the engine out and closes it; false if reads that do not end keep it.
    pub(crate) fn close_engine(&self) -> bool {
        let taken = self.engine.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut engine) = taken else {
            return true;
        };
        let until = Instant::now() + READS_END;
        loop {
            engine = match Arc::try_unwrap(engine) {
                Ok(engine) => {
                    drop(engine);
                    return true;
                }
                Err(engine) => engine,
            };
            if Instant::now() >= until {
                self.put(engine);
                return false;
            }
            std::thread::sleep(LOOK);
        }
    }

    pub(crate) fn put(&self, engine: Arc<Engine>) {
        *self.engine.lock().unwrap_or_else(PoisonError::into_inner) = Some(engine);
    }

    pub(crate) fn trouble(&self) -> Option<Trouble> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set_trouble(&self, error: Option<StoreError>) {
        let trouble = error.map(|error| Trouble { cause: error.cause(), error });
        if trouble.is_some() {
            self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&trouble);
        }
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
    }

    pub(crate) fn take_seen(&self) -> Option<Trouble> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    pub(crate) fn reserve(&self) -> u64 {
        self.reserve.load(Ordering::Relaxed)
    }

    pub(crate) fn set_reserve(&self, octets: u64) {
        self.reserve.store(octets, Ordering::Relaxed);
    }
}

/// Octets that are free for this user on the filesystem of a directory.
pub(crate) fn free_space(dir: &Path) -> Result<u64, StoreError> {
    let stat = rustix::fs::statvfs(dir)
        .map_err(|error| StoreError::io(dir, "asking for the free space", error.into()))?;
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}

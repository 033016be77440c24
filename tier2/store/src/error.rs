//! What can go wrong, where, and what to do about it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A failure of the store. Cheap to clone, since one failed sync is the answer to many commits.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process has it open.
    #[error(
        "the store in {} is in use by another process; stop that process first",
        dir.display()
    )]
    Locked {
        /// The store's directory.
        dir: PathBuf,
    },
    /// A newer program wrote it.
    #[error(
        "the store in {} has format {found}, this program knows formats up to {known}; run the program that wrote it, \
         or a newer one",
        dir.display()
    )]
    Newer {
        /// The store's directory.
        dir: PathBuf,
        /// The format on disk.
        found: u32,
        /// The newest known format.
        known: u32,
    },
    /// The directory holds the files of a fjall version that this program does not read.
    #[error("the files in {} have a format that this program's storage engine does not read", dir.display())]
    EngineFormat {
        /// The store's directory.
        dir: PathBuf,
    },
    /// No space is left.
    #[error("no space is left for the store in {} while {doing}; free space", dir.display())]
    DiskFull {
        /// The store's directory.
        dir: PathBuf,
        /// What was going on.
        doing: &'static str,
        /// The system's answer.
        #[source]
        source: Arc<io::Error>,
    },
    /// So little space is left that no mail is taken any more; what is here can still be delivered.
    #[error(
        "the disk of the store in {} has {free} octets left, {reserve} are kept free for what was already taken; free \
         space",
        dir.display()
    )]
    DiskLow {
        /// The store's directory.
        dir: PathBuf,
        /// Octets that are free.
        free: u64,
        /// Octets that have to be.
        reserve: u64,
    },
    /// The process may open no more files.
    #[error("{doing} in {} failed: too many files are open; raise the limit (ulimit -n, LimitNOFILE)", dir.display())]
    Descriptors {
        /// The store's directory.
        dir: PathBuf,
        /// What was going on.
        doing: &'static str,
        /// The system's answer.
        #[source]
        source: Arc<io::Error>,
    },
    /// The files may not be read or written.
    #[error(
        "{doing} in {} is not permitted; whoever runs this has to be the user of the server, to whom the directory and its files belong",
        dir.display()
    )]
    Permission {
        /// The store's directory.
        dir: PathBuf,
        /// What was going on.
        doing: &'static str,
        /// The system's answer.
        #[source]
        source: Arc<io::Error>,
    },
    /// The system failed otherwise.
    #[error("{doing} failed in the store in {}", dir.display())]
    Io {
        /// The store's directory.
        dir: PathBuf,
        /// What was going on.
        doing: &'static str,
        /// The system's answer.
        #[source]
        source: Arc<io::Error>,
    },
    /// The storage engine failed.
    #[error("{doing} failed in the store in {}; check the disk and the system's log", dir.display())]
    Engine {
        /// The store's directory.
        dir: PathBuf,
        /// What was going on.
        doing: &'static str,
        /// The engine's answer.
        #[source]
        source: Arc<fjall::Error>,
    },
    /// An earlier write failed, so that the engine takes no more.
    #[error(
        "the store in {} takes no writes since an earlier one failed; free space or mend the disk",
        dir.display()
    )]
    Stopped {
        /// The store's directory.
        dir: PathBuf,
    },
    /// A journal is damaged in its middle; the engine would cut off what stands behind.
    #[error(
        "the journal {} of the store is damaged from octet {at} on, and more was written behind it; run \
         `bindback check --repair`",
        path.display()
    )]
    Journal {
        /// The journal.
        path: PathBuf,
        /// Where the damage begins.
        at: usize,
    },
    /// A value cannot be read.
    #[error(
        "the value {key} of {space} in the store in {} cannot be read ({detail}); run `bindback check --repair`",
        dir.display()
    )]
    Corrupt {
        /// The store's directory.
        dir: PathBuf,
        /// The keyspace.
        space: &'static str,
        /// The key, in hexadecimal.
        key: String,
        /// What is wrong with it.
        detail: String,
    },
    /// A value cannot be written.
    #[error("the {what} has {size} octets, the store takes at most {limit}")]
    TooLarge {
        /// Which value.
        what: &'static str,
        /// Its size.
        size: usize,
        /// The most that is taken.
        limit: usize,
    },
    /// Events and histories of peers come faster than the disk takes them; this one is not kept.
    #[error(
        "{waiting} events and histories of peers wait to be written, no more are taken until the disk has caught up"
    )]
    Behind {
        /// How many wait.
        waiting: usize,
    },
    /// The store was closed.
    #[error("the store in {} is closed", dir.display())]
    Closed {
        /// The store's directory.
        dir: PathBuf,
    },
}

/// True for an error that a reader made of what it read, and not the system.
fn is_of_the_content(error: &io::Error) -> bool {
    let kinds = [io::ErrorKind::UnexpectedEof, io::ErrorKind::InvalidData];
    error.raw_os_error().is_none() && kinds.contains(&error.kind())
}

impl StoreError {
    /// One word for what is wrong, the same for every failure of that kind.
    #[must_use]
    pub const fn cause(&self) -> &'static str {
        match self {
            Self::DiskFull { .. } | Self::DiskLow { .. } => "disk-full",
            Self::Permission { .. } => "read-only",
            Self::Descriptors { .. } => "file-descriptors",
            Self::Corrupt { .. }
            | Self::Journal { .. }
            | Self::Engine { .. }
            | Self::EngineFormat { .. } => "damaged",
            Self::Locked { .. } => "locked",
            _ => "io-error",
        }
    }

    /// Sorts an error of the engine by what has to be done about it.
    pub(crate) fn engine(dir: &Path, doing: &'static str, error: fjall::Error) -> Self {
        let dir = dir.to_owned();
        match error {
            fjall::Error::Locked => Self::Locked { dir },
            fjall::Error::Poisoned => Self::Stopped { dir },
            fjall::Error::InvalidVersion(_) => Self::EngineFormat { dir },
            // The system did what it was asked to do, and what it read is not whole.
            fjall::Error::Io(error) | fjall::Error::Storage(fjall::LsmError::Io(error))
                if is_of_the_content(&error) =>
            {
                Self::Engine { dir, doing, source: Arc::new(fjall::Error::Io(error)) }
            }
            fjall::Error::Io(error) | fjall::Error::Storage(fjall::LsmError::Io(error)) => {
                Self::io(&dir, doing, error)
            }
            error => Self::Engine { dir, doing, source: Arc::new(error) },
        }
    }

    /// Sorts an error of the system by what has to be done about it.
    pub(crate) fn io(dir: &Path, doing: &'static str, error: io::Error) -> Self {
        let (dir, kind, source) = (dir.to_owned(), error.kind(), Arc::new(error));
        match kind {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Self::DiskFull { dir, doing, source }
            }
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                Self::Permission { dir, doing, source }
            }
            // ENFILE and EMFILE have no kind of their own.
            _ if matches!(source.raw_os_error(), Some(23 | 24)) => {
                Self::Descriptors { dir, doing, source }
            }
            _ => Self::Io { dir, doing, source },
        }
    }

    /// A value that cannot be read.
    pub(crate) fn corrupt(dir: &Path, space: &'static str, key: &[u8], detail: String) -> Self {
        let key = key.iter().map(|octet| format!("{octet:02x}")).collect();
        Self::Corrupt { dir: dir.to_owned(), space, key, detail }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A table that is cut short is damage, which a repair mends; a disk that does not read is none.
    #[test]
    fn what_is_not_whole_is_damaged_and_what_cannot_be_read_is_a_fault_of_the_disk() {
        let of = |error: io::Error| {
            StoreError::engine(Path::new("/srv/store"), "opening", fjall::Error::Io(error)).cause()
        };
        assert_eq!(of(io::ErrorKind::UnexpectedEof.into()), "damaged");
        assert_eq!(of(io::ErrorKind::InvalidData.into()), "damaged");
        assert_eq!(of(io::Error::from_raw_os_error(5)), "io-error");
        assert_eq!(of(io::ErrorKind::StorageFull.into()), "disk-full");
    }
}

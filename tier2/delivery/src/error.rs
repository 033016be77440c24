//! Why a delivery failed, and what to do about it.

use std::io;
use std::path::{Path, PathBuf};

/// The error of this crate.
#[derive(Debug, thiserror::Error)]
pub enum DeliveryError {
    /// The file system refused; mail waits until an operator has acted.
    #[error("cannot {action} {}: {}", path.display(), kind.advice())]
    FileSystem {
        action: &'static str,
        path: PathBuf,
        kind: FailureKind,
        #[source]
        source: io::Error,
    },
    /// The local part can never name a mailbox here.
    #[error("{local_part:?} cannot be a mailbox name: {why}")]
    Mailbox { local_part: String, why: &'static str },
    /// The runtime ended before the delivery did; it may have happened all the same, a repetition will find out.
    #[error("the delivery was interrupted by the end of the program")]
    Interrupted,
}

/// What kind of failure a file system reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    Permission,
    Full,
    Quota,
    ReadOnly,
    NotADirectory,
    TooLarge,
    NoHardLinks,
    Missing,
    Other,
}

impl DeliveryError {
    /// Whether the same delivery may succeed later; a content beyond a file-size limit and a bad name never will.
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::FileSystem { kind, .. } => *kind != FailureKind::TooLarge,
            Self::Mailbox { .. } => false,
            Self::Interrupted => true,
        }
    }

    /// Whether deliveries into other mailboxes fail as well: it is the disk, and not this mailbox.
    pub fn is_of_all_mailboxes(&self) -> bool {
        let Self::FileSystem { kind, .. } = self else { return false };
        matches!(kind, FailureKind::Full | FailureKind::Quota | FailureKind::ReadOnly)
    }

    pub(crate) fn at(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::FileSystem {
            action,
            path: path.to_owned(),
            kind: FailureKind::of(&source),
            source,
        }
    }
}

impl FailureKind {
    pub(crate) fn of(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::PermissionDenied => Self::Permission,
            io::ErrorKind::StorageFull => Self::Full,
            io::ErrorKind::QuotaExceeded => Self::Quota,
            io::ErrorKind::ReadOnlyFilesystem => Self::ReadOnly,
            io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => Self::NotADirectory,
            io::ErrorKind::FileTooLarge => Self::TooLarge,
            io::ErrorKind::Unsupported
            | io::ErrorKind::CrossesDevices
            | io::ErrorKind::TooManyLinks => Self::NoHardLinks,
            io::ErrorKind::NotFound => Self::Missing,
            _ => Self::Other,
        }
    }

    /// What it means and what to do, in one line.
    pub fn advice(self) -> &'static str {
        match self {
            Self::Permission => {
                "no permission; give the directory to the user that the server runs as"
            }
            Self::Full => "the disk or its inodes are used up; free some space",
            Self::Quota => "the disk quota is used up; raise it or free some space",
            Self::ReadOnly => {
                "the file system is read-only; remount it writable and look for disk errors"
            }
            Self::NotADirectory => {
                "something that is not a directory is in the way; move it or configure another path"
            }
            Self::TooLarge => {
                "the message exceeds the file-size limit of the process or file system"
            }
            Self::NoHardLinks => {
                "the file system has no hard links; put Maildirs on one that has, with tmp and new together"
            }
            Self::Missing => {
                "it does not exist (any more); restore it or restart the server, which makes it"
            }
            Self::Other => "the operating system refused; see its own message",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_of_errors() {
        for (number, kind, temporary) in [
            (13, FailureKind::Permission, true),
            (28, FailureKind::Full, true),
            (122, FailureKind::Quota, true),
            (30, FailureKind::ReadOnly, true),
            (20, FailureKind::NotADirectory, true),
            (27, FailureKind::TooLarge, false),
            (95, FailureKind::NoHardLinks, true),
            (18, FailureKind::NoHardLinks, true),
            (2, FailureKind::Missing, true),
            (5, FailureKind::Other, true),
        ] {
            let error = DeliveryError::at("write", Path::new("/m/tmp/x"))(
                io::Error::from_raw_os_error(number),
            );
            assert!(
                matches!(&error, DeliveryError::FileSystem { kind: k, .. } if *k == kind),
                "{number}: {error:?}"
            );
            assert_eq!(error.is_temporary(), temporary, "{number}");
            assert!(error.to_string().starts_with("cannot write /m/tmp/x: "));
        }
    }
}

//! What can go wrong with a configuration file.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why a configuration could not be read, made or changed.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration file {}; name another with -c FILE, or write one with `bindback init DIR`", path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// A file or folder cannot be written.
    #[error("cannot write {}; make sure that the folder exists, has room and belongs to you", path.display())]
    Write {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// `init` would have to overwrite something.
    #[error("{} exists already and is left as it is; choose another folder, or move it away first", path.display())]
    Exists { path: PathBuf },
    /// The text is wrong at one place.
    #[error(transparent)]
    Fault(#[from] Box<Fault>),
}

impl ConfigError {
    /// The fault in the text, where there is one.
    pub fn fault(&self) -> Option<&Fault> {
        match self {
            Self::Fault(fault) => Some(fault),
            _ => None,
        }
    }
}

/// One fault in the text of a configuration: what, where, and the way out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub file: PathBuf,
    /// From 1.
    pub line: usize,
    /// From 1, counted in characters.
    pub column: usize,
    pub kind: FaultKind,
    /// What is wrong, with the key it is about.
    pub what: String,
    /// What to do about it.
    pub way_out: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}:{}:{}: {}; {}",
            self.file.display(),
            self.line,
            self.column,
            self.what,
            self.way_out
        )
    }
}

impl std::error::Error for Fault {}

/// The sort of a [`Fault`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// Not TOML.
    Syntax,
    UnknownSection,
    UnknownKey,
    WrongType,
    /// Right type, but a value that cannot be.
    BadValue,
    /// A required key is not there.
    Missing,
    /// Said twice.
    Duplicate,
    /// Two keys that cannot both be as they are.
    Conflict,
}

//! Keytabs and credential caches in files.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use krb5::{Ccache, Keytab};
use wire::DecodeError;

/// Octets of a file: thousands of keys or tickets.
const FILE_MAX: u64 = 8 << 20;
/// The permissions of those who are neither the owner nor in its group: services share a keytab by a group.
const OTHERS: u32 = 0o007;

/// A file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It cannot be read.
    #[error("cannot read the {what} {}", path.display())]
    Read {
        /// Keytab or credential cache.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Everybody may read it.
    #[error(
        "everybody may read the {what} {} (mode {mode:04o}); run: chmod o= {}",
        path.display(),
        path.display()
    )]
    Exposed {
        /// Keytab or credential cache.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// It holds something else.
    #[error("{} is no {what} that can be read", path.display())]
    Format {
        /// Keytab or credential cache.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Where and why.
        #[source]
        source: DecodeError,
    },
    /// It holds nothing that can be used.
    #[error("{} holds no key of an AES encryption type; it has: {has}", path.display())]
    NoKey {
        /// The file.
        path: PathBuf,
        /// What it has.
        has: String,
    },
    /// A cache that is no file.
    #[error("only credential caches in files are read, not {kind}; run: kinit -c FILE:/some/path")]
    Kind {
        /// What was given.
        kind: String,
    },
}

/// Reads a keytab.
///
/// # Errors
/// It cannot be read, everybody may read it, it is none, or it has no key that can be used.
pub fn read_keytab(path: &Path) -> Result<Keytab, ReadError> {
    const WHAT: &str = "keytab";
    let octets = read(WHAT, path)?;
    let keytab = Keytab::decode(&octets).map_err(|source| ReadError::Format {
        what: WHAT,
        path: path.to_owned(),
        source,
    })?;
    if !keytab.entries().iter().any(|entry| entry.key.key().is_ok()) {
        let mut kinds: Vec<String> =
            keytab.entries().iter().map(|entry| krb5::etype_name(entry.key.etype)).collect();
        kinds.sort();
        kinds.dedup();
        let has = if kinds.is_empty() { "nothing".to_owned() } else { kinds.join(", ") };
        return Err(ReadError::NoKey { path: path.to_owned(), has });
    }
    Ok(keytab)
}

/// Reads a credential cache; the path may begin with `FILE:`.
///
/// # Errors
/// It cannot be read, everybody may read it, or it is none.
pub fn read_ccache(path: &Path) -> Result<Ccache, ReadError> {
    const WHAT: &str = "credential cache";
    let text = path.to_string_lossy();
    let path = match text.split_once(':') {
        Some(("FILE", rest)) => PathBuf::from(rest),
        Some((kind @ ("KCM" | "KEYRING" | "DIR" | "MEMORY" | "API"), _)) => {
            return Err(ReadError::Kind { kind: kind.to_owned() });
        }
        _ => path.to_owned(),
    };
    let octets = read(WHAT, &path)?;
    Ccache::decode(&octets).map_err(|source| ReadError::Format { what: WHAT, path, source })
}

fn read(what: &'static str, path: &Path) -> Result<Vec<u8>, ReadError> {
    let failed = |source| ReadError::Read { what, path: path.to_owned(), source };
    let file = File::open(path).map_err(failed)?;
    // The mode is that of the open file, so that it cannot be exchanged in between.
    let mode = file.metadata().map_err(failed)?.mode() & 0o777;
    if mode & OTHERS != 0 {
        return Err(ReadError::Exposed { what, path: path.to_owned(), mode });
    }
    let mut octets = Vec::new();
    file.take(FILE_MAX).read_to_end(&mut octets).map_err(failed)?;
    Ok(octets)
}

//! From a failed write back to a store that takes mail, without a restart.
//!
//! The storage engine takes no write after one that failed. So it is closed and opened again, once the disk takes
//! writes at all. What a failed sync left behind must not be trusted: the system may have dropped it and still show it
//! to readers. Every journal is therefore written anew, octet by octet, before the engine is opened on it.

use crate::error::StoreError;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

/// The file with which the disk is tried.
const PROBE: &str = "probe";
/// How much is written to try it: as much as the engine needs to open.
const PROBE_OCTETS: usize = 256 * 1024;
/// How much of a journal is read at once; what is nothing but zeros is not written.
const BLOCK: usize = 64 * 1024;

/// Whether the disk takes writes and keeps them.
pub(crate) fn probe(dir: &Path) -> Result<(), StoreError> {
    let path = dir.join(PROBE);
    let tried = (|| {
        let mut file = File::create(&path)?;
        file.write_all(&vec![0xa5; PROBE_OCTETS])?;
        file.sync_all()
    })();
    // A probe that stays does no harm; the next one takes its place.
    let _ = std::fs::remove_file(&path);
    tried.map_err(|error| StoreError::io(dir, "writing", error))
}

/// Writes every journal anew.
pub(crate) fn renew_journals(dir: &Path) -> Result<(), StoreError> {
    let failed = |error| StoreError::io(dir, "writing the journals anew", error);
    for entry in std::fs::read_dir(dir).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|extension| extension == "jnl") {
            renew(&path).map_err(failed)?;
        }
    }
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(failed)
}

fn renew(path: &Path) -> io::Result<()> {
    let fresh = path.with_extension("renewed");
    let mut from = File::open(path)?;
    let mut to = OpenOptions::new().write(true).create(true).truncate(true).open(&fresh)?;
    let mut block = vec![0; BLOCK];
    let mut length = 0_u64;
    loop {
        let read = from.read(&mut block)?;
        if read == 0 {
            break;
        }
        let octets = &block[..read];
        length += u64::try_from(read).unwrap_or(0);
        if octets.iter().all(|octet| *octet == 0) {
            to.seek(SeekFrom::Start(length))?;
        } else {
            to.write_all(octets)?;
        }
    }
    to.set_len(length)?;
    to.sync_all()?;
    std::fs::rename(&fresh, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_journal_stays_the_same_octets() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("7.jnl");
        let mut octets = vec![7; 100_000];
        octets.extend(vec![0; 300_000]);
        octets.extend(b"end");
        octets.extend(vec![0; 1000]);
        std::fs::write(&path, &octets).unwrap();
        renew_journals(dir.path()).unwrap();
        assert!(std::fs::read(&path).unwrap() == octets);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
        probe(dir.path()).unwrap();
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}

//! How far a transfer of this server was confirmed, in a small file that outlives this process.
//!
//! X.228 7.8: a sender goes on from a checkpoint that was confirmed to it, and needs the same APDU again, which is made of
//! what the queue's store has. So the file names the message, tells the APDU by its length and a checksum, and has the
//! checkpoint. It is written every half second of a transfer, not at each checkpoint: an older checkpoint costs a few
//! segments and is as right. Nothing depends on it: what cannot be read, or does not fit, is removed, and the message is
//! sent from its beginning. It is not synced.

use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use mta::{Negotiation, OpenedMode, Sending, SessionIdentifier, Unfinished};
use queue::Work;
use serde::{Deserialize, Serialize};

use super::spool::{left, remove};
use crate::node::random;

/// Between two times that a transfer is written down.
pub const INTERVAL: Duration = Duration::from_millis(500);
const SUFFIX: &str = "sent";
/// What is being written, until it is whole.
const UNFINISHED: &str = "tmp";
/// Version of the format.
const VERSION: u32 = 1;
/// mts-transfer-protocol-1984 (X.419 8).
const PROTOCOL_1984: i64 = 1;
/// Octets of a file; it has some hundred.
const MAX_FILE: u64 = 1024 * 1024;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    version: u32,
    connector: String,
    message: u64,
    recipients: Vec<u32>,
    octets: usize,
    checksum: u64,
    session: [Vec<u8>; 3],
    /// The number of the application protocol in X.410 mode.
    x410: Option<i64>,
    two_way: bool,
    checkpoint_kib: u16,
    window: u16,
    activity: u32,
    serial: u32,
    /// The other MTA called, and opens the association on which it goes on.
    #[serde(default)]
    called: bool,
}

/// Where one transfer is written down.
#[derive(Debug)]
pub struct Record {
    /// The file and what is in it, once there is one.
    written: Option<(PathBuf, Row)>,
    next: Instant,
    called: bool,
}

impl Record {
    /// For a transfer that begins now; `called` when the other MTA opened the association.
    pub fn new(called: bool) -> Self {
        Self { written: None, next: Instant::now() + INTERVAL, called }
    }

    /// When it is time to look how far it has come.
    pub fn due(&self) -> Instant {
        self.next
    }

    /// It is looked at now; the next time is later.
    pub fn looked(&mut self) {
        self.next = Instant::now() + INTERVAL;
    }

    /// What is to be written, if anything came since: a file's name in this folder and its octets.
    pub fn increment(
        &mut self,
        folder: &Path,
        connector: &str,
        work: &Work,
        sending: &Sending<'_>,
    ) -> Option<(PathBuf, Vec<u8>)> {
        let session = [
            sending.session.calling.clone(),
            sending.session.common.clone(),
            sending.session.additional.clone(),
        ];
        let known = self.written.as_ref().map(|(_, row)| row);
        let sum = known.map_or_else(|| checksum(sending.apdu), |row| row.checksum);
        let row = Row {
            version: VERSION,
            connector: connector.to_owned(),
            message: work.id.number(),
            recipients: work.recipients.clone(),
            octets: sending.apdu.len(),
            checksum: sum,
            session,
            x410: match sending.mode {
                OpenedMode::Normal => None,
                OpenedMode::X410(number) => Some(number),
            },
            two_way: sending.two_way,
            checkpoint_kib: sending.negotiation.checkpoint_kib,
            window: sending.negotiation.window,
            activity: sending.activity,
            serial: sending.serial,
            called: self.called,
        };
        if known == Some(&row) {
            return None;
        }
        let json = serde_json::to_vec(&row).ok()?;
        let path = self.written.take().map(|(path, _)| path);
        let path = path.unwrap_or_else(|| {
            folder.join(format!("{:016x}.{SUFFIX}", u64::from_be_bytes(random())))
        });
        self.written = Some((path.clone(), row));
        Some((path, json))
    }

    /// The transfer is over, one way or another.
    pub fn clear(self) {
        if let Some((path, _)) = self.written {
            remove(&path);
        }
    }

    /// The transfer did not go on, and may another time.
    pub fn put_back(self) -> Option<Found> {
        let (path, row) = self.written?;
        let at = std::fs::metadata(&path).and_then(|about| about.modified()).ok()?;
        Some(Found { row, path, at })
    }
}

/// Writes a file whole or not at all.
///
/// # Errors
/// It cannot be written; the one before it is still there.
pub fn write(path: &Path, octets: &[u8]) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    let aside = path.with_extension(UNFINISHED);
    let mut file = std::fs::OpenOptions::new();
    let mut file = file.write(true).create(true).truncate(true).mode(0o600).open(&aside)?;
    io::Write::write_all(&mut file, octets)?;
    std::fs::rename(&aside, path)
}

/// A transfer that a process before this one was sending.
#[derive(Debug)]
pub struct Found {
    row: Row,
    path: PathBuf,
    /// When it was written last.
    at: SystemTime,
}

impl Found {
    /// The connector that it was for.
    pub fn connector(&self) -> &str {
        &self.row.connector
    }

    /// What the other MTA names to go on with it, where it is the one who opens the association.
    pub fn is_asked_for(&self, session: &SessionIdentifier) -> bool {
        let [calling, common, additional] = &self.row.session;
        let same = *calling == session.calling
            && *common == session.common
            && *additional == session.additional;
        same && self.row.called
    }

    /// Whether this server opens the association on which it goes on.
    pub fn is_own(&self) -> bool {
        !self.row.called
    }

    /// Whether it went in the terms of 1984.
    pub fn is_old(&self) -> bool {
        self.row.x410 == Some(PROTOCOL_1984)
    }

    /// Whether the other side may still have its part.
    pub fn is_fresh(&self, timeout: Duration) -> bool {
        left(self.at, timeout).is_some()
    }

    /// Whether this is the work that was under way.
    pub fn is_of(&self, work: &Work) -> bool {
        work.id.number() == self.row.message
    }

    /// What is gone on with, if this is the APDU, and where that is written down; else the file is removed.
    pub fn resume(self, work: &Work, apdu: &[u8]) -> Option<(Unfinished, Record)> {
        let row = &self.row;
        let same = row.recipients == work.recipients
            && row.octets == apdu.len()
            && row.checksum == checksum(apdu);
        if !same {
            self.forget();
            return None;
        }
        let [calling, common, additional] = row.session.clone();
        let unfinished = Unfinished::sent(&Sending {
            session: &SessionIdentifier { calling, common, additional },
            mode: row.x410.map_or(OpenedMode::Normal, OpenedMode::X410),
            two_way: row.two_way,
            negotiation: Negotiation { checkpoint_kib: row.checkpoint_kib, window: row.window },
            activity: row.activity,
            serial: row.serial,
            apdu,
        });
        let (called, next) = (row.called, Instant::now() + INTERVAL);
        let record = Record { written: Some((self.path, self.row)), next, called };
        Some((unfinished, record))
    }

    /// Nothing comes of it.
    pub fn forget(self) {
        remove(&self.path);
    }
}

/// Reads what a process before this one left, and removes what is of no use.
pub fn read_all(folder: &Path) -> Vec<Found> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut found = Vec::new();
    // What is a link, a pipe or a folder is not of this server.
    let files =
        entries.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()));
    for path in files.map(|entry| entry.path()) {
        let suffix = path.extension().and_then(|suffix| suffix.to_str());
        match suffix {
            Some(SUFFIX) => match read(&path) {
                Ok((row, at)) => found.push(Found { row, path, at }),
                Err(_) => remove(&path),
            },
            Some(UNFINISHED) => remove(&path),
            _ => {}
        }
    }
    found
}

fn read(path: &Path) -> io::Result<(Row, SystemTime)> {
    let about = std::fs::metadata(path)?;
    if about.len() > MAX_FILE {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    let row: Row = serde_json::from_slice(&std::fs::read(path)?)?;
    if row.version != VERSION || row.serial == 0 {
        return Err(io::ErrorKind::InvalidData.into());
    }
    Ok((row, about.modified()?))
}

/// Tells an APDU from another that is as long, and protects from nobody: FNV-1a over words of eight octets.
fn checksum(octets: &[u8]) -> u64 {
    let step = |sum: u64, word: &[u8]| {
        let mut padded = [0; 8];
        padded[..word.len()].copy_from_slice(word);
        (sum ^ u64::from_le_bytes(padded)).wrapping_mul(0x0100_0000_01b3).rotate_left(23)
    };
    octets.chunks(8).fold(0xcbf2_9ce4_8422_2325, step)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use queue::MessageId;

    use super::*;

    fn written(folder: &Path, apdu: &[u8], serial: u32) -> Work {
        let work = Work { id: MessageId::from_number(7), recipients: vec![1, 3] };
        let session = SessionIdentifier { calling: vec![4, 1, 65], ..SessionIdentifier::default() };
        let sending = Sending {
            session: &session,
            mode: OpenedMode::X410(12),
            two_way: false,
            negotiation: Negotiation { checkpoint_kib: 1, window: 3 },
            activity: 9,
            serial,
            apdu,
        };
        let mut record = Record::new(true);
        let (path, octets) = record.increment(folder, "WEST", &work, &sending).unwrap();
        write(&path, &octets).unwrap();
        let again = record.increment(folder, "WEST", &work, &sending);
        assert_eq!(again, None, "nothing came since");
        work
    }

    #[test]
    fn what_was_confirmed_is_gone_on_with() {
        let folder = tempfile::tempdir().unwrap();
        let apdu: Vec<u8> = (0..=255).cycle().take(5000).collect();
        let work = written(folder.path(), &apdu, 3);
        let found = read_all(folder.path()).pop().unwrap();
        assert_eq!(found.connector(), "WEST");
        assert!(found.is_of(&work) && found.is_fresh(Duration::from_secs(60)));
        let session = SessionIdentifier { calling: vec![4, 1, 65], ..SessionIdentifier::default() };
        assert!(found.is_asked_for(&session) && !found.is_own() && !found.is_old());
        assert!(!found.is_asked_for(&SessionIdentifier::default()));
        assert!(!found.is_fresh(Duration::ZERO));
        let (_, record) = found.resume(&work, &apdu).unwrap();
        let (unfinished, record) = record.put_back().unwrap().resume(&work, &apdu).unwrap();
        assert!(unfinished.is_sending());
        assert_eq!(
            format!("{unfinished:?}"),
            "Unfinished { activity: 9, progress: \"sent 3 of 5000 octets\", .. }"
        );
        record.clear();
        assert!(read_all(folder.path()).is_empty());
    }

    #[test]
    fn another_apdu_or_other_recipients_start_over() {
        let folder = tempfile::tempdir().unwrap();
        let apdu = vec![7; 5000];
        let work = written(folder.path(), &apdu, 3);
        let mut bent = apdu.clone();
        bent[4999] ^= 1;
        let found = read_all(folder.path()).pop().unwrap();
        assert!(found.resume(&work, &bent).is_none());
        assert!(read_all(folder.path()).is_empty(), "the file is gone with it");
        let work = Work { recipients: vec![1], ..written(folder.path(), &apdu, 3) };
        assert!(read_all(folder.path()).pop().unwrap().resume(&work, &apdu).is_none());
    }

    #[test]
    fn what_cannot_be_read_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        written(folder.path(), &[1; 100], 2);
        let path = std::fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap().path();
        let whole = std::fs::read(&path).unwrap();
        for length in 0..whole.len() {
            std::fs::write(&path, &whole[..length]).unwrap();
            assert!(read_all(folder.path()).is_empty(), "{length} octets");
            assert!(!path.exists());
        }
        std::fs::write(path.with_extension(UNFINISHED), &whole).unwrap();
        std::fs::write(path.with_extension("part"), b"another's").unwrap();
        let link = folder.path().join("x.sent");
        // Reading what a link leads to might never end.
        std::os::unix::fs::symlink("/dev/null", &link).unwrap();
        assert!(read_all(folder.path()).is_empty());
        let left = std::fs::read_dir(folder.path()).unwrap().flatten();
        assert_eq!(
            left.map(|entry| entry.path()).collect::<BTreeSet<_>>(),
            BTreeSet::from([path.with_extension("part"), link])
        );
    }
}

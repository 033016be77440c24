//! What came of large transfers until their last checkpoint, in files that outlive this process.
//!
//! X.228 7.8: a sender goes on after the last checkpoint that was confirmed to it, so what is
//! confirmed is written first. One file for each association that receives, made at the first
//! checkpoint of a transfer and removed at its end. It is not synced: after a power cut its end may
//! be missing, which its checksums tell, and the sender starts over.
//!
//! The format is this module's own and has a version. What cannot be read is removed.

use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use mta::{Negotiation, OpenedMode, Partial, SessionIdentifier, Unfinished};
use serde::{Deserialize, Serialize};

use crate::node::random;

/// First octets of a file; the last one is the version.
const MAGIC: &[u8; 8] = b"BBX4PT\r\x01";
/// Octets of a record: the largest checkpoint size has 1,024 KiB, and X.228 allows more to others.
const MAX_RECORD: u32 = 64 * 1024 * 1024;
/// Octets of a file: a TSDU has 128 MiB at most, and each checkpoint costs some.
const MAX_FILE: u64 = 256 * 1024 * 1024;
/// Files that are read at the start, the newest: as many as broken associations are remembered.
const MAX_FILES: usize = 32;
const SUFFIX: &str = "part";

/// One transfer under way, as its association writes it down.
pub struct Spool {
    folder: PathBuf,
    connector: String,
    called: bool,
    current: Option<Current>,
}

struct Current {
    path: PathBuf,
    file: File,
    activity: u32,
    /// Octets and checkpoints that are written.
    octets: usize,
    marks: usize,
}

/// What stands before the octets.
#[derive(Serialize, Deserialize)]
struct Head {
    connector: String,
    session: [Vec<u8>; 3],
    /// The number of the application protocol in X.410 mode.
    x410: Option<i64>,
    two_way: bool,
    checkpoint_kib: u16,
    window: u16,
    activity: u32,
    /// The other MTA opens the association on which it goes on.
    #[serde(default = "by_the_other")]
    called: bool,
}

/// Files of before this was written down are all of callers.
fn by_the_other() -> bool {
    true
}

/// What is not written yet of a transfer.
pub struct Increment {
    head: Head,
    activity: u32,
    /// The octets between two checkpoints each.
    pieces: Vec<Vec<u8>>,
    octets: usize,
    marks: usize,
    fresh: bool,
}

/// A transfer that a process before this one was receiving.
pub struct Found {
    pub connector: String,
    pub unfinished: Unfinished,
    /// The other MTA opens the association on which it goes on.
    pub called: bool,
    pub path: PathBuf,
    /// When its last checkpoint was written.
    pub at: SystemTime,
}

impl Spool {
    /// For an association with this connector; `called` when the other MTA opened it.
    pub fn new(folder: &Path, connector: &str, called: bool) -> Self {
        let (folder, connector) = (folder.to_owned(), connector.to_owned());
        Self { folder, connector, called, current: None }
    }

    /// What a checkpoint has brought.
    pub fn increment(&self, partial: &Partial<'_>) -> Increment {
        let known = self
            .current
            .as_ref()
            .filter(|one| one.activity == partial.activity && one.marks < partial.marks.len());
        let (mut from, done) = known.map_or((0, 0), |one| (one.octets, one.marks));
        let mut pieces = Vec::new();
        for mark in &partial.marks[done..] {
            pieces.push(partial.octets.get(from..*mark).unwrap_or_default().to_vec());
            from = *mark;
        }
        Increment {
            head: Head {
                connector: self.connector.clone(),
                session: [
                    partial.session.calling.clone(),
                    partial.session.common.clone(),
                    partial.session.additional.clone(),
                ],
                x410: match partial.mode {
                    OpenedMode::Normal => None,
                    OpenedMode::X410(number) => Some(number),
                },
                two_way: partial.two_way,
                checkpoint_kib: partial.negotiation.checkpoint_kib,
                window: partial.negotiation.window,
                activity: partial.activity,
                called: self.called,
            },
            activity: partial.activity,
            pieces,
            octets: from,
            marks: partial.marks.len(),
            fresh: known.is_none(),
        }
    }

    /// Writes it down.
    ///
    /// # Errors
    /// The file cannot be written; then there is none, and the transfer would start over.
    pub fn write(&mut self, increment: &Increment) -> io::Result<()> {
        let written = self.try_write(increment);
        if written.is_err() {
            self.clear();
        }
        written
    }

    fn try_write(&mut self, increment: &Increment) -> io::Result<()> {
        if increment.fresh {
            self.clear();
            std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
            let number = u64::from_be_bytes(random());
            let path = self.folder.join(format!("{number:016x}.{SUFFIX}"));
            let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
            let activity = increment.activity;
            let current =
                self.current.insert(Current { path, file, activity, octets: 0, marks: 0 });
            current.file.write_all(MAGIC)?;
            record(&mut current.file, &serde_json::to_vec(&increment.head)?)?;
        }
        let Some(current) = &mut self.current else { return Ok(()) };
        for piece in &increment.pieces {
            record(&mut current.file, piece)?;
        }
        (current.octets, current.marks) = (increment.octets, increment.marks);
        Ok(())
    }

    /// The transfer is over, one way or another.
    pub fn clear(&mut self) {
        if let Some(current) = self.current.take() {
            remove(&current.path);
        }
    }

    /// The association broke: the file stays, for whoever goes on or for the next process.
    pub fn leave(mut self) -> Option<PathBuf> {
        self.current.take().map(|current| current.path)
    }
}

/// Removes a file of the spool; one that is gone is as good.
pub fn remove(path: &Path) {
    if let Err(error) = std::fs::remove_file(path)
        && error.kind() != io::ErrorKind::NotFound
    {
        eprintln!("cannot remove {}: {error}", path.display());
    }
}

/// Reads what a process before this one left, the newest last, and removes what is of no use.
pub fn read_all(folder: &Path) -> Vec<Found> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut files: Vec<(SystemTime, PathBuf)> = entries
        .flatten()
        .filter(|entry| entry.path().extension().is_some_and(|suffix| suffix == SUFFIX))
        // What is a link, a pipe or a folder is not of this server.
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()))
        .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
        .collect();
    files.sort();
    let newest = files.split_off(files.len().saturating_sub(MAX_FILES));
    files.iter().for_each(|(_, path)| remove(path));
    let mut found = Vec::new();
    for (at, path) in newest {
        match read(&path) {
            Ok((head, unfinished)) => {
                let Head { connector, called, .. } = head;
                found.push(Found { connector, unfinished, called, path, at });
            }
            Err(_) => remove(&path),
        }
    }
    found
}

fn read(path: &Path) -> io::Result<(Head, Unfinished)> {
    let malformed = || io::Error::from(io::ErrorKind::InvalidData);
    let file = File::open(path)?;
    if file.metadata()?.len() > MAX_FILE {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    let mut file = BufReader::new(file);
    let mut magic = [0; MAGIC.len()];
    file.read_exact(&mut magic)?;
    if magic != *MAGIC {
        return Err(malformed());
    }
    let head = read_record(&mut file)?.ok_or_else(malformed)?;
    let head: Head = serde_json::from_slice(&head)?;
    let (mut octets, mut marks) = (Vec::new(), Vec::new());
    while let Some(piece) = read_record(&mut file)? {
        octets.extend_from_slice(&piece);
        marks.push(octets.len());
    }
    if marks.is_empty() {
        return Err(malformed());
    }
    let [calling, common, additional] = head.session.clone();
    let unfinished = Unfinished::received(&Partial {
        session: &SessionIdentifier { calling, common, additional },
        mode: head.x410.map_or(OpenedMode::Normal, OpenedMode::X410),
        two_way: head.two_way,
        negotiation: Negotiation { checkpoint_kib: head.checkpoint_kib, window: head.window },
        activity: head.activity,
        octets: &octets,
        marks: &marks,
    });
    Ok((head, unfinished))
}

/// One record: length, octets, checksum.
fn record(file: &mut File, octets: &[u8]) -> io::Result<()> {
    let length = u32::try_from(octets.len()).ok().filter(|length| *length <= MAX_RECORD);
    let length = length.ok_or_else(|| io::Error::from(io::ErrorKind::FileTooLarge))?;
    let mut out = Vec::with_capacity(octets.len() + 12);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(octets);
    out.extend_from_slice(&checksum(octets).to_be_bytes());
    file.write_all(&out)
}

/// The next whole record; `None` at the end, and where what follows was cut off.
fn read_record(file: &mut (impl Read + Seek)) -> io::Result<Option<Vec<u8>>> {
    let mut length = [0; 4];
    if !filled(file, &mut length)? {
        return Ok(None);
    }
    let length = u32::from_be_bytes(length);
    let here = file.stream_position()?;
    let end = file.seek(SeekFrom::End(0))?;
    file.seek(SeekFrom::Start(here))?;
    if length > MAX_RECORD || end.saturating_sub(here) < u64::from(length) + 8 {
        return Ok(None);
    }
    let mut octets = vec![0; usize::try_from(length).map_err(io::Error::other)?];
    let mut sum = [0; 8];
    let whole = filled(file, &mut octets)? && filled(file, &mut sum)?;
    Ok((whole && u64::from_be_bytes(sum) == checksum(&octets)).then_some(octets))
}

fn filled(file: &mut impl Read, into: &mut [u8]) -> io::Result<bool> {
    match file.read_exact(into) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

/// FNV-1a, 64 bits: tells a record that was cut off, and protects from nobody.
fn checksum(octets: &[u8]) -> u64 {
    let step = |sum: u64, octet: &u8| (sum ^ u64::from(*octet)).wrapping_mul(0x0100_0000_01b3);
    octets.iter().fold(0xcbf2_9ce4_8422_2325, step)
}

/// What is left of a time-out that began at `at`; nothing when it is over.
pub fn left(at: SystemTime, timeout: Duration) -> Option<Duration> {
    let passed = SystemTime::now().duration_since(at).unwrap_or(Duration::ZERO);
    timeout.checked_sub(passed).filter(|left| !left.is_zero())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session() -> SessionIdentifier {
        SessionIdentifier { calling: vec![4, 1, 65], common: vec![23, 1, 66], additional: vec![] }
    }

    fn partial<'a>(
        session: &'a SessionIdentifier,
        octets: &'a [u8],
        marks: &'a [usize],
        activity: u32,
    ) -> Partial<'a> {
        Partial {
            session,
            mode: OpenedMode::X410(12),
            two_way: true,
            negotiation: Negotiation { checkpoint_kib: 1, window: 3 },
            activity,
            octets,
            marks,
        }
    }

    fn save(spool: &mut Spool, partial: &Partial<'_>) {
        let increment = spool.increment(partial);
        spool.write(&increment).unwrap();
    }

    #[test]
    fn what_was_kept_is_read_back_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let (session, octets) = (session(), vec![7; 3000]);
        let mut spool = Spool::new(folder.path(), "WEST", true);
        // A transfer before it leaves nothing behind.
        save(&mut spool, &partial(&session, &[1; 10], &[10], 1));
        save(&mut spool, &partial(&session, &octets[..1024], &[1024], 2));
        save(&mut spool, &partial(&session, &octets, &[1024, 2048, 3000], 2));
        let path = spool.leave().unwrap();
        let mut found = read_all(folder.path());
        assert_eq!(found.len(), 1);
        let found = found.remove(0);
        assert_eq!((found.connector.as_str(), &found.path), ("WEST", &path));
        let expected = partial(&session, &octets, &[1024, 2048, 3000], 2);
        assert_eq!(found.unfinished, Unfinished::received(&expected));
        assert!(left(found.at, Duration::from_secs(60)).is_some());
        assert!(left(found.at - Duration::from_secs(61), Duration::from_secs(60)).is_none());
    }

    /// Wherever the file was cut off or bent: what is read is a beginning of what was written.
    #[test]
    fn a_file_that_was_cut_off_or_bent_gives_whole_checkpoints_or_none() {
        let folder = tempfile::tempdir().unwrap();
        let session = session();
        let octets: Vec<u8> = (0..300_u16).map(|at| u8::try_from(at % 251).unwrap()).collect();
        let mut spool = Spool::new(folder.path(), "WEST", true);
        save(&mut spool, &partial(&session, &octets, &[100, 200, 300], 1));
        let path = spool.leave().unwrap();
        let whole = std::fs::read(&path).unwrap();
        let marks = [100, 200, 300];
        let beginnings: Vec<Unfinished> = (1..=3)
            .map(|count| partial(&session, &octets[..marks[count - 1]], &marks[..count], 1))
            .map(|partial| Unfinished::received(&partial))
            .collect();
        let mut seen = [false; 4];
        for length in 0..=whole.len() {
            std::fs::write(&path, &whole[..length]).unwrap();
            match read(&path) {
                Ok((_, unfinished)) => {
                    let at = beginnings.iter().position(|one| *one == unfinished).unwrap();
                    seen[at + 1] = true;
                }
                Err(_) => seen[0] = true,
            }
        }
        assert_eq!(seen, [true; 4]);
        for at in 0..whole.len() {
            let mut bent = whole.clone();
            bent[at] ^= 0x10;
            std::fs::write(&path, &bent).unwrap();
            if let Ok((_, unfinished)) = read(&path) {
                assert!(beginnings[..2].contains(&unfinished), "octet {at}");
            }
        }
    }

    #[test]
    fn of_too_many_files_the_newest_are_read_and_what_is_no_file_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let session = session();
        let begin = SystemTime::now() - Duration::from_secs(3600);
        for number in 0..40_u32 {
            let mut spool = Spool::new(folder.path(), &number.to_string(), true);
            save(&mut spool, &partial(&session, &[1; 10], &[10], 1));
            let file = File::options().append(true).open(spool.leave().unwrap()).unwrap();
            file.set_modified(begin + Duration::from_secs(number.into())).unwrap();
        }
        // Reading what a link leads to might never end.
        std::os::unix::fs::symlink("/dev/null", folder.path().join("x.part")).unwrap();
        std::fs::create_dir(folder.path().join("y.part")).unwrap();
        let huge = File::create(folder.path().join("z.part")).unwrap();
        huge.set_len(MAX_FILE + 1).unwrap();
        huge.set_modified(begin).unwrap();
        let found = read_all(folder.path());
        let connectors: Vec<_> = found.iter().map(|one| one.connector.clone()).collect();
        assert_eq!(connectors, (8..40).map(|number| number.to_string()).collect::<Vec<_>>());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 32 + 2);
    }

    #[test]
    fn a_file_that_is_larger_than_any_transfer_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let mut spool = Spool::new(folder.path(), "WEST", true);
        save(&mut spool, &partial(&session(), &[1; 10], &[10], 1));
        let path = spool.leave().unwrap();
        File::options().append(true).open(&path).unwrap().set_len(MAX_FILE + 1).unwrap();
        assert!(read_all(folder.path()).is_empty());
        assert!(!path.exists());
    }

    #[test]
    fn the_end_of_a_transfer_leaves_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let session = session();
        let mut spool = Spool::new(folder.path(), "WEST", true);
        save(&mut spool, &partial(&session, &[1; 10], &[10], 1));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        spool.clear();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        std::fs::write(folder.path().join("x.part"), b"something else").unwrap();
        assert!(read_all(folder.path()).is_empty());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}

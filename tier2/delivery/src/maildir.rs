//! One Maildir: `tmp`, `new` and `cur` (the qmail Maildir convention).

use crate::DeliveryError;
use crate::shared_sync::SharedSync;
use sha2::{Digest, Sha256};
use std::ffi::OsStr;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::future::Future;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

/// Files in `tmp` older than this belong to no running delivery (Maildir convention: 36 hours).
const TMP_MAX_AGE: Duration = Duration::from_secs(36 * 60 * 60);
/// Octets of the hash in a file name: 160 bits leave no chance of two keys with one name.
const NAME_OCTETS: usize = 20;
/// Attempts at a free name in `tmp`; a name is only taken where a crashed process had the same number.
const TMP_ATTEMPTS: usize = 100;

static TMP_COUNTER: AtomicU64 = AtomicU64::new(0);

/// A Maildir whose directories exist.
#[derive(Debug, Clone)]
pub struct Maildir {
    root: PathBuf,
    /// Deliveries at the same time share the syncs of `new`.
    new: Arc<SharedSync>,
}

/// What makes a delivery the same one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DeliveryKey {
    /// The globally unique identifier of the message.
    pub message: String,
    /// The recipient, in one spelling.
    pub recipient: String,
}

/// Where a message lies now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivered {
    pub path: PathBuf,
    /// An earlier delivery had put it there.
    pub already: bool,
}

impl Maildir {
    /// Makes the directories that are missing, durably, and removes what a crash left in `tmp` long ago.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self, DeliveryError> {
        let maildir = Self { root: root.into(), new: Arc::default() };
        make_directory(&maildir.root)?;
        for name in ["tmp", "new", "cur"] {
            make_directory(&maildir.root.join(name))?;
        }
        maildir.clean_tmp(SystemTime::now())?;
        Ok(maildir)
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Writes the pieces of `content` as one message, unless this key was delivered before.
    ///
    /// Once it returns, the message is on disk. A dropped future does not stop a delivery that has begun. The answer
    /// costs one listing of `cur`, where a reader may have moved an earlier delivery under a name with flags.
    pub fn deliver<I>(
        &self,
        key: &DeliveryKey,
        content: I,
    ) -> impl Future<Output = Result<Delivered, DeliveryError>> + Send + 'static + use<I>
    where
        I: IntoIterator,
        I::Item: AsRef<[u8]>,
    {
        let maildir = self.clone();
        let name = file_name(key);
        let mut octets = Vec::new();
        for piece in content {
            octets.extend_from_slice(piece.as_ref());
        }
        async move {
            tokio::task::spawn_blocking(move || maildir.deliver_blocking(&name, &octets))
                .await
                .unwrap_or(Err(DeliveryError::Interrupted))
        }
    }

    /// Removes files in `tmp` that are older than 36 hours and gives back how many.
    pub fn clean_tmp(&self, now: SystemTime) -> Result<usize, DeliveryError> {
        let tmp = self.root.join("tmp");
        let mut removed = 0;
        for entry in fs::read_dir(&tmp).map_err(DeliveryError::at("list", &tmp))? {
            let entry = entry.map_err(DeliveryError::at("list", &tmp))?;
            // A file that vanishes here was just delivered; any other trouble with one file must not stop deliveries.
            let Ok(metadata) = entry.metadata() else { continue };
            let age =
                metadata.modified().ok().and_then(|modified| now.duration_since(modified).ok());
            if metadata.is_file()
                && age.is_some_and(|age| age > TMP_MAX_AGE)
                && fs::remove_file(entry.path()).is_ok()
            {
                removed += 1;
            }
        }
        Ok(removed)
    }

    fn deliver_blocking(&self, name: &str, content: &[u8]) -> Result<Delivered, DeliveryError> {
        if let Some(path) = self.find(name)? {
            return self.found(path);
        }
        let (tmp, file) = self.create_tmp(name)?;
        let delivered = write_synced(&tmp, file, content).and_then(|()| self.link(name, &tmp));
        // Left behind, it is removed after 36 hours; the outcome of the delivery is the more important news.
        let _ = fs::remove_file(&tmp);
        delivered
    }

    fn link(&self, name: &str, tmp: &Path) -> Result<Delivered, DeliveryError> {
        let new = self.root.join("new");
        let path = new.join(name);
        match fs::hard_link(tmp, &path) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return self.found(path),
            Err(error) => return Err(DeliveryError::at("link the message to", &path)(error)),
        }
        // A rival may have delivered, and a reader moved its file to cur, after the first look.
        if let Some(moved) = self.find_in_cur(name)? {
            fs::remove_file(&path).map_err(DeliveryError::at("remove", &path))?;
            return self.found(moved);
        }
        self.new.wait(|| sync(&new)).map_err(DeliveryError::at("sync", &new))?;
        Ok(Delivered { path, already: false })
    }

    /// An earlier delivery may have been cut before its directory was synced.
    fn found(&self, path: PathBuf) -> Result<Delivered, DeliveryError> {
        sync_directory(&self.root.join("new"))?;
        sync_directory(&self.root.join("cur"))?;
        Ok(Delivered { path, already: true })
    }

    /// Looks in `new` first: a reader moves files from there to `cur`, so the other order could miss one.
    fn find(&self, name: &str) -> Result<Option<PathBuf>, DeliveryError> {
        let path = self.root.join("new").join(name);
        if path.try_exists().map_err(DeliveryError::at("look at", &path))? {
            return Ok(Some(path));
        }
        self.find_in_cur(name)
    }

    fn find_in_cur(&self, name: &str) -> Result<Option<PathBuf>, DeliveryError> {
        let cur = self.root.join("cur");
        for entry in fs::read_dir(&cur).map_err(DeliveryError::at("list", &cur))? {
            let entry = entry.map_err(DeliveryError::at("list", &cur))?;
            if is_named(&entry.file_name(), name) {
                return Ok(Some(entry.path()));
            }
        }
        Ok(None)
    }

    fn create_tmp(&self, name: &str) -> Result<(PathBuf, File), DeliveryError> {
        let tmp = self.root.join("tmp");
        let mut attempt = 0;
        loop {
            let number = TMP_COUNTER.fetch_add(1, Ordering::Relaxed);
            let path = tmp.join(format!("{name}.{}.{number}", std::process::id()));
            match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
                Ok(file) => return Ok((path, file)),
                Err(error)
                    if error.kind() == io::ErrorKind::AlreadyExists && attempt < TMP_ATTEMPTS =>
                {
                    attempt += 1
                }
                Err(error) => return Err(DeliveryError::at("create", &path)(error)),
            }
        }
    }
}

/// The name under which a key is delivered: no host name in it, so that any node that repeats a delivery finds it.
fn file_name(key: &DeliveryKey) -> String {
    let mut hash = Sha256::new();
    // The length keeps ("ab", "c") and ("a", "bc") apart.
    hash.update(u64::try_from(key.message.len()).unwrap_or(u64::MAX).to_be_bytes());
    hash.update(key.message.as_bytes());
    hash.update(key.recipient.as_bytes());
    let digest = hash.finalize();
    let hex: String = digest.iter().take(NAME_OCTETS).map(|octet| format!("{octet:02x}")).collect();
    format!("{hex}.bindback")
}

/// Whether `file` is `name`, with or without the flags that readers add behind a colon.
fn is_named(file: &OsStr, name: &str) -> bool {
    let rest = file.as_encoded_bytes().strip_prefix(name.as_bytes());
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b":"))
}

fn write_synced(path: &Path, mut file: File, content: &[u8]) -> Result<(), DeliveryError> {
    file.write_all(content).map_err(DeliveryError::at("write", path))?;
    file.sync_all().map_err(DeliveryError::at("sync", path))
}

fn sync_directory(path: &Path) -> Result<(), DeliveryError> {
    sync(path).map_err(DeliveryError::at("sync", path))
}

fn sync(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

/// Makes a directory and those above it, each entry synced; an existing one is fine.
fn make_directory(path: &Path) -> Result<(), DeliveryError> {
    if path.is_dir() {
        return Ok(());
    }
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    if let Some(parent) = parent {
        make_directory(parent)?;
    }
    match DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => {}
        Err(error) => return Err(DeliveryError::at("make the directory", path)(error)),
    }
    sync_directory(parent.unwrap_or(Path::new(".")))
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;

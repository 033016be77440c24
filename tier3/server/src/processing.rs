//! Which messages are being taken apart or put together at this moment, where a crash of the process leaves it.
//!
//! A message that crashes whoever processes it would do so again after every restart, and no mail would move. So each
//! step that works on a message's octets is noted first, in a small file that the system keeps when the process dies. What
//! stands there at the next start is the suspect. Nothing is synced: a power cut proves nothing against a message.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use queue::MessageId;

use crate::node::Node;

/// Octets of one note: number, blank, step, line end.
const NOTE: usize = 64;
/// Most notes: far more than there are threads that process.
const MAX_NOTES: usize = 1024;
/// A step of processing that takes longer is stalled: it works in memory and on one row of the store.
const STALL: Duration = Duration::from_secs(120);

/// The notes of this process.
#[derive(Debug)]
pub struct Processing {
    file: Option<File>,
    taken: Mutex<Vec<bool>>,
}

/// A message that was being processed when the last process ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suspect {
    pub id: MessageId,
    pub step: String,
}

/// A note; it is struck out when this is dropped, but not when the process dies.
#[derive(Debug)]
pub struct Note {
    processing: Arc<Processing>,
    at: usize,
}

/// Processing a message ended in a crash; it is counted already.
#[derive(Debug)]
pub struct Crashed(pub String);

impl Processing {
    /// Reads what the last process left, and starts afresh. Without the file processing goes on unnoted: it protects
    /// from a rare evil and must not be one.
    #[must_use]
    pub fn open(path: &Path) -> (Self, Vec<Suspect>) {
        let left = std::fs::read(path).map(|octets| suspects(&octets)).unwrap_or_default();
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(path);
        let file = file.inspect_err(|error| eprintln!("{}: {error}", path.display())).ok();
        (Self { file, taken: Mutex::default() }, left)
    }

    /// Notes that a message is processed from now on.
    pub fn begin(self: &Arc<Self>, id: MessageId, step: &str) -> Option<Note> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let at = match taken.iter().position(|taken| !taken) {
            Some(at) => at,
            None if taken.len() < MAX_NOTES => {
                taken.push(false);
                taken.len() - 1
            }
            None => return None,
        };
        let mut text = format!("{id} {step}");
        text.truncate(text.floor_char_boundary(NOTE - 1));
        self.write(at, format!("{text:<width$}\n", width = NOTE - 1).as_bytes()).ok()?;
        taken[at] = true;
        Some(Note { processing: Arc::clone(self), at })
    }

    fn write(&self, at: usize, octets: &[u8]) -> io::Result<()> {
        let offset = u64::try_from(at.saturating_mul(NOTE)).unwrap_or(0);
        self.file.as_ref().map_or(Ok(()), |file| file.write_all_at(octets, offset))
    }
}

impl Drop for Note {
    fn drop(&mut self) {
        let mut taken = self.processing.taken.lock().unwrap_or_else(PoisonError::into_inner);
        // A note that cannot be struck out would accuse an innocent message: its place is not used again, which is
        // all that can be done.
        if self
            .processing
            .write(self.at, format!("{:<width$}\n", "", width = NOTE - 1).as_bytes())
            .is_ok()
            && let Some(taken) = taken.get_mut(self.at)
        {
            *taken = false;
        }
    }
}

fn suspects(octets: &[u8]) -> Vec<Suspect> {
    let notes = octets.chunks(NOTE).filter_map(|note| std::str::from_utf8(note).ok());
    let suspects = notes.filter_map(|note| {
        let (id, step) = note.trim().split_once(' ')?;
        Some(Suspect { id: id.parse().ok()?, step: step.trim().to_owned() })
    });
    suspects.collect()
}

/// Processes one message where it may wait for the disk. A panic, or a stall, is counted against the message and ends this
/// attempt alone.
///
/// # Errors
/// It crashed or stalled.
pub async fn process<R: Send + 'static>(
    node: &Arc<Node>,
    id: MessageId,
    step: &'static str,
    work: impl FnOnce() -> R + Send + 'static,
) -> Result<R, Crashed> {
    process_within(node, id, step, STALL, work).await
}

/// [`process`] that takes a step for stalled after `patience`.
///
/// # Errors
/// It crashed or stalled.
pub(crate) async fn process_within<R: Send + 'static>(
    node: &Arc<Node>,
    id: MessageId,
    step: &'static str,
    patience: Duration,
    work: impl FnOnce() -> R + Send + 'static,
) -> Result<R, Crashed> {
    let note = node.processing.begin(id, step);
    let work = tokio::task::spawn_blocking(move || {
        let result = work();
        drop(note);
        result
    });
    let evidence = match tokio::time::timeout(patience, work).await {
        Ok(Ok(result)) => return Ok(result),
        Ok(Err(error)) => match error.try_into_panic() {
            Ok(panic) => format!("{step} panicked: {}", said(panic.as_ref())),
            // The runtime ends before the work began: nobody is left to hear of it.
            Err(_) => std::future::pending().await,
        },
        Err(_) => format!("{step} did not end within {} s", patience.as_secs()),
    };
    node.queue.crashed(id, &evidence);
    Err(Crashed(evidence))
}

/// The words of a panic.
fn said(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().map(str::to_owned);
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    let mut text = text.unwrap_or_else(|| "no words".to_owned());
    text.truncate(text.floor_char_boundary(400));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_dead_process_had_in_its_hands_is_suspect() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("processing");
        let id = MessageId::from_number;
        let (first, left) = Processing::open(&path);
        assert_eq!(left, []);
        let first = Arc::new(first);
        let (a, b) =
            (first.begin(id(1), "encoding").unwrap(), first.begin(id(2), "reading").unwrap());
        drop(a);
        let c = first.begin(id(3), &"x".repeat(200)).unwrap();
        // The process dies: nothing is dropped.
        std::mem::forget((b, c));
        let (again, left) = Processing::open(&path);
        let ids: Vec<MessageId> = left.iter().map(|suspect| suspect.id).collect();
        assert_eq!(ids, [id(3), id(2)]);
        assert_eq!(left[1].step, "reading");
        // The next start is told nothing of it.
        drop(again);
        assert_eq!(Processing::open(&path).1, []);
    }

    #[test]
    fn without_a_file_work_goes_on() {
        let (processing, left) = Processing::open(Path::new("/dev/null/none"));
        assert!(left.is_empty());
        assert!(Arc::new(processing).begin(MessageId::from_number(1), "reading").is_some());
    }
}

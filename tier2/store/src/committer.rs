//! The thread that writes: it takes what is waiting, commits it as one, syncs once, and tells everybody.

use crate::disk;
use crate::error::StoreError;
use crate::events::EventLog;
use crate::group::Group;
use crate::open::Engine;
use crate::spaces::Space;
use identity::{Account, AccountName};
use jiff::Timestamp;
use queue::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

/// Most jobs in one group: bounds how long the first of them waits for the last.
const GROUP_JOBS: usize = 1024;
/// Most octets in one group: a few of the largest messages; the journal gets them in one piece.
const GROUP_OCTETS: usize = 32 * 1024 * 1024;
/// How often dedupe keys whose time is over are looked for.
const PRUNE_EVERY: Duration = Duration::from_secs(60 * 60);
/// How soon the next batch of them follows, when there are more.
const PRUNE_STEP_EVERY: Duration = Duration::from_millis(100);
/// Most dedupe keys removed in one batch, so that commits do not wait for long.
const PRUNE_STEP: usize = 4096;

/// What is called with the outcome of a job.
type Answer = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

/// Who waits for a job. Told exactly once: a job that is dropped undone was handed to a closed store.
pub(crate) struct Done {
    answer: Option<Answer>,
    dir: PathBuf,
}

impl Done {
    pub(crate) fn new(
        dir: &Path,
        answer: impl FnOnce(Result<(), StoreError>) + Send + 'static,
    ) -> Self {
        Self { answer: Some(Box::new(answer)), dir: dir.to_owned() }
    }

    fn tell(mut self, result: Result<(), StoreError>) {
        if let Some(answer) = self.answer.take() {
            answer(result);
        }
    }
}

impl Drop for Done {
    fn drop(&mut self) {
        if let Some(answer) = self.answer.take() {
            answer(Err(StoreError::Closed { dir: self.dir.clone() }));
        }
    }
}

/// What the committer is asked for.
pub(crate) enum Job {
    Commit {
        writes: Vec<Write>,
        done: Done,
    },
    PutAccount {
        account: Box<Account>,
        done: Done,
    },
    /// Rows of the server's tables; `None` removes one.
    Rows {
        changes: Vec<(Vec<u8>, Option<Vec<u8>>)>,
        done: Done,
    },
    RemoveAccount {
        name: AccountName,
        done: Done,
    },
    Event {
        time: Timestamp,
        event: Vec<u8>,
    },
    PutPeer {
        key: Vec<u8>,
        row: Vec<u8>,
    },
    /// Everything before this is on the disk, also what nobody waits for.
    Sync {
        done: Done,
    },
    Stop,
}

/// The state of the thread.
pub(crate) struct Committer {
    pub(crate) engine: Engine,
    pub(crate) jobs: Receiver<Job>,
    pub(crate) events: EventLog,
    /// Jobs that wait and nobody waits for; shared with the handles, which stop taking more.
    pub(crate) unwatched: Arc<AtomicUsize>,
}

impl Committer {
    /// Works until it is told to stop or every handle is gone.
    pub(crate) fn run(mut self) {
        let mut prune_at = Instant::now();
        loop {
            let now = Instant::now();
            if prune_at <= now {
                // What cannot be pruned now is found again next time.
                let more = self.prune().unwrap_or(false);
                prune_at = now + if more { PRUNE_STEP_EVERY } else { PRUNE_EVERY };
            }
            match self.jobs.recv_timeout(prune_at.saturating_duration_since(now)) {
                Ok(first) => {
                    if self.work(first) {
                        break;
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        // A failure here was already the answer to whoever waited for the disk; nobody waits for the rest.
        let _ = self.engine.sync();
    }

    /// One group; whether to stop after it.
    fn work(&mut self, first: Job) -> bool {
        let mut group = Group::default();
        let mut waiting = Vec::new();
        let mut unwatched = 0;
        let (mut jobs, mut octets) = (0, 0);
        let (mut stop, mut sync) = (false, false);
        let mut next = Some(first);
        while let Some(job) = next.take() {
            jobs += 1;
            octets += job.octets();
            let (added, done) = match job {
                Job::Commit { writes, done } => (group.add(&self.engine, writes), Some(done)),
                Job::PutAccount { account, done } => {
                    (group.put_account(&self.engine, &account), Some(done))
                }
                Job::RemoveAccount { name, done } => {
                    group.remove_account(&name);
                    (Ok(()), Some(done))
                }
                Job::Rows { changes, done } => {
                    group.change_rows(changes);
                    (Ok(()), Some(done))
                }
                Job::Event { time, event } => {
                    unwatched += 1;
                    self.events.append(&mut group, time, event);
                    (Ok(()), None)
                }
                Job::PutPeer { key, row } => {
                    unwatched += 1;
                    group.put(Space::Peers, key, row);
                    (Ok(()), None)
                }
                Job::Sync { done } => {
                    sync = true;
                    (Ok(()), Some(done))
                }
                Job::Stop => {
                    stop = true;
                    (Ok(()), None)
                }
            };
            waiting.extend(done);
            if let Err(error) = added {
                // The engine cannot read its own rows: nothing of the group is safe to write.
                self.answer(waiting, unwatched, &Err(error));
                return stop;
            }
            if !stop && jobs < GROUP_JOBS && octets < GROUP_OCTETS {
                next = self.jobs.try_recv().ok();
            }
        }
        let mut result = group.commit(&self.engine);
        if sync && result.is_ok() {
            result = self.engine.sync();
        }
        self.answer(waiting, unwatched, &result);
        self.drop_old_events();
        stop
    }

    fn answer(&self, waiting: Vec<Done>, unwatched: usize, result: &Result<(), StoreError>) {
        self.unwatched.fetch_sub(unwatched, Ordering::Relaxed);
        for done in waiting {
            done.tell(result.clone());
        }
    }

    fn drop_old_events(&mut self) {
        // Events too many are only a little space; the next group tries again.
        if let Ok(Some(group)) = self.events.overflow(&self.engine) {
            let _ = group.commit(&self.engine);
        }
    }

    /// Removes dedupe keys whose time is over; whether there may be more of them.
    fn prune(&self) -> Result<bool, StoreError> {
        prune_seen(&self.engine, Timestamp::now())
    }
}

/// Removes up to [`PRUNE_STEP`] dedupe keys whose time was over at `now`; whether there may be more of them.
pub(crate) fn prune_seen(engine: &Engine, now: Timestamp) -> Result<bool, StoreError> {
    let end = disk::seen_end_key(now, "");
    let mut group = Group::default();
    let mut rows = 0;
    let ended =
        engine.spaces.of(Space::Seen).range(disk::SEEN_ENDS..end.as_slice()).take(PRUNE_STEP);
    for row in ended {
        rows += 1;
        let row = row.key().map_err(|error| engine.error("reading dedupe keys", error))?;
        let (_, name) = disk::read_seen_end_key(&row)
            .ok_or_else(|| engine.corrupt(Space::Seen, &row, "it is no dedupe key"))?;
        let key = [b"k", name].concat();
        // A key that was seen again meanwhile has a later end and stays.
        let until = engine.get(Space::Seen, &key)?;
        if until.and_then(|until| disk::read_time(&until)).is_none_or(|until| until < now) {
            group.remove(Space::Seen, key);
        }
        group.remove(Space::Seen, row.to_vec());
    }
    group.commit(engine)?;
    Ok(rows == PRUNE_STEP)
}

impl Job {
    /// About how much it adds to the group.
    fn octets(&self) -> usize {
        match self {
            Self::Commit { writes, .. } => writes
                .iter()
                .map(|write| match write {
                    Write::PutMessage(message) => message.content.len() + message.envelope.len(),
                    _ => 0,
                })
                .sum(),
            Self::Rows { changes, .. } => {
                changes.iter().map(|(_, row)| row.as_ref().map_or(0, Vec::len)).sum()
            }
            Self::Event { event, .. } => event.len(),
            Self::PutPeer { row, .. } => row.len(),
            _ => 0,
        }
    }
}

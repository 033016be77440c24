//! The thread that writes: it takes what is waiting, commits it as one, syncs once, and tells everybody.

use crate::disk;
use crate::error::StoreError;
use crate::events::{EventLog, HeldEvents};
use crate::group::{Group, Parts};
use crate::open::Engine;
use crate::pace::Pace;
use crate::recover;
use crate::slot::{Slot, free_space};
use crate::spaces::Space;
use crate::track;
use identity::{Account, AccountName};
use jiff::{SignedDuration, Timestamp};
use queue::{Haste, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

/// Most jobs in one group: bounds how long the first of them waits for the last.
const GROUP_JOBS: usize = 1024;
/// Most octets in one group: a few of the largest messages; the journal gets them in one piece.
const GROUP_OCTETS: usize = 32 * 1024 * 1024;
/// How long writes that have time wait for others: a sender's next message comes sooner, so that a busy server syncs once
/// for what comes and what is done, and what a crash of the process makes this server send again stays little.
pub(crate) const LINGER: Duration = Duration::from_millis(5);
/// How often dedupe keys whose time is over are looked for.
const PRUNE_EVERY: Duration = Duration::from_secs(60 * 60);
/// How soon the next batch of them follows, when there are more.
const PRUNE_STEP_EVERY: Duration = Duration::from_millis(100);
/// How long the steps of a message are kept after the last of them.
const TRACK_FOR: SignedDuration = SignedDuration::from_hours(7 * 24);
/// How often the free space is looked at.
const SPACE_EVERY: Duration = Duration::from_millis(500);
/// How often, where nothing is written and there is enough of it.
const SPACE_IDLE: Duration = Duration::from_secs(2);
/// How soon a store that failed is tried again; each further time takes twice as long.
const RECOVER_FIRST: Duration = Duration::from_millis(500);
/// Longest wait between two of these tries: mail that was refused comes again soon after the disk is well.
const RECOVER_MAX: Duration = Duration::from_secs(5);
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
        parts: Parts,
        haste: Haste,
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
    slot: Arc<Slot>,
    jobs: Receiver<Job>,
    events: EventLog,
    /// Events that could not be written, until they can: they tell of what went wrong.
    held: HeldEvents,
    /// Jobs that wait and nobody waits for; shared with the handles, which stop taking more.
    unwatched: Arc<AtomicUsize>,
    condition: Condition,
    pace: Pace,
    /// When the free space was last looked at, and what was found.
    space: Option<(Instant, Option<StoreError>)>,
}

/// Whether writes are taken.
enum Condition {
    Well,
    /// A write failed.
    Down {
        /// The answer to everybody meanwhile.
        error: StoreError,
        /// When it is tried again to open the engine.
        retry_at: Instant,
        pause: Duration,
        /// Takes out what callers were told is not there.
        undo: Vec<Write>,
    },
}

/// What was collected for one commit.
#[derive(Default)]
struct Collected {
    group: Group,
    waiting: Vec<Done>,
    unwatched: usize,
    /// Its events, should it fail.
    events: Vec<(Timestamp, Vec<u8>)>,
    /// Until when it may wait for more, if nobody in it is in haste.
    lingers: Option<Instant>,
    /// How many are in haste.
    hurry: usize,
    /// It was waited once for those that are about to come.
    waited: bool,
    sync: bool,
    stop: bool,
    /// Takes out the acceptances of the group, should it fail.
    undo: Vec<Write>,
}

impl Collected {
    fn note_haste(&mut self, haste: Haste) {
        match haste {
            Haste::Now => self.hurry += 1,
            Haste::Soon => _ = self.lingers.get_or_insert_with(|| Instant::now() + LINGER),
        }
    }
}

impl Committer {
    pub(crate) fn new(
        slot: Arc<Slot>,
        jobs: Receiver<Job>,
        events: EventLog,
        unwatched: Arc<AtomicUsize>,
    ) -> Self {
        Self {
            slot,
            jobs,
            events,
            held: HeldEvents::default(),
            unwatched,
            condition: Condition::Well,
            pace: Pace::default(),
            space: None,
        }
    }

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
            let until = match &self.condition {
                // Others fill the disk too: known before mail comes, and told before anybody writes.
                Condition::Well if self.slot.trouble().is_none() => prune_at.min(now + SPACE_IDLE),
                // Space may be there again, and somebody may want to know.
                Condition::Well => prune_at.min(now + SPACE_EVERY),
                Condition::Down { retry_at, .. } => prune_at.min(*retry_at),
            };
            match self.jobs.recv_timeout(until.saturating_duration_since(now)) {
                Ok(first) => {
                    if self.work(first) {
                        break;
                    }
                }
                Err(RecvTimeoutError::Timeout) => {
                    self.recover_if_due();
                    self.look_at_space();
                }
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        // What was refused is taken out, if the disk takes that by now.
        if let Condition::Down { undo, .. } = &self.condition
            && let Ok(engine) = self.reopen(&undo.clone())
        {
            self.write_held(&engine);
        }
        // A failure here was already the answer to whoever waited for the disk; nobody waits for the rest.
        if let Ok(engine) = self.slot.engine() {
            let _ = engine.sync().and_then(|()| engine.note_closed());
        }
    }

    /// One group; whether to stop after it.
    fn work(&mut self, first: Job) -> bool {
        self.recover_if_due();
        if let Condition::Down { error, .. } = &self.condition {
            let error = error.clone();
            return self.refuse(first, &error);
        }
        let engine = match self.slot.engine() {
            Ok(engine) => engine,
            Err(error) => return self.refuse(first, &error),
        };
        let mut collected = Collected::default();
        if let Err(error) = self.collect(&engine, first, &mut collected) {
            // The engine cannot read its own rows: nothing of the group is safe to write.
            self.answer(collected.waiting, collected.unwatched, &Err(error));
            return collected.stop;
        }
        let begun = Instant::now();
        let mut result = collected.group.commit(&engine);
        if collected.sync && result.is_ok() {
            result = engine.sync();
        }
        self.pace.note(collected.hurry, begun.elapsed());
        drop(engine);
        if let Err(error) = result {
            result = self.try_once_more(&collected, error);
            if result.is_err() {
                self.held.extend(std::mem::take(&mut collected.events));
            }
        }
        self.answer(collected.waiting, collected.unwatched, &result);
        self.drop_old_events();
        collected.stop
    }

    /// Puts together what waits, up to the limits of a group.
    fn collect(
        &mut self,
        engine: &Engine,
        first: Job,
        into: &mut Collected,
    ) -> Result<(), StoreError> {
        let (mut jobs, mut octets) = (0, 0);
        let mut next = Some(first);
        while let Some(job) = next.take() {
            jobs += 1;
            octets += job.octets();
            match job {
                Job::Commit { mut parts, haste, done } => {
                    into.note_haste(haste);
                    let undo = parts.undo.take();
                    if undo.is_some()
                        && let Some(low) = self.look_at_space()
                    {
                        done.tell(Err(low));
                    } else {
                        into.waiting.push(done);
                        into.undo.extend(undo.into_iter().flatten());
                        into.group.add(engine, parts)?;
                    }
                }
                Job::PutAccount { account, done } => {
                    into.hurry += 1;
                    into.waiting.push(done);
                    into.group.put_account(engine, &account)?;
                }
                Job::RemoveAccount { name, done } => {
                    into.hurry += 1;
                    into.waiting.push(done);
                    into.group.remove_account(&name);
                }
                Job::Rows { changes, done } => {
                    into.hurry += 1;
                    into.waiting.push(done);
                    into.group.change_rows(changes);
                }
                Job::Event { time, event } => {
                    into.unwatched += 1;
                    into.events.push((time, event.clone()));
                    self.events.append(&mut into.group, time, event);
                }
                Job::PutPeer { key, row } => {
                    into.unwatched += 1;
                    into.group.put(Space::Peers, key, row);
                }
                Job::Sync { done } => {
                    into.sync = true;
                    into.hurry += 1;
                    into.waiting.push(done);
                }
                Job::Stop => into.stop = true,
            }
            if !into.stop && jobs < GROUP_JOBS && octets < GROUP_OCTETS {
                next = self.jobs.try_recv().ok().or_else(|| self.wait_for_more(into));
            }
        }
        Ok(())
    }

    /// Another job, where those of the group have time, or as many as last time are about to come.
    fn wait_for_more(&self, group: &mut Collected) -> Option<Job> {
        if group.hurry == 0 {
            let until = group.lingers?;
            return self.jobs.recv_timeout(until.saturating_duration_since(Instant::now())).ok();
        }
        if std::mem::replace(&mut group.waited, true) {
            return None;
        }
        // Not for each of them: one rest lets all the others work.
        std::thread::sleep(self.pace.rest(group.hurry)?);
        self.jobs.try_recv().ok()
    }

    fn answer(&self, waiting: Vec<Done>, unwatched: usize, result: &Result<(), StoreError>) {
        self.unwatched.fetch_sub(unwatched, Ordering::Relaxed);
        for done in waiting {
            done.tell(result.clone());
        }
    }

    /// Answers a job that cannot be done; whether it was the last.
    fn refuse(&mut self, job: Job, error: &StoreError) -> bool {
        match job {
            Job::Commit { done, .. }
            | Job::PutAccount { done, .. }
            | Job::Rows { done, .. }
            | Job::RemoveAccount { done, .. }
            | Job::Sync { done } => done.tell(Err(error.clone())),
            Job::Event { time, event } => {
                self.unwatched.fetch_sub(1, Ordering::Relaxed);
                self.held.extend([(time, event)]);
            }
            Job::PutPeer { .. } => {
                self.unwatched.fetch_sub(1, Ordering::Relaxed);
            }
            Job::Stop => return true,
        }
        false
    }

    /// A group failed: the engine takes no more writes. If it can be opened anew, the whole group is written once more.
    fn try_once_more(
        &mut self,
        collected: &Collected,
        error: StoreError,
    ) -> Result<(), StoreError> {
        let again = self.reopen(&[]).and_then(|engine| {
            collected.group.commit(&engine)?;
            if collected.sync { engine.sync() } else { Ok(()) }
        });
        let Err(later) = again else { return Ok(()) };
        // Where the engine only says that it stopped, what it said first or says now is of more use.
        let error = if matches!(error, StoreError::Stopped { .. }) { later } else { error };
        self.slot.set_trouble(Some(error.clone()));
        self.condition = Condition::Down {
            error: error.clone(),
            retry_at: Instant::now() + RECOVER_FIRST,
            pause: RECOVER_FIRST,
            undo: collected.undo.clone(),
        };
        Err(error)
    }

    fn recover_if_due(&mut self) {
        let Condition::Down { retry_at, pause, undo, .. } = &self.condition else {
            return;
        };
        if *retry_at > Instant::now() {
            return;
        }
        let (pause, undo) = ((*pause * 2).min(RECOVER_MAX), undo.clone());
        match self.reopen(&undo) {
            Ok(engine) => {
                self.condition = Condition::Well;
                self.slot.set_trouble(None);
                self.space = None;
                self.write_held(&engine);
            }
            Err(error) => {
                self.slot.set_trouble(Some(error.clone()));
                self.condition =
                    Condition::Down { error, retry_at: Instant::now() + pause, pause, undo };
            }
        }
    }

    /// Writes the events that told of a failure; if that fails they are held on.
    fn write_held(&mut self, engine: &Engine) {
        let mut group = Group::default();
        for (time, event) in self.held.iter() {
            self.events.append(&mut group, *time, event.clone());
        }
        if group.commit(engine).is_ok() {
            self.held = HeldEvents::default();
        }
    }

    /// Closes the engine and opens it anew, on journals that are surely on the disk.
    fn reopen(&self, undo: &[Write]) -> Result<Arc<Engine>, StoreError> {
        let dir = &self.slot.dir;
        recover::probe(dir)?;
        if !self.slot.close_engine() {
            return Err(StoreError::Stopped { dir: dir.clone() });
        }
        recover::renew_journals(dir)?;
        let engine = Engine::open(dir)?;
        engine.note_open()?;
        let mut group = Group::default();
        group.add(&engine, Parts::new(dir, undo.to_vec(), &[])?)?;
        group.commit(&engine)?;
        let engine = Arc::new(engine);
        self.slot.put(Arc::clone(&engine));
        Ok(engine)
    }

    /// Whether so little space is left that no mail is taken.
    fn look_at_space(&mut self) -> Option<StoreError> {
        if let Some((looked, found)) = &self.space
            && looked.elapsed() < SPACE_EVERY
        {
            return found.clone();
        }
        let (dir, reserve) = (&self.slot.dir, self.slot.reserve());
        let low = match free_space(dir) {
            Ok(free) if free < reserve => {
                Some(StoreError::DiskLow { dir: dir.clone(), free, reserve })
            }
            Ok(_) => None,
            Err(error) => Some(error),
        };
        if matches!(self.condition, Condition::Well) {
            self.slot.set_trouble(low.clone());
        }
        self.space = Some((Instant::now(), low.clone()));
        low
    }

    fn drop_old_events(&mut self) {
        // Events too many are only a little space; the next group tries again.
        if let Ok(engine) = self.slot.engine()
            && let Ok(Some(group)) = self.events.overflow(&engine)
        {
            let _ = group.commit(&engine);
        }
    }

    /// Removes dedupe keys and tracks whose time is over; whether there may be more of them.
    fn prune(&self) -> Result<bool, StoreError> {
        let engine = self.slot.engine()?;
        let now = Timestamp::now();
        let more = prune_seen(&engine, now)?;
        let before = now.checked_sub(TRACK_FOR).unwrap_or(Timestamp::MIN);
        Ok(track::prune(&engine, before, PRUNE_STEP / 4)? || more)
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
            Self::Commit { parts, .. } => parts.octets,
            Self::Rows { changes, .. } => {
                changes.iter().map(|(_, row)| row.as_ref().map_or(0, Vec::len)).sum()
            }
            Self::Event { event, .. } => event.len(),
            Self::PutPeer { row, .. } => row.len(),
            _ => 0,
        }
    }
}

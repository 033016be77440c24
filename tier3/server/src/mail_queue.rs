//! The queue engine with its store and its clock: every input ends in performed actions.
//!
//! The engine decides, this file performs: commits go to the store's committer thread,
//! whose answer comes back as an input; what is ready wakes the worker of its next hop.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};
use mta::Entry;
use queue::{
    Action, BatchId, Failure, Load, MessageFilter, MessageId, MessageRecord, MessageView,
    NewMessage, NextHop, Outcome, Priority, Queue, QueueConfig, QueueError, Ticket, Work,
};
use store::{Store, StoreError};
use tokio::sync::{Notify, mpsc, oneshot};

use crate::clock::Clock;
use crate::opened::{Opened, Shelf};
use crate::supervise::Notices;

/// Recipients that failed for good and wait for their report.
#[derive(Debug)]
pub struct ReportOrder {
    pub id: MessageId,
    pub failures: Vec<(u32, Failure)>,
}

/// A message was not taken.
#[derive(Debug, thiserror::Error)]
pub enum AcceptError {
    /// All its recipients were taken before: a repetition, which counts as success.
    #[error("taken before")]
    Repeated,
    #[error("{error}")]
    Refused {
        error: String,
        /// For want of space on the disk or in the queue.
        full: bool,
    },
    #[error("cannot read the store")]
    Store(#[from] StoreError),
    #[error("the server is stopping")]
    Stopping,
}

/// Why no mail can be taken now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// No space, on the disk or in the queue.
    Full,
    /// The disk fails otherwise.
    Sick,
}

/// Messages that a list reads at once.
const PAGE: usize = 200;

/// By message: recipient, way, and how often it was tried.
type Tries = HashMap<MessageId, Vec<(u32, String, u32)>>;

/// The running queue; clones share it.
#[derive(Clone)]
pub struct MailQueue {
    shared: Arc<Shared>,
}

struct Shared {
    engine: Mutex<Engine>,
    store: Store,
    clock: Clock,
    timer: Notify,
    reports: mpsc::UnboundedSender<ReportOrder>,
    notices: mpsc::UnboundedSender<Action>,
    /// Until somebody watches.
    unheard: Mutex<Option<Notices>>,
    /// Next hops of connectors that have work.
    outgoing: mpsc::UnboundedSender<NextHop>,
    outgoing_orders: Mutex<Option<mpsc::UnboundedReceiver<NextHop>>>,
    /// How often each way was tried for a recipient that may go another; lost at a restart, which tries all anew.
    tries: Mutex<Tries>,
    shelf: Shelf,
}

struct Engine {
    queue: Queue,
    next_ticket: u64,
    waiting: HashMap<Ticket, oneshot::Sender<Result<(), String>>>,
    ready: HashMap<NextHop, Arc<Notify>>,
    /// Until when the timers sleep; `None` for until they are woken.
    armed: Option<Timestamp>,
}

impl MailQueue {
    /// Takes over what the store holds, of which the first of each hop comes into memory; orders for reports come out of
    /// the receiver.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn open(
        store: Store,
        config: QueueConfig,
    ) -> Result<(Self, mpsc::UnboundedReceiver<ReportOrder>), StoreError> {
        let mut queue = Queue::new(config);
        let clock = Clock::default();
        let now = clock.now();
        queue.restore_holds(store.holds()?);
        queue.restore_parked(store.holdings()?, store.last_id()?.max(numbers_from(now)), now);
        // Nothing else happens before this: what is damaged is to be found at the start.
        let mut begun = Vec::new();
        while let Some(action) = queue.poll_action() {
            match action {
                Action::Load(load) => {
                    let loaded = store.load(&load, |id| queue.is_loaded(id), Err)?;
                    queue.loaded(&load, loaded, now);
                }
                other => begun.push(other),
            }
        }
        let (reports, orders) = mpsc::unbounded_channel();
        let engine = Engine {
            queue,
            next_ticket: 0,
            waiting: HashMap::new(),
            ready: HashMap::new(),
            armed: None,
        };
        let (notices, unheard) = mpsc::unbounded_channel();
        let (outgoing, outgoing_orders) = mpsc::unbounded_channel();
        let shared = Shared {
            engine: Mutex::new(engine),
            store,
            clock,
            timer: Notify::new(),
            reports,
            notices,
            unheard: Mutex::new(Some(unheard)),
            outgoing,
            outgoing_orders: Mutex::new(Some(outgoing_orders)),
            tries: Mutex::default(),
            shelf: Shelf::default(),
        };
        let queue = Self { shared: Arc::new(shared) };
        for action in begun {
            queue.perform_one(action);
        }
        Ok((queue, orders))
    }

    /// Runs the engine's timers until the task is dropped.
    pub async fn run_timers(&self) {
        // What was restored may be ready at once.
        self.perform();
        loop {
            let due = self.lock().arm();
            let changed = self.shared.timer.notified();
            match due {
                Some(due) => {
                    let wait = self.shared.clock.now().duration_until(due);
                    let wait = std::time::Duration::try_from(wait).unwrap_or_default();
                    tokio::select! {
                        () = tokio::time::sleep(wait) => {}
                        () = changed => {}
                    }
                }
                None => changed.await,
            }
            // Not through `with`: that would ring the bell that this loop waits for.
            let now = self.shared.clock.now();
            self.lock().queue.handle_timeout(now);
            self.perform();
        }
    }

    /// Reserves the next message number.
    #[must_use]
    pub fn next_id(&self) -> MessageId {
        self.lock().queue.next_id()
    }

    /// Takes a message; returns once it is on disk.
    ///
    /// # Errors
    /// It was taken before, refused by the engine, or the disk failed.
    pub async fn accept(&self, entry: impl Into<Entry>) -> Result<MessageId, AcceptError> {
        let Entry { message, subject } = entry.into();
        let id = message.id;
        if let Some(subject) = subject {
            let content = Arc::clone(&message.content);
            let opened = Opened::new(subject, message.envelope.len(), content);
            self.shared.shelf.put(id, Arc::new(opened));
        }
        let accepted = self.accept_message(message).await;
        if accepted.is_err() {
            self.shared.shelf.remove(id);
        }
        accepted
    }

    async fn accept_message(&self, message: NewMessage) -> Result<MessageId, AcceptError> {
        let id = message.id;
        let answered = {
            let mut engine = self.lock();
            // Under the lock, so that a key is seen either while it is being committed or in
            // the store, and two arrivals of one message cannot both pass.
            if !message.seen.is_empty() && engine.all_taken(&self.shared.store, &message.seen)? {
                return Err(AcceptError::Repeated);
            }
            let (answer, answered) = oneshot::channel();
            let ticket = Ticket(engine.next_ticket);
            engine.next_ticket += 1;
            engine.waiting.insert(ticket, answer);
            engine.queue.accept(message, ticket, self.shared.clock.now());
            answered
        };
        self.perform();
        match answered.await {
            Ok(Ok(())) => Ok(id),
            Ok(Err(error)) => Err(AcceptError::Refused { error, full: self.is_full() }),
            Err(_) => Err(AcceptError::Stopping),
        }
    }

    /// Which of these dedupe keys were taken before.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn taken(&self, keys: &[String]) -> Result<Vec<bool>, StoreError> {
        let engine = self.lock();
        keys.iter().map(|key| engine.is_taken(&self.shared.store, key)).collect()
    }

    /// The next message for a hop, now in flight.
    #[must_use]
    pub fn take(&self, hop: &NextHop) -> Option<Work> {
        self.with(|queue, now| queue.take(hop, now))
    }

    /// The next urgent message for a hop, for an association that is kept for those.
    #[must_use]
    pub fn take_urgent(&self, hop: &NextHop) -> Option<Work> {
        self.with(|queue, now| queue.take_urgent(hop, now))
    }

    /// One of several associations broke with this work on it.
    pub fn work_lost(&self, work: &Work, error: &str) {
        self.with(|queue, now| queue.work_lost(work, error, now));
    }

    /// Processing a message crashed or stalled.
    pub fn crashed(&self, id: MessageId, evidence: &str) {
        let known = self.with_message(id, |queue, now| queue.crashed(id, evidence, now));
        // It is gone already: nothing is left that could crash anybody.
        drop(known);
    }

    /// Recipients fail for good.
    pub fn fail(&self, id: MessageId, failures: Vec<(u32, Failure)>) {
        self.with_message(id, |queue, now| queue.fail(id, failures, now));
    }

    /// Stops a hop.
    pub fn hold(&self, hop: &NextHop) {
        self.with(|queue, now| queue.hold(hop, now));
    }

    /// Ends the hold of a hop.
    pub fn release(&self, hop: &NextHop) {
        self.with(|queue, now| queue.release(hop, now));
    }

    /// Lets a message go on that was set aside; false if it was not.
    ///
    /// # Errors
    /// There is no such message.
    pub fn release_message(&self, id: MessageId) -> Result<bool, QueueError> {
        self.with_message(id, |queue, now| queue.release_message(id, now))
    }

    /// Why no mail can be taken now, if so: known before the mail is sent.
    #[must_use]
    pub fn refusal(&self) -> Option<Refusal> {
        if self.is_full() {
            return Some(Refusal::Full);
        }
        self.shared.store.trouble().map(|_| Refusal::Sick)
    }

    /// Whether space is what is missing.
    fn is_full(&self) -> bool {
        let disk = self.shared.store.trouble().is_some_and(|trouble| trouble.cause == "disk-full");
        disk || self.view(|queue, _| queue.is_full())
    }

    /// Follows the wall clock; by how much it was set since the last time, if it was.
    pub fn follow_clock(&self) -> Option<SignedDuration> {
        let by = self.shared.clock.look()?;
        self.with(|queue, _| queue.clock_was_set(by));
        // What the timers sleep for is a time of the clock before.
        self.shared.timer.notify_one();
        Some(by)
    }

    /// What the engine says beside work; whoever asks first gets it.
    #[must_use]
    pub fn notices(&self) -> Option<Notices> {
        self.shared.unheard.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// The schedule of a link closed or opened.
    pub fn set_schedule(&self, link: &str, closed: Option<Option<Timestamp>>) {
        self.with(|queue, _| queue.set_schedule(link, closed));
    }

    /// What became of a message in flight.
    pub fn complete(&self, id: MessageId, results: Vec<(u32, Outcome)>) {
        // It may be an answer of an association that was given up long ago.
        self.with_message(id, |queue, now| queue.complete(id, results, now));
    }

    /// A hop could not be reached or broke; what was in flight waits again.
    pub fn hop_failed(&self, hop: &NextHop, error: &str) {
        self.with(|queue, now| queue.hop_failed(hop, error.to_owned(), now));
    }

    /// An association was released in order; what comes later opens another.
    pub fn hop_closed(&self, hop: &NextHop) {
        self.with(|queue, now| queue.hop_closed(hop, now));
    }

    /// A hop answers.
    pub fn hop_up(&self, hop: &NextHop) {
        self.with(|queue, now| queue.hop_up(hop, now));
    }

    /// Tries a hop at once, whatever its delay.
    pub fn wake(&self, hop: &NextHop) {
        self.with(|queue, now| queue.wake(hop, now));
    }

    /// Sends one recipient that waits another way.
    pub fn reroute(&self, id: MessageId, number: u32, hop: NextHop) {
        let taken =
            self.with_message(id, |queue, now| queue.set_next_hop(id, &[number], &hop, now));
        // The message was deleted meanwhile: nothing is left to send.
        drop(taken);
    }

    /// Hands in the report for recipients that failed; `None` where none is wanted.
    pub fn report_created(&self, id: MessageId, recipients: &[u32], report: Option<NewMessage>) {
        let taken = self.with(|queue, now| queue.report_created(id, recipients, report, now));
        // The message was deleted meanwhile: nothing is left to report about.
        drop(taken);
    }

    /// Removes a message without a report, as an administrator asks.
    ///
    /// # Errors
    /// There is no such message.
    pub fn delete(&self, id: MessageId) -> Result<(), QueueError> {
        self.with_message(id, |queue, now| queue.delete(id, now))
    }

    /// Tries a message at once.
    ///
    /// # Errors
    /// There is no such message.
    pub fn retry(&self, id: MessageId) -> Result<(), QueueError> {
        self.with_message(id, |queue, now| queue.retry(id, now))
    }

    /// When a message of this priority comes back.
    #[must_use]
    pub fn expires(&self, priority: Priority, submitted: Timestamp) -> Timestamp {
        self.view(|queue, _| queue.expires(priority, submitted))
    }

    /// Runs `look` on the engine without changing it.
    pub fn view<R>(&self, look: impl FnOnce(&Queue, Timestamp) -> R) -> R {
        look(&self.lock().queue, self.shared.clock.now())
    }

    /// The rules of the queue changed.
    pub fn set_config(&self, config: QueueConfig) {
        self.with(|queue, _| queue.set_config(config));
    }

    /// Rings when a hop has work and may be tried.
    #[must_use]
    pub fn ready(&self, hop: &NextHop) -> Arc<Notify> {
        Arc::clone(self.lock().ready.entry(hop.clone()).or_default())
    }

    /// The next hops of connectors that have work, for the one task that serves them.
    #[must_use]
    pub fn take_outgoing(&self) -> Option<mpsc::UnboundedReceiver<NextHop>> {
        self.shared.outgoing_orders.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Asks for one more connection of a connector's next hop.
    pub fn want_outgoing(&self, hop: &NextHop) {
        let _ = self.shared.outgoing.send(hop.clone());
    }

    /// Counts one more try of a way for a recipient; gives the tries of all ways.
    #[must_use]
    pub fn note_try(&self, id: MessageId, number: u32, link: &str) -> Vec<(String, u32)> {
        let mut tries = self.tries();
        let of_message = tries.entry(id).or_default();
        match of_message.iter_mut().find(|(of, name, _)| *of == number && name == link) {
            Some((_, _, count)) => *count = count.saturating_add(1),
            None => of_message.push((number, link.to_owned(), 1)),
        }
        let own = of_message.iter().filter(|(of, ..)| *of == number);
        own.map(|(_, name, count)| (name.clone(), *count)).collect()
    }

    /// The ways that were tried in vain for these recipients of a message.
    #[must_use]
    pub fn tried(&self, id: MessageId, numbers: &[u32]) -> Vec<String> {
        let tries = self.tries();
        let of_message = tries.get(&id).map_or(&[][..], Vec::as_slice);
        let own = of_message.iter().filter(|(number, ..)| numbers.contains(number));
        own.map(|(_, name, _)| name.clone()).collect()
    }

    fn tries(&self) -> MutexGuard<'_, Tries> {
        self.shared.tries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A message as it was read at its acceptance, if it is still in memory; else see [`MailQueue::open_message`].
    #[must_use]
    pub fn opened(&self, id: MessageId) -> Option<Arc<Opened>> {
        self.shared.shelf.get(id)
    }

    /// A message, in memory or read from the store: this may wait for the disk.
    ///
    /// # Errors
    /// In words, for the queue: it is no message or probe, or cannot be read.
    pub fn open_message(&self, id: MessageId) -> Result<Arc<Opened>, String> {
        self.shared.shelf.open(&self.shared.store, id)
    }

    /// The store under the queue.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.shared.store
    }

    fn lock(&self) -> MutexGuard<'_, Engine> {
        self.shared.engine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with<R>(&self, input: impl FnOnce(&mut Queue, Timestamp) -> R) -> R {
        let result = input(&mut self.lock().queue, self.shared.clock.now());
        self.perform();
        result
    }

    /// [`MailQueue::with`] on a message that may be in the store alone.
    fn with_message<R>(&self, id: MessageId, input: impl FnOnce(&mut Queue, Timestamp) -> R) -> R {
        self.with(|queue, now| {
            if !queue.is_loaded(id)
                // What cannot be read is told when its hop is served.
                && let Ok(Some(record)) = self.shared.store.message(id)
            {
                queue.bring(record, now);
            }
            input(queue, now)
        })
    }

    /// The record of a message, in memory or in the store alone.
    #[must_use]
    pub fn record(&self, id: MessageId) -> Option<MessageRecord> {
        let engine = self.lock();
        engine.queue.record(id).or_else(|| self.shared.store.message(id).ok().flatten())
    }

    /// The messages that the filter lets through: by number, or for one hop by urgency and age, those that wait last.
    /// What is on its way to the disk is not among them.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn messages(&self, filter: &MessageFilter) -> Result<Vec<MessageView>, StoreError> {
        if let Some(id) = filter.id {
            return Ok(self.view_of(self.shared.store.message(id)?).into_iter().collect());
        }
        let limit = filter.limit.unwrap_or(usize::MAX);
        let mut after = match filter.after {
            Some(id) => self.shared.store.message(id)?,
            None => None,
        };
        let mut after_id = filter.after;
        let mut found = Vec::new();
        while found.len() < limit {
            let wanted = (limit - found.len()).clamp(1, PAGE);
            let page = match &filter.next_hop {
                Some(hop) => self.shared.store.messages_for(hop, after.as_ref(), wanted)?,
                None => self.shared.store.messages(after_id, wanted)?,
            };
            let ended = page.len() < wanted;
            after = page.last().cloned();
            after_id = after.as_ref().map(|record| record.head.id);
            let views = page.into_iter().filter_map(|record| self.view_of(Some(record)));
            found.extend(views.filter(|view| filter.takes(view)));
            if ended {
                break;
            }
        }
        found.truncate(limit);
        Ok(found)
    }

    /// As the queue sees it, if it is there at all: the store may be a moment behind.
    fn view_of(&self, record: Option<MessageRecord>) -> Option<MessageView> {
        let record = record?;
        let engine = self.lock();
        if engine.queue.is_loaded(record.head.id) {
            return engine.queue.message(record.head.id);
        }
        // It may have gone since it was read.
        let there = self.shared.store.message(record.head.id).ok().flatten()?;
        Some(engine.queue.view_of(there, self.shared.clock.now()))
    }

    /// Reads what the engine asks for, while nobody else can change it.
    fn load(&self, load: &Load) {
        let mut engine = self.lock();
        let now = self.shared.clock.now();
        let queue = &mut engine.queue;
        let damaged = |error: StoreError| {
            eprintln!("a message is left out, `bindback check` says more: {}", net::chain(&error));
            Ok(())
        };
        match self.shared.store.load(load, |id| queue.is_loaded(id), damaged) {
            Ok(loaded) => queue.loaded(load, loaded, now),
            Err(error) => {
                eprintln!("waiting messages cannot be read: {}", net::chain(&error));
                queue.load_failed(load, now);
            }
        }
    }

    /// Performs what an input brought about, and wakes the timers if something is due earlier than they know.
    fn perform(&self) {
        loop {
            // The lock is let go before an action is performed: a commit may answer at once.
            let (action, earlier) = {
                let mut engine = self.lock();
                let action = engine.queue.poll_action();
                let earlier = action.is_none() && engine.is_due_earlier();
                (action, earlier)
            };
            match action {
                Some(action) => self.perform_one(action),
                None => {
                    if earlier {
                        self.shared.timer.notify_one();
                    }
                    break;
                }
            }
        }
    }

    fn perform_one(&self, action: Action) {
        match action {
            Action::Commit { batch, writes, steps, haste } => {
                let queue = self.clone();
                self.shared.store.commit_with(writes, steps, haste, move |result| {
                    queue.committed(batch, result)
                });
            }
            Action::Accepted { ticket } => self.answer(ticket, Ok(())),
            Action::Refused { ticket, error } => self.answer(ticket, Err(error)),
            Action::Ready { hop: hop @ (NextHop::Connector(_) | NextHop::Domain { .. }) } => {
                // The receiver lives as long as the server; a stopping one sends after restart.
                let _ = self.shared.outgoing.send(hop);
            }
            Action::Ready { hop } => self.ready(&hop).notify_one(),
            Action::ReportNeeded { id, failures } => {
                // The receiver lives as long as the server; a stopping one reports after restart.
                let _ = self.shared.reports.send(ReportOrder { id, failures });
            }
            notice @ (Action::RetriesUsedUp { .. }
            | Action::Delayed { .. }
            | Action::DeferralBegan { .. }
            | Action::DeferralEnded { .. }
            | Action::SetAside { .. }) => {
                // The same holds for these.
                let _ = self.shared.notices.send(notice);
            }
            Action::Load(load) => self.load(&load),
            Action::ReportDiscarded { .. } => {}
            Action::Finished { id } => {
                self.shared.shelf.remove(id);
                self.tries().remove(&id);
            }
        }
    }

    fn committed(&self, batch: BatchId, result: Result<(), StoreError>) {
        self.with(|queue, now| match result {
            Ok(()) => queue.handle_durable(batch, now),
            Err(error) => queue.handle_failed(batch, error.to_string(), now),
        });
    }

    fn answer(&self, ticket: Ticket, result: Result<(), String>) {
        if let Some(answer) = self.lock().waiting.remove(&ticket) {
            let _ = answer.send(result);
        }
    }
}

impl Engine {
    /// Notes until when the timers sleep from now on.
    fn arm(&mut self) -> Option<Timestamp> {
        self.armed = self.queue.next_timeout();
        self.armed
    }

    /// Whether the timers sleep too long.
    fn is_due_earlier(&self) -> bool {
        let due = self.queue.next_timeout();
        due.is_some_and(|due| self.armed.is_none_or(|armed| due < armed))
    }

    fn is_taken(&self, store: &Store, key: &str) -> Result<bool, StoreError> {
        if self.queue.is_committing(key) { Ok(true) } else { store.seen(key) }
    }

    fn all_taken(&self, store: &Store, keys: &[String]) -> Result<bool, StoreError> {
        for key in keys {
            if !self.is_taken(store, key)? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// The numbers of a server that starts now begin above those of every earlier start, whatever
/// became of its store: peers remember MTS identifiers, and would take a number that a new or a
/// restored store gave out again for a repetition of mail that they have.
fn numbers_from(now: Timestamp) -> MessageId {
    let since_1970 = u64::try_from(now.as_millisecond()).unwrap_or(0);
    // Room for a million messages in each millisecond, until the year 2527.
    MessageId::from_number(since_1970 << 20)
}

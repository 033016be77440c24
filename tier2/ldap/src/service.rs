//! The worker that has the connection: opened when it is needed, opened again when it broke, watched in between.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use directory::Change;
use identity::{AccountName, Sid};
use tokio::runtime::Runtime;

use crate::account::{self, DomainAccount};
use crate::connection::{Connection, READING};
use crate::error::LdapError;
use crate::place::Place;
use crate::tree::{Found, Tree};

/// Orders that wait; more than one asker at a time is rare, and one too many is told at once.
const ORDERS: usize = 64;
/// Whoever asks for an account waits no longer: something is known of it, or it can be shown without its name.
const LOOKING: Duration = Duration::from_secs(5);
/// An order may take so many answers of the server.
const ANSWERS: u32 = 6;

type Answer<T> = SyncSender<Result<T, LdapError>>;

enum Order {
    Read(Answer<Found>),
    Apply(Vec<Change>, Answer<Found>),
    Name(AccountName, Answer<Option<DomainAccount>>),
    Sid(Sid, Answer<Option<DomainAccount>>),
}

/// What the connection is like.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Status {
    /// Why there is none, while there is none.
    pub trouble: Option<String>,
    /// What could not be understood of what was read last.
    pub faults: Vec<String>,
}

/// The directory in LDAP; clones share the one connection.
#[derive(Clone)]
pub struct Service {
    orders: SyncSender<Order>,
    shared: Arc<Shared>,
    host: String,
    patience: Duration,
}

#[derive(Default)]
struct Shared {
    status: Mutex<Status>,
    /// What was read since somebody asked.
    fresh: Mutex<Option<Found>>,
    /// Somebody waited in vain, and the worker has done nothing since.
    stuck: AtomicBool,
}

impl Service {
    /// Starts the worker; it ends when the last clone is gone.
    ///
    /// # Errors
    /// The system gives no thread or no runtime.
    pub fn start(place: Place) -> std::io::Result<Self> {
        let (orders, incoming) = sync_channel(ORDERS);
        let shared = Arc::new(Shared::default());
        let (host, patience) = (place.host.clone(), place.patience);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let worker = Worker { place, runtime, shared: Arc::clone(&shared), line: None };
        std::thread::Builder::new().name("ldap".to_owned()).spawn(move || worker.run(&incoming))?;
        Ok(Self { orders, shared, host, patience })
    }

    /// Reads the directory anew.
    ///
    /// # Errors
    /// It cannot be reached or read.
    pub fn read(&self) -> Result<Found, LdapError> {
        self.ask(READING, Order::Read)
    }

    /// Writes changes; gives the directory as it is after them.
    ///
    /// # Errors
    /// One is refused; those before it stand.
    pub fn apply(&self, changes: &[Change]) -> Result<Found, LdapError> {
        let one = self.patience * ANSWERS;
        let all = one.saturating_mul(u32::try_from(changes.len()).unwrap_or(u32::MAX)).min(READING);
        let changes = changes.to_vec();
        self.ask(all.max(one), |answer| Order::Apply(changes, answer))
    }

    /// An account of the domain.
    ///
    /// # Errors
    /// It cannot be asked for.
    pub fn account(&self, name: &AccountName) -> Result<Option<DomainAccount>, LdapError> {
        let name = name.clone();
        self.look(|answer| Order::Name(name, answer))
    }

    /// The account or group of the domain that has this identifier.
    ///
    /// # Errors
    /// It cannot be asked for.
    pub fn account_of(&self, sid: &Sid) -> Result<Option<DomainAccount>, LdapError> {
        let sid = sid.clone();
        self.look(|answer| Order::Sid(sid, answer))
    }

    /// What the worker saw change since this was asked last.
    #[must_use]
    pub fn changed(&self) -> Option<Found> {
        lock(&self.shared.fresh).take()
    }

    /// How it stands.
    #[must_use]
    pub fn status(&self) -> Status {
        lock(&self.shared.status).clone()
    }

    /// Asks for little; while the worker is held up by the server nobody waits for it again and again.
    fn look<T>(&self, order: impl FnOnce(Answer<T>) -> Order) -> Result<T, LdapError> {
        if self.shared.stuck.load(Ordering::Acquire) {
            return Err(LdapError::NoAnswer { host: self.host.clone(), seconds: 0 });
        }
        let found = self.ask(LOOKING, order);
        if matches!(found, Err(LdapError::NoAnswer { .. })) {
            self.shared.stuck.store(true, Ordering::Release);
        }
        found
    }

    fn ask<T>(
        &self,
        limit: Duration,
        order: impl FnOnce(Answer<T>) -> Order,
    ) -> Result<T, LdapError> {
        let (answer, answered) = sync_channel(1);
        let gone = || LdapError::NoAnswer { host: self.host.clone(), seconds: limit.as_secs() };
        self.orders.try_send(order(answer)).map_err(|error| match error {
            TrySendError::Full(_) => LdapError::Busy { host: self.host.clone(), waiting: ORDERS },
            TrySendError::Disconnected(_) => gone(),
        })?;
        answered.recv_timeout(limit).map_err(|_| gone())?
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Line {
    connection: Connection,
    tree: Tree,
    domain: Option<String>,
}

struct Worker {
    place: Place,
    runtime: Runtime,
    shared: Arc<Shared>,
    line: Option<Line>,
}

impl Worker {
    fn run(mut self, orders: &Receiver<Order>) {
        let mut next = Instant::now() + self.place.poll;
        loop {
            match orders.recv_timeout(next.saturating_duration_since(Instant::now())) {
                Ok(order) => {
                    self.follow(order);
                    self.went_on();
                }
                Err(RecvTimeoutError::Timeout) => {
                    self.watch();
                    self.went_on();
                    next = Instant::now() + self.place.poll;
                }
                Err(RecvTimeoutError::Disconnected) => {
                    if let Some(line) = self.line.take() {
                        line.connection.close();
                    }
                    return;
                }
            }
        }
    }

    fn follow(&mut self, order: Order) {
        // Whoever gave up waiting needs no answer.
        match order {
            Order::Read(answer) => drop(answer.send(self.read())),
            Order::Apply(changes, answer) => drop(answer.send(self.apply(&changes))),
            Order::Name(name, answer) => drop(answer.send(self.with(|line, place| {
                let Some(domain) = &line.domain else { return Ok(None) };
                if !name.domain().eq_ignore_ascii_case(domain) {
                    return Ok(None);
                }
                account::by_name(&mut line.connection, &place.base, domain, name.name(), now_ms())
            }))),
            Order::Sid(sid, answer) => drop(answer.send(self.with(|line, place| {
                let Some(domain) = &line.domain else { return Ok(None) };
                account::by_sid(&mut line.connection, &place.base, domain, &sid, now_ms())
            }))),
        }
    }

    fn read(&mut self) -> Result<Found, LdapError> {
        let read = self.with(|line, place| {
            line.tree = Tree::load(&mut line.connection, &place.base)?;
            line.tree.found()
        });
        self.note(read.as_ref().err());
        read
    }

    fn apply(&mut self, changes: &[Change]) -> Result<Found, LdapError> {
        let applied = self.with(|line, _| {
            let applied = line.tree.apply(&mut line.connection, changes);
            // What was written before one was refused stands, too.
            line.tree.poll(&mut line.connection)?;
            applied?;
            line.tree.found()
        });
        // A change that is refused is no trouble of the connection.
        if applied.is_ok() {
            self.note(None);
        }
        applied
    }

    fn watch(&mut self) {
        let seen = self.with(|line, _| {
            let changed = line.tree.poll(&mut line.connection)?;
            changed.then(|| line.tree.found()).transpose()
        });
        self.note(seen.as_ref().err());
        if let Ok(Some(found)) = seen {
            *lock(&self.shared.fresh) = Some(found);
        }
    }

    /// Does work on the connection; one that broke is opened again the next time. What keeps the directory from being read stays
    /// noted until it is read again.
    fn with<T>(
        &mut self,
        work: impl FnOnce(&mut Line, &Place) -> Result<T, LdapError>,
    ) -> Result<T, LdapError> {
        let mut line = self.open().inspect_err(|error| self.note(Some(error)))?;
        let outcome = work(&mut line, &self.place);
        if outcome.as_ref().err().is_none_or(LdapError::leaves_connection) {
            lock(&self.shared.status).faults = line.tree.faults();
            self.line = Some(line);
        }
        if let Err(error) = &outcome
            && !error.leaves_connection()
        {
            self.note(Some(error));
        }
        outcome
    }

    /// What it was held up by is over.
    fn went_on(&self) {
        self.shared.stuck.store(false, Ordering::Release);
    }

    fn note(&self, trouble: Option<&LdapError>) {
        lock(&self.shared.status).trouble = trouble.map(|error| net::chain(error));
    }

    fn open(&mut self) -> Result<Line, LdapError> {
        if let Some(line) = self.line.take() {
            return Ok(line);
        }
        let mut connection = Connection::open(&self.place, &self.runtime)?;
        let tree = Tree::load(&mut connection, &self.place.base)?;
        let domain = account::domain(&mut connection, &self.place.base)?;
        // What changed while there was no connection.
        *lock(&self.shared.fresh) = tree.found().ok();
        Ok(Line { connection, tree, domain })
    }
}

fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

//! What all parts of a running server share.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use config::{Config, Peer};
use event::Draft;
use identity::{AccountName, Password};
use mta::{Ltab, rpc_interface::AssociationToken};
use net::{Dialer, Resolver};
use queue::NextHop;
use security::ntlm::{NtlmCredentials, NtlmInitiator, NtlmSecret, NtlmSeed, ReflectionGuard};
use security::{FileTime, Initiator};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, oneshot, watch};

use crate::account_table::AccountTable;
use crate::blocking::blocking;
use crate::event_log::EventLog;
use crate::link::BoundBack;
use crate::mail_queue::MailQueue;
use crate::peer_state::PeerHistories;
use crate::processing::Processing;
use crate::smtp_limits::Limits;
use crate::{route_table, x400_link};

/// Bind-backs to one peer at the same time. A peer opens one association after the other, so that more than one is a
/// sign of calls that it gave up; without a limit an authenticated peer could make this server open connections
/// without end.
pub const MAX_BIND_BACKS: usize = 4;

/// The first row of the associations over TCP: far above those of the locality table.
const X400_FIRST: u32 = 100_001;
/// Rows of the associations over TCP; the listener lets in fewer.
const X400_ROWS: usize = 10_000;

/// A bind that this server made and whose bind-back it waits for.
pub struct ExpectedBindBack {
    pub peer: String,
    pub bound: oneshot::Sender<BoundBack>,
}

/// The shared state of a running server.
pub struct Node {
    config: RwLock<Arc<Config>>,
    routes: RwLock<Arc<routing::Table>>,
    pub resolver: Resolver,
    pub accounts: AccountTable,
    pub events: EventLog,
    pub queue: MailQueue,
    pub processing: Arc<Processing>,
    pub limits: Arc<Limits>,
    pub histories: PeerHistories,
    pub reflection: ReflectionGuard,
    ltab: Mutex<Ltab>,
    x400_table: Mutex<Ltab>,
    /// What associations over TCP remember of each other.
    pub x400: x400_link::Memory,
    expected: Mutex<HashMap<AssociationToken, ExpectedBindBack>>,
    greetings: Mutex<HashMap<String, Arc<Notify>>>,
    bind_backs: Mutex<HashMap<String, Arc<Semaphore>>>,
    rpc_port: AtomicU16,
    stopping: watch::Sender<bool>,
}

impl Node {
    /// Joins the parts.
    ///
    /// # Errors
    /// The configuration's domains contradict each other.
    pub fn new(
        config: Config,
        accounts: AccountTable,
        events: EventLog,
        queue: MailQueue,
        histories: PeerHistories,
        processing: Processing,
    ) -> Result<Self, routing::TableError> {
        let routes = route_table::build(&config)?;
        Ok(Self {
            resolver: Resolver::new(&config.hosts),
            ltab: Mutex::new(Ltab::new(config.rpc.ltab_limit)),
            x400_table: Mutex::new(Ltab::numbered_from(X400_FIRST, X400_ROWS)),
            x400: x400_link::Memory::default(),
            config: RwLock::new(Arc::new(config)),
            routes: RwLock::new(Arc::new(routes)),
            accounts,
            events,
            queue,
            processing: Arc::new(processing),
            limits: Arc::default(),
            histories,
            reflection: ReflectionGuard::new(),
            expected: Mutex::default(),
            greetings: Mutex::default(),
            bind_backs: Mutex::default(),
            rpc_port: AtomicU16::new(0),
            stopping: watch::channel(false).0,
        })
    }

    /// The configuration in force.
    #[must_use]
    pub fn config(&self) -> Arc<Config> {
        Arc::clone(&self.config.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The routing table in force.
    #[must_use]
    pub fn routes(&self) -> Arc<routing::Table> {
        Arc::clone(&self.routes.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The table with what is known of its ways.
    pub fn router<'a>(&'a self, table: &'a routing::Table) -> routing::Router<'a> {
        routing::Router::new(table, &self.queue)
    }

    /// Puts a changed configuration in force: names, networks, peers, routes, queue rules.
    ///
    /// # Errors
    /// The new one's domains contradict each other; the old one stays.
    pub fn replace_config(&self, config: Config) -> Result<(), routing::TableError> {
        let routes = route_table::build(&config)?;
        self.resolver.replace_hosts(&config.hosts);
        self.queue.set_config(crate::settings::queue_config(&config));
        *self.routes.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(routes);
        *self.config.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(config);
        // What waits goes where the new routes send it, at once.
        crate::supervise::follow_routes(self);
        Ok(())
    }

    /// Logs an event.
    pub fn log(&self, draft: Draft) {
        self.events.log(draft);
    }

    /// The locality table.
    pub fn ltab(&self) -> MutexGuard<'_, Ltab> {
        self.ltab.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The table of associations over TCP, which do not count in the locality table.
    pub fn x400_table(&self) -> MutexGuard<'_, Ltab> {
        self.x400_table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The binds of this server that wait for their bind-back.
    pub fn expected(&self) -> MutexGuard<'_, HashMap<AssociationToken, ExpectedBindBack>> {
        self.expected.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The right to bind back to a configured peer once more; `None` while [`MAX_BIND_BACKS`] of
    /// them are under way. It ends when it is dropped.
    #[must_use]
    pub fn bind_back_slot(&self, peer: &str) -> Option<OwnedSemaphorePermit> {
        let mut bind_backs = self.bind_backs.lock().unwrap_or_else(PoisonError::into_inner);
        let slots = bind_backs
            .entry(identity::upcase(peer))
            .or_insert_with(|| Arc::new(Semaphore::new(MAX_BIND_BACKS)));
        Arc::clone(slots).try_acquire_owned().ok()
    }

    /// Opens RPC connections with this server's deadlines.
    #[must_use]
    pub fn dialer(&self) -> Dialer {
        let config = self.config();
        Dialer {
            resolver: self.resolver.clone(),
            connect_timeout: config.rpc.connect_timeout,
            call_timeout: config.rpc.call_timeout,
        }
    }

    /// The account that this server proves itself with towards a peer, and its password.
    ///
    /// # Errors
    /// The password file cannot be read.
    pub async fn credentials_for(
        &self,
        peer: &Peer,
    ) -> Result<(AccountName, Password), config::SecretError> {
        let config = self.config();
        let (account, file) = match &peer.override_account {
            Some(over) => (over.account.clone(), over.password_file.clone()),
            None => (config.rpc.account.clone(), config.rpc.password_file.clone()),
        };
        Ok((account, blocking(move || config::read_secret(&file)).await?))
    }

    /// The security exchange of one bind as `account`.
    #[must_use]
    pub fn initiator(&self, account: &AccountName, password: &Password) -> Box<dyn Initiator> {
        let config = self.config();
        let credentials = NtlmCredentials {
            account: account.clone(),
            secret: NtlmSecret::Password(password.clone()),
            workstation: config.server.name.clone(),
        };
        let seed = NtlmSeed {
            client_challenge: random(),
            exported_session_key: random(),
            now: filetime_now(),
        };
        let initiator = NtlmInitiator::new(credentials, seed, None)
            .with_reflection_guard(self.reflection.clone())
            .with_own_name(config.server.name.clone());
        Box::new(initiator)
    }

    /// The TCP port that the MTA's interface listens on.
    #[must_use]
    pub fn rpc_port(&self) -> u16 {
        self.rpc_port.load(Ordering::Relaxed)
    }

    /// The listener stands on this port.
    pub fn set_rpc_port(&self, port: u16) {
        self.rpc_port.store(port, Ordering::Relaxed);
    }

    /// Rings when a peer is to be called although no mail waits for it.
    #[must_use]
    pub fn greeting(&self, peer: &str) -> Arc<Notify> {
        let mut greetings = self.greetings.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(greetings.entry(peer.to_uppercase()).or_default())
    }

    /// Tries a peer at once, mail or not: something may have been put right.
    pub fn wake_peer(&self, peer: &str) {
        self.queue.wake(&NextHop::Peer(peer.to_owned()));
        self.greeting(peer).notify_one();
    }

    /// Tries every peer at once.
    pub fn wake_all_peers(&self) {
        let config = self.config();
        for peer in &config.peers {
            self.wake_peer(&peer.name);
        }
        for connector in &config.x400 {
            self.wake_peer(&connector.name);
        }
    }

    /// The peer whose account this is.
    #[must_use]
    pub fn peer_of_account(&self, account: &AccountName) -> Option<Peer> {
        self.config().peers.iter().find(|peer| peer.account.matches(account)).cloned()
    }

    /// Begins the stop: listeners close, associations are released.
    pub fn stop(&self) {
        self.stopping.send_replace(true);
    }

    /// True once the server is stopping.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        *self.stopping.borrow()
    }

    /// Returns once the server is stopping.
    pub async fn stopped(&self) {
        let mut stopping = self.stopping.subscribe();
        // An error means that the node is gone, which is a stop too.
        let _ = stopping.wait_for(|stopping| *stopping).await;
    }
}

/// Octets from the system's random source.
///
/// # Panics
/// When the system has no random source: no challenge, key or token could be made.
#[must_use]
pub fn random<const N: usize>() -> [u8; N] {
    let mut octets = [0; N];
    #[expect(clippy::expect_used, reason = "without randomness nothing here is secure")]
    getrandom::fill(&mut octets).expect("the system's random source");
    octets
}

/// Now, in the 100 ns ticks since 1601 that NTLM counts.
#[must_use]
pub fn filetime_now() -> FileTime {
    FileTime::from_unix_ms(jiff::Timestamp::now().as_millisecond())
}

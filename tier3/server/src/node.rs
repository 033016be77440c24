//! What all parts of a running server share.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};
use std::time::{Duration, Instant};

use config::{Config, Peer, PeerAuth};
use diagnosis::Watch;
use event::Draft;
use identity::{AccountName, Password};
use jiff::SignedDuration;
use mta::{Ltab, rpc_interface::AssociationToken};
use net::{Dialer, MailResolver, Resolver};
use queue::NextHop;
use security::FileTime;
use security::ntlm::{OldNtlm, ReflectionGuard};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, oneshot, watch};
use winbind::Winbind;

use crate::account_table::AccountTable;
use crate::addresses::CutOff;
use crate::blocking::blocking;
use crate::dial_up::DialUps;
use crate::directory_table::DirectoryTable;
use crate::event_log::EventLog;
use crate::failed_logons::FailedLogons;
use crate::link::BoundBack;
use crate::mail_queue::MailQueue;
use crate::pace::Pace;
use crate::peer_state::PeerHistories;
use crate::processing::Processing;
use crate::recipients::Recipients;
use crate::reroute::Rounds;
use crate::resources::Resources;
use crate::smtp_limits::Limits;
use crate::{route_table, x400_link};

/// Bind-backs to one peer at the same time. A peer opens one association after the other, so that more than one is a
/// sign of calls that it gave up; without a limit an authenticated peer could make this server open connections
/// without end.
pub const MAX_BIND_BACKS: usize = 4;
/// Bind-backs to one peer in a row, and the time for each further one: a peer opens an association when mail waits, when
/// it was started, or when something was put right there.
const BIND_BACK_BURST: u32 = 60;
const BIND_BACK_PACE: Duration = Duration::from_secs(1);

/// How long winbind may take for a logon: less than a caller waits for its bind.
const WINBIND_PATIENCE: Duration = Duration::from_secs(20);

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
    ways: RwLock<Ways>,
    pub resolver: Resolver,
    mail_resolver: RwLock<MailResolver>,
    pub accounts: AccountTable,
    pub directory: DirectoryTable,
    pub events: EventLog,
    pub queue: MailQueue,
    pub processing: Arc<Processing>,
    pub limits: Arc<Limits>,
    pub resources: Resources,
    /// How far the mail of failing next hops was looked at for another way.
    pub reroutes: Rounds,
    pub histories: PeerHistories,
    pub reflection: ReflectionGuard,
    /// The old implementation that this server stands in for, in the laboratory alone.
    pub old_ntlm: OnceLock<OldNtlm>,
    pub winbind: Winbind,
    /// Callers that `rpc.allow` does not let in.
    pub cut_off: CutOff,
    /// The lines of dial-up connectors.
    pub dial_ups: DialUps,
    failed_logons: Mutex<FailedLogons>,
    watch: Mutex<Watch>,
    bind_back_pace: Mutex<Pace>,
    kerberos: Option<Arc<kerberos::Service>>,
    ltab: Mutex<Ltab>,
    x400_table: Mutex<Ltab>,
    /// What associations over TCP remember of each other.
    pub x400: x400_link::Memory,
    expected: Mutex<HashMap<AssociationToken, ExpectedBindBack>>,
    greetings: Mutex<HashMap<String, Arc<Notify>>>,
    bind_backs: Mutex<HashMap<String, Arc<Semaphore>>>,
    rpc_port: AtomicU16,
    stopping: watch::Sender<bool>,
    /// Counts what may have changed who may do what.
    changes: watch::Sender<u64>,
}

/// The routing table, and the recipients in it, as of one version of the directory.
#[derive(Clone)]
struct Ways {
    version: u64,
    routes: Arc<routing::Table>,
    recipients: Arc<Recipients>,
}

impl Ways {
    fn new(config: &Config, directory: &DirectoryTable) -> Result<Self, routing::TableError> {
        // Read first: what changes meanwhile is made anew by whoever asks next.
        let version = directory.version();
        let recipients = directory.with_site(|site| Recipients::of(site, config));
        let routes = Arc::new(route_table::build(config, &recipients)?);
        Ok(Self { version, routes, recipients: Arc::new(recipients) })
    }
}

impl Node {
    /// Joins the parts.
    ///
    /// # Errors
    /// The configuration's domains contradict each other.
    pub fn new(
        config: Config,
        (accounts, directory): (AccountTable, DirectoryTable),
        events: EventLog,
        queue: MailQueue,
        histories: PeerHistories,
        processing: Processing,
    ) -> Result<Self, routing::TableError> {
        let ways = Ways::new(&config, &directory)?;
        let resolver = Resolver::new(&config.hosts);
        let watch = Watch::new(&config.server.name, SignedDuration::ZERO);
        let winbind = Winbind::new(&config.rpc.ntlm_auth, WINBIND_PATIENCE);
        Ok(Self {
            mail_resolver: RwLock::new(MailResolver::new(resolver.clone(), &config.smtp.dns)),
            resolver,
            ltab: Mutex::new(Ltab::new(config.rpc.ltab_limit)),
            x400_table: Mutex::new(Ltab::numbered_from(X400_FIRST, X400_ROWS)),
            x400: x400_link::Memory::open(&config.server.data_dir, &config.x400),
            config: RwLock::new(Arc::new(config)),
            ways: RwLock::new(ways),
            accounts,
            directory,
            events,
            queue,
            processing: Arc::new(processing),
            limits: Arc::default(),
            resources: Resources::default(),
            reroutes: Rounds::default(),
            histories,
            reflection: ReflectionGuard::new(),
            old_ntlm: OnceLock::new(),
            winbind,
            cut_off: CutOff::default(),
            dial_ups: DialUps::default(),
            failed_logons: Mutex::default(),
            watch: Mutex::new(watch),
            bind_back_pace: Mutex::new(Pace::new(BIND_BACK_BURST, BIND_BACK_PACE)),
            kerberos: None,
            expected: Mutex::default(),
            greetings: Mutex::default(),
            bind_backs: Mutex::default(),
            rpc_port: AtomicU16::new(0),
            stopping: watch::channel(false).0,
            changes: watch::channel(0).0,
        })
    }

    /// Lets peers log on with Kerberos.
    #[must_use]
    pub fn with_kerberos(mut self, service: Option<Arc<kerberos::Service>>) -> Self {
        self.kerberos = service;
        self
    }

    /// The keys that peers log on with by Kerberos.
    #[must_use]
    pub fn kerberos(&self) -> Option<Arc<kerberos::Service>> {
        self.kerberos.clone()
    }

    /// The keys that the keytab has of an account of this server's own, best first.
    #[must_use]
    pub fn keys_of(&self, account: &AccountName) -> Vec<kerberos::Key> {
        let config = self.config();
        let (Some(service), Some(kerberos)) = (&self.kerberos, &config.rpc.kerberos) else {
            return Vec::new();
        };
        let client = kerberos::Principal::account(account.name(), &kerberos.realm);
        service.keytab().keys_of(&client)
    }

    /// The configuration in force.
    #[must_use]
    pub fn config(&self) -> Arc<Config> {
        Arc::clone(&self.config.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The routing table in force.
    #[must_use]
    pub fn routes(&self) -> Arc<routing::Table> {
        self.ways().routes
    }

    /// The recipients of the directory that mail does not simply end at.
    #[must_use]
    pub fn recipients(&self) -> Arc<Recipients> {
        self.ways().recipients
    }

    /// What configuration and directory say; made anew where the directory changed since.
    fn ways(&self) -> Ways {
        let version = self.directory.version();
        let known = self.ways.read().unwrap_or_else(PoisonError::into_inner).clone();
        if known.version >= version {
            return known;
        }
        // The configuration in force was good before; the directory cannot contradict it.
        let Ok(fresh) = Ways::new(&self.config(), &self.directory) else { return known };
        *self.ways.write().unwrap_or_else(PoisonError::into_inner) = fresh.clone();
        fresh
    }

    /// The table with what is known of its ways.
    pub fn router<'a>(&'a self, table: &'a routing::Table) -> routing::Router<'a> {
        routing::Router::new(table, &self.queue)
    }

    /// Finds the hosts of mail domains.
    #[must_use]
    pub fn mail_resolver(&self) -> MailResolver {
        self.mail_resolver.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Puts a changed configuration in force: names, networks, peers, routes, queue rules.
    ///
    /// # Errors
    /// The new one's domains contradict each other; the old one stays.
    pub fn replace_config(&self, config: Config) -> Result<(), routing::TableError> {
        let ways = Ways::new(&config, &self.directory)?;
        self.resolver.replace_hosts(&config.hosts);
        self.accounts.replace_rules(&config);
        self.queue.set_config(crate::settings::queue_config(&config));
        if config.smtp.dns != self.config().smtp.dns {
            let fresh = MailResolver::new(self.resolver.clone(), &config.smtp.dns);
            *self.mail_resolver.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        }
        *self.config.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(config);
        *self.ways.write().unwrap_or_else(PoisonError::into_inner) = ways;
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
    /// them are under way, or there were too many just now. It ends when it is dropped.
    #[must_use]
    pub fn bind_back_slot(&self, peer: &str) -> Option<OwnedSemaphorePermit> {
        let name = identity::upcase(peer);
        let mut pace = self.bind_back_pace.lock().unwrap_or_else(PoisonError::into_inner);
        let mut bind_backs = self.bind_backs.lock().unwrap_or_else(PoisonError::into_inner);
        let slots = bind_backs
            .entry(name.clone())
            .or_insert_with(|| Arc::new(Semaphore::new(MAX_BIND_BACKS)));
        let slot = Arc::clone(slots).try_acquire_owned().ok()?;
        pace.allows(Instant::now(), &name).then_some(slot)
    }

    /// The watch over this server's own ways.
    pub fn watch(&self) -> MutexGuard<'_, Watch> {
        self.watch.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The counts of failed logons.
    pub fn failed_logons(&self) -> MutexGuard<'_, FailedLogons> {
        self.failed_logons.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// True unless a call from `address` can be told not to come from the peer: where the names of the peer have
    /// addresses, and this is none of them. What is on this machine may be anybody.
    pub async fn may_be(&self, peer: &Peer, address: IpAddr) -> bool {
        let address = address.to_canonical();
        if address.is_loopback() {
            return true;
        }
        let mut known = Vec::new();
        for name in [&peer.host, &peer.bind_back] {
            match self.resolver.resolve(name).await {
                Ok(found) => known.extend(found.addresses),
                Err(_) => return true,
            }
        }
        known.contains(&address)
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
        let presented = presented(&config, &self.directory, peer);
        let file = match &peer.override_account {
            Some(over) if over.account.matches(&presented.account) => over.password_file.clone(),
            _ => match &config.rpc.machine {
                Some(machine) if presented.source == "machine" => machine.password_file.clone(),
                _ => config.rpc.password_file.clone(),
            },
        };
        let account = &presented.account;
        if peer.auth == PeerAuth::Kerberos && !self.keys_of(account).is_empty() {
            // The keytab has all that is shown; there may be no password at all.
            return Ok((account.clone(), Password::from("")));
        }
        let accounts = self.accounts.clone();
        blocking(move || {
            // A password that was given with the account goes before the one of the configuration's own account.
            let kept = presented.secret.and_then(|place| accounts.secret(&place).ok().flatten());
            let password = kept.map_or_else(|| config::read_secret(&file), Ok)?;
            Ok((presented.account, password))
        })
        .await
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

    /// Tries every peer and every way out at once, and lets what stands be looked at anew: accounts, rights or the
    /// configuration have changed.
    pub fn wake_all_peers(&self) {
        self.changes.send_modify(|count| *count = count.wrapping_add(1));
        for hop in self.queue.view(|queue, _| queue.waiting_hops()) {
            self.queue.wake(&hop);
        }
        let config = self.config();
        for peer in &config.peers {
            self.wake_peer(&peer.name);
        }
        for connector in &config.x400 {
            self.wake_peer(&connector.name);
        }
    }

    /// Tells of each later change of accounts, rights or the configuration.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// The peer whose account this is.
    #[must_use]
    pub fn peer_of_account(&self, account: &AccountName) -> Option<Peer> {
        let config = self.config();
        let speaks = |peer: &&Peer| self.accounts_of(peer).iter().any(|one| one.matches(account));
        config.peers.iter().find(speaks).cloned()
    }

    /// The accounts that a peer may prove itself with here: the one that it is configured with, and its machine's own where
    /// both servers are new.
    #[must_use]
    pub fn accounts_of(&self, peer: &Peer) -> Vec<AccountName> {
        let machine = self.directory.machine_account_of(&peer.name);
        let machine = machine.filter(|_| !self.directory.is_old_server());
        std::iter::once(peer.account.clone()).chain(machine).collect()
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

/// The account that a server proves itself with, and why that one.
pub struct Presented {
    pub account: AccountName,
    /// `override`, `machine`, `legacy` or `service`.
    pub source: &'static str,
    /// Where its password is kept, if it was given with it.
    pub secret: Option<String>,
}

/// Where the password of a connector's override account is kept.
#[must_use]
pub fn override_secret(account: &AccountName) -> String {
    format!("override {}", identity::upcase(&account.to_string()))
}

/// Where the machine account's new password is kept that a peer has taken and not all have.
#[must_use]
pub fn machine_secret(peer: &str) -> String {
    format!("machine {}", identity::upcase(peer))
}

/// The account for one peer: the one of the connector that leads to its MTA name, else the one of its `[[peer]]` entry. Else
/// between two new servers with machine identities the machine's own; towards any other the one that the administrative group
/// names for older servers; and where there is none, or this server is an old one, the service account.
#[must_use]
pub fn presented(config: &Config, directory: &DirectoryTable, peer: &Peer) -> Presented {
    if let Some(account) = directory.override_account(&peer.name) {
        let secret = Some(override_secret(&account));
        return Presented { account, source: "override", secret };
    }
    if let Some(over) = &peer.override_account {
        return Presented { account: over.account.clone(), source: "override", secret: None };
    }
    let is_old = directory.is_old_server();
    if let (Some(machine), false) = (&config.rpc.machine, is_old)
        && directory.machine_account_of(&peer.name).is_some()
    {
        // Where a new password was given to this peer already, it is that one.
        let secret = Some(machine_secret(&peer.name));
        return Presented { account: machine.account.clone(), source: "machine", secret };
    }
    let legacy = directory.legacy_account();
    match legacy.name() {
        Some(Ok(account)) if !is_old => {
            let secret = Some(crate::operations::LEGACY_SECRET.to_owned());
            Presented { account, source: "legacy", secret }
        }
        _ => Presented { account: config.rpc.account.clone(), source: "service", secret: None },
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

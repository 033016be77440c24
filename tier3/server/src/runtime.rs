//! The running server: starts, serves, stops in order.

use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use admin::{Exporter, UnixSocket};
use config::{Config, ConfigError};
use event::{build, own};
use jiff::Timestamp;
use net::{ListenError, Reactors, listen};
use security::ntlm::OldNtlm;
use store::{Store, StoreError};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;

use crate::account_table::{AccountError, AccountTable};
use crate::blocking::blocking;
use crate::directory_table::{DirectoryTable, DirectoryTableError, now_ms};
use crate::event_log::EventLog;
use crate::link::{ServiceFactory, run_peer, run_replication};
use crate::mail_queue::{MailQueue, ReportOrder};
use crate::node::Node;
use crate::operations::{Running, store_folder};
use crate::peer_state::PeerHistories;
use crate::processing::Processing;
use crate::resources::Resources;
use crate::schedules::Schedules;
use crate::service_manager::ServiceManager;
use crate::store_check::{StoreCheck, check_store};
use crate::{
    dial_up, keytab, local_delivery, machine_password, reporting, rpc_listener, rpc_security,
    self_watch, settings, smtp_listener, smtp_out, start_check, supervise, x400_link,
};

/// How long tasks may take to end once the server stops.
const DRAIN: Duration = Duration::from_secs(20);
/// How often the directory's agent looks for what is due.
const AGENT_EVERY: Duration = Duration::from_secs(1);
/// Win32 `RPC_S_CANT_CREATE_ENDPOINT`.
const CANNOT_LISTEN: u32 = 1720;

/// Why a server does not start.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error("the configuration cannot be used")]
    Config(#[from] ConfigError),
    #[error("{place}: {error}")]
    Listen {
        /// File, line and column of the address or port.
        place: String,
        error: ListenError,
    },
    #[error("the store under {} cannot be opened", path.display())]
    Store {
        path: PathBuf,
        #[source]
        source: StoreError,
    },
    #[error("cannot make the folder {}", path.display())]
    Folder {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("the accounts cannot be used")]
    Accounts(#[from] AccountError),
    #[error("the directory cannot be used")]
    Directory(#[from] DirectoryTableError),
    #[error("a secret cannot be read")]
    Secret(#[from] config::SecretError),
    #[error("the administrative socket")]
    Socket(#[from] admin::ServeError),
    #[error("the metrics")]
    Metrics(#[from] admin::ExporterError),
    #[error("events.json_file cannot be opened")]
    EventFile(#[source] io::Error),
    #[error("rpc.kerberos_keytab cannot be used")]
    Keytab(#[from] kerberos::ReadError),
    #[error("the routes contradict each other")]
    Domains(#[from] routing::TableError),
    #[error("the threads for RPC connections do not start")]
    Threads(#[source] io::Error),
    #[error("signals cannot be received")]
    Signals(#[source] io::Error),
}

struct Listeners {
    smtp: Vec<TcpListener>,
    mapper: TcpListener,
    mta: TcpListener,
    rfc1006: Vec<TcpListener>,
    admin: Option<(TcpListener, identity::Password)>,
    socket: UnixSocket,
}

/// Runs the server of a configuration file until SIGTERM or SIGINT.
///
/// # Errors
/// It cannot start; a port in use and the like are named with their key.
pub async fn run(file: &Path) -> Result<(), ServeError> {
    run_as(file, None).await
}

/// The same for a peer of the laboratory that stands in for an old implementation of NTLM.
///
/// # Errors
/// As [`run`].
pub async fn run_as(file: &Path, old: Option<OldNtlm>) -> Result<(), ServeError> {
    let manager = ServiceManager::from_environment();
    let config = Config::load(file)?;
    let (mut terminate, mut interrupt, mut reload) = signals()?;
    let (node, orders) = build_node(&config)?;
    if let Some(old) = old {
        // Nobody has set it before.
        let _ = node.old_ntlm.set(old);
    }
    let files = node.resources.raise_files();
    let wanted = Resources::files_wanted(config.smtp.max_connections);
    if files < wanted {
        node.log(own::descriptors_few(files, wanted));
    }
    let listeners = open_listeners(&config).inspect_err(|error| {
        let detail = net::chain(error);
        node.log(build::listen_failed(CANNOT_LISTEN, &config.rpc.listen.to_string(), &detail));
    })?;
    start_check::read_own_secrets(&config, !node.keys_of(&config.rpc.account).is_empty())?;
    let running = Arc::new(Running::new(Arc::clone(&node), Exporter::install()?));
    let reactors = Reactors::start().map_err(ServeError::Threads)?;
    let mut tasks = JoinSet::new();
    start(&node, &running, listeners, (orders, &reactors), &mut tasks);
    node.log(build::started(env!("CARGO_PKG_VERSION"), "0"));
    warn_of_weaknesses(&node);
    // Peers that wait for this server learn that it is there again.
    node.wake_all_peers();
    manager.ready();
    let mut life = pin!(manager.live());
    loop {
        tokio::select! {
            () = &mut life => {}
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            _ = reload.recv() => {
                match admin::Operations::reload(&*running).await {
                    Ok(reloaded) => eprintln!("the configuration was read again: {}", in_words(&reloaded)),
                    Err(error) => eprintln!("the configuration stays as it was: {error}"),
                }
            }
        }
    }
    manager.stopping();
    node.stop();
    let drained = tokio::time::timeout(DRAIN, async { while tasks.join_next().await.is_some() {} });
    if drained.await.is_err() {
        eprintln!("some connections did not end within {} s and are cut", DRAIN.as_secs());
    }
    node.log(build::stopped(env!("CARGO_PKG_VERSION"), "0"));
    node.queue.store().clone().close();
    Ok(())
}

/// What a reload did, for whoever sent the signal and reads the journal.
fn in_words(reloaded: &admin::api::Reloaded) -> String {
    let part = |words: &str, sections: &[String]| {
        (!sections.is_empty()).then(|| format!("{words} {}", sections.join(", ")))
    };
    let parts = [
        part("in force now:", &reloaded.applied),
        part("in force after a restart:", &reloaded.needs_restart),
    ];
    let told: Vec<String> = parts.into_iter().flatten().collect();
    if told.is_empty() { "nothing has changed".to_owned() } else { told.join("; ") }
}

type Signals =
    (tokio::signal::unix::Signal, tokio::signal::unix::Signal, tokio::signal::unix::Signal);

fn signals() -> Result<Signals, ServeError> {
    let receive = |kind| signal(kind).map_err(ServeError::Signals);
    Ok((
        receive(SignalKind::terminate())?,
        receive(SignalKind::interrupt())?,
        receive(SignalKind::hangup())?,
    ))
}

pub(crate) type Orders = tokio::sync::mpsc::UnboundedReceiver<ReportOrder>;

pub(crate) fn build_node(config: &Config) -> Result<(Arc<Node>, Orders), ServeError> {
    for path in [&config.server.data_dir, &config.mail.maildir] {
        make_folder(path)?;
    }
    if let Some(folder) = config.admin.socket.parent() {
        make_folder(folder)?;
    }
    let path = store_folder(&config.server.data_dir);
    let failed = |source| ServeError::Store { path: path.clone(), source };
    let (stored, check) = open_store(config, &path).map_err(failed)?;
    let Stored { histories, queue, orders } = stored;
    let store = queue.store().clone();
    let accounts = AccountTable::open(store.clone(), config)?;
    let directory = DirectoryTable::open(store.clone(), config, &accounts)?;
    let events = EventLog::open(&config.server.name, &config.events, store)
        .map_err(ServeError::EventFile)?;
    let (processing, suspects) = Processing::open(&config.server.data_dir.join("processing"));
    let node =
        Node::new(config.clone(), (accounts, directory), events, queue, histories, processing)?;
    let node = Arc::new(node.with_kerberos(keytab::open(config)?));
    // Before anything is opened for the mail that waits.
    Schedules::default().follow(&node, Timestamp::now());
    supervise::accuse(&node, suspects);
    if let Some(check) = check {
        log_check(&node, config, &check);
    }
    Ok((node, orders))
}

/// What is read from the store at the start.
struct Stored {
    histories: PeerHistories,
    queue: MailQueue,
    orders: Orders,
}

/// Opens the store and reads it. One that is damaged, as after a stop that was not in order, asks for a check: it is
/// repaired first.
fn open_store(config: &Config, path: &Path) -> Result<(Stored, Option<StoreCheck>), StoreError> {
    let keep = usize::try_from(config.events.keep).unwrap_or(usize::MAX);
    let open = || -> Result<Stored, StoreError> {
        let store = Store::open_with(path, store::EventLimits { keep })?;
        store.set_reserve(config.queue.disk_reserve_mib.saturating_mul(1024 * 1024));
        // What others read of it later has to be readable, too.
        for table in store::Table::ALL {
            store.rows(table)?;
        }
        let histories = PeerHistories::open(store.clone())?;
        let (queue, orders) = MailQueue::open(store, settings::queue_config(config))?;
        Ok(Stored { histories, queue, orders })
    };
    match open() {
        Err(error) if error.cause() == "damaged" => {
            eprintln!("the store is damaged and is repaired: {}", net::chain(&error));
            let check = check_store(&config.server.data_dir, true)?;
            open().map(|stored| (stored, Some(check)))
        }
        opened => opened.map(|stored| (stored, None)),
    }
}

/// Events 2219 and 2207, once there is a place for them; what was found stands in a file.
fn log_check(node: &Node, config: &Config, check: &StoreCheck) {
    node.log(own::store_check_begins());
    let file = config.server.data_dir.join("check.json");
    let text = serde_json::to_vec_pretty(&check.checked).unwrap_or_default();
    if let Err(error) = std::fs::write(&file, text) {
        eprintln!("{}: {error}", file.display());
    }
    let faults = u64::try_from(check.checked.faults.len()).unwrap_or(u64::MAX);
    node.log(own::store_checked(&file.display().to_string(), check.checked.objects, faults));
}

/// With `admin.roles_file` everybody may connect: a folder that others cannot pass is told, with the command.
pub(crate) fn warn_of_closed_folder(socket: &Path) {
    for folder in socket.ancestors().skip(1) {
        let closed = std::fs::metadata(folder).is_ok_and(|found| found.mode() & 0o001 == 0);
        if closed {
            let folder = folder.display();
            eprintln!(
                "admin.roles_file lets other users in, and the folder {folder} of the socket is closed to them; open it with `chmod o+x {folder}`"
            );
        }
    }
}

fn make_folder(path: &Path) -> Result<(), ServeError> {
    std::fs::create_dir_all(path)
        .map_err(|source| ServeError::Folder { path: path.to_owned(), source })
}

fn open_listeners(config: &Config) -> Result<Listeners, ServeError> {
    let placed = |error: ListenError| ServeError::Listen {
        place: config::locate(&config.file, error.key()),
        error,
    };
    let mut smtp = Vec::new();
    for address in &config.smtp.listen {
        smtp.push(listen("SMTP", "smtp.listen", *address).map_err(placed)?);
    }
    let rpc = |port| SocketAddr::new(config.rpc.listen, port);
    let mapper = listen("the RPC endpoint mapper", "rpc.mapper_port", rpc(config.rpc.mapper_port))
        .map_err(placed)?;
    let mta =
        listen("the MTA's RPC interface", "rpc.port", rpc(config.rpc.port)).map_err(placed)?;
    let mut rfc1006 = Vec::new();
    for address in &config.rfc1006.listen {
        let address = SocketAddr::new(*address, config.rfc1006.port);
        rfc1006.push(listen("X.400 over TCP", "rfc1006.port", address).map_err(placed)?);
    }
    let admin = match (&config.admin.listen, &config.admin.token_file) {
        (Some(address), Some(file)) => {
            let token = config::read_secret(file)?;
            let listener =
                listen("the administrative interface", "admin.listen", *address).map_err(placed)?;
            Some((listener, token))
        }
        _ => None,
    };
    if config.admin.roles_file.is_some() {
        warn_of_closed_folder(&config.admin.socket);
    }
    let socket = match &config.admin.roles_file {
        Some(_) => UnixSocket::bind_for_all(&config.admin.socket)?,
        None => UnixSocket::bind(&config.admin.socket)?,
    };
    Ok(Listeners { smtp, mapper, mta, rfc1006, admin, socket })
}

fn start(
    node: &Arc<Node>,
    running: &Arc<Running>,
    listeners: Listeners,
    (orders, reactors): (Orders, &Reactors),
    tasks: &mut JoinSet<()>,
) {
    if let Ok(address) = listeners.mta.local_addr() {
        node.set_rpc_port(address.port());
    }
    for listener in listeners.smtp {
        tasks.spawn(smtp_listener::run(Arc::clone(node), listener));
    }
    let mapper = ServiceFactory::mapper(Arc::clone(node));
    tasks.spawn(rpc_listener::run(
        Arc::clone(node),
        reactors.clone(),
        listeners.mapper,
        mapper,
        false,
    ));
    let mta = ServiceFactory::mta(Arc::clone(node));
    tasks.spawn(rpc_listener::run(Arc::clone(node), reactors.clone(), listeners.mta, mta, true));
    for listener in listeners.rfc1006 {
        tasks.spawn(x400_link::listen(Arc::clone(node), listener));
    }
    if let Some((listener, token)) = listeners.admin {
        tasks.spawn(admin::serve_tcp(listener, token, Arc::clone(running), stop_of(node)));
    }
    tasks.spawn(admin::serve_unix(listeners.socket, Arc::clone(running), stop_of(node)));
    tasks.spawn(self_watch::run(Arc::clone(node), Arc::clone(running)));
    tasks.spawn(keytab::watch(Arc::clone(node)));
    tasks.spawn(machine_password::run(Arc::clone(node)));
    tasks.spawn(reporting::run(Arc::clone(node), orders));
    tasks.spawn(local_delivery::run(Arc::clone(node)));
    if let Some(notices) = node.queue.notices() {
        tasks.spawn(supervise::run(Arc::clone(node), notices));
    }
    tasks.spawn(smtp_out::run(Arc::clone(node)));
    let timers = Arc::clone(node);
    tasks.spawn(async move {
        tokio::select! {
            () = timers.queue.run_timers() => {}
            () = timers.stopped() => {}
        }
    });
    tasks.spawn(run_agent(Arc::clone(node)));
    let waits = Arc::clone(node);
    tasks.spawn(blocking(move || supervise::follow_routes_changed_meanwhile(&waits)));
    for peer in node.config().peers.iter().filter(|peer| peer.replicated) {
        tasks.spawn(run_replication(Arc::clone(node), peer.name.clone()));
    }
    for connector in node.config().dial_ups.iter().filter(|one| !one.waits_for_calls()) {
        tasks.spawn(dial_up::run_line(Arc::clone(node), connector.peer.clone()));
    }
    for peer in &node.config().peers {
        tasks.spawn(run_peer(Arc::clone(node), peer.name.clone()));
    }
    for connector in &node.config().x400 {
        tasks.spawn(x400_link::run_connector(Arc::clone(node), connector.name.clone()));
    }
}

/// Lets the directory's agent work while the server runs.
async fn run_agent(node: Arc<Node>) {
    let mut every = tokio::time::interval(AGENT_EVERY);
    loop {
        tokio::select! {
            _ = every.tick() => {}
            () = node.stopped() => return,
        }
        let directory = node.directory.clone();
        let config = node.config();
        let work = move || {
            let machines =
                config.peers.iter().filter_map(|peer| directory.machine_account_of(&peer.name));
            let accounts: Vec<_> =
                config.peers.iter().map(|peer| peer.account.clone()).chain(machines).collect();
            let seen = directory.watch(&accounts)?;
            directory.poll(now_ms()).map(|polled| polled || seen)
        };
        // What cannot be written now is tried again; the copy stays as it was.
        if crate::blocking::blocking(work).await.unwrap_or(false) {
            node.wake_all_peers();
        }
    }
}

/// One event for each setting that takes weaker security than is right.
pub(crate) fn warn_of_weaknesses(node: &Node) {
    for setting in rpc_security::weaknesses(&node.config()) {
        node.log(build::weak_security(&setting));
    }
}

/// The stop of a node as a future of its own.
fn stop_of(node: &Arc<Node>) -> impl Future<Output = ()> + Send + 'static {
    let node = Arc::clone(node);
    async move { node.stopped().await }
}

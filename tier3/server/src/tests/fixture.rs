//! A node with its two RPC listeners, and a caller that may say whatever a test wants said.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use config::{Config, InitAnswers, PeerAnswers, Section, template};
use dcerpc::AuthLevel;
use event::Event;
use identity::{Account, AccountName, Password, Role};
use mta::rpc_interface::{AssociationToken, Bind, BindAnswer, INTERFACE, MTA_BIND, PIECE_LIMIT};
use net::{CallError, Dialer, Resolver, RpcClient, RpcTarget};
use security::Initiator;
use security::ntlm::{NtlmCredentials, NtlmInitiator, NtlmSecret, NtlmSeed};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::broadcast;

use crate::link::ServiceFactory;
use crate::node::{Node, filetime_now, random};
use crate::rpc_listener;
use crate::runtime::{Orders, build_node};

pub(super) const PASSWORD: &str = "pass word";
/// Long enough for anything on loopback, even on a busy machine: only a test that fails waits for it.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// A server under test.
pub(super) struct Server {
    pub(super) node: Arc<Node>,
    pub(super) events: broadcast::Receiver<Event>,
    pub(super) mapper_port: u16,
    pub(super) orders: Orders,
    /// What is served still ends in order after the listeners have.
    _reactors: net::Reactors,
    _folder: TempDir,
}

/// A port of the system's choice.
pub(super) async fn listener() -> (TcpListener, u16) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

/// The configuration of a server whose peers, by name and mapper port, are all on loopback.
///
/// The host of WEST is `west.demo.test`, its bind-back name `west-rpc.demo.test`, its account `DEMO\svc-west`.
pub(super) fn configuration(
    folder: &Path,
    name: &str,
    mapper_port: u16,
    peers: &[(&str, u16)],
) -> Config {
    configuration_with(folder, name, mapper_port, peers, &[])
}

/// The same with keys of the section `[rpc]` set otherwise.
pub(super) fn configuration_with(
    folder: &Path,
    name: &str,
    mapper_port: u16,
    peers: &[(&str, u16)],
    rpc: &[(&'static str, &str)],
) -> Config {
    let loopback = || vec![IpAddr::from(Ipv4Addr::LOCALHOST)];
    let low = name.to_lowercase();
    let peer = |(name, mapper_port): &(&str, u16)| {
        let low = name.to_lowercase();
        PeerAnswers {
            name: (*name).to_owned(),
            host: format!("{low}.demo.test"),
            bind_back: Some(format!("{low}-rpc.demo.test")),
            mapper_port: *mapper_port,
            account: account_of(name),
            domains: vec![format!("{low}.demo.test")],
            admin: None,
            configuration: None,
            auth: None,
        }
    };
    let names = peers.iter().flat_map(|(name, _)| {
        let low = name.to_lowercase();
        [format!("{low}.demo.test"), format!("{low}-rpc.demo.test")]
    });
    let answers = InitAnswers {
        name: name.to_owned(),
        host_name: format!("{low}.demo.test"),
        bind_back_name: Some(format!("{low}-rpc.demo.test")),
        domains: vec![format!("{low}.demo.test")],
        mailboxes: vec!["anna".to_owned(), "clara".to_owned()],
        account: account_of(name),
        mapper_port,
        peers: peers.iter().map(peer).collect(),
        hosts: names
            .chain(["stranger.demo.test".to_owned()])
            .map(|name| (name, loopback()))
            .collect(),
        set: std::iter::once((Section::Events, "stderr_level", "\"off\"".to_owned()))
            .chain(rpc.iter().map(|(key, value)| (Section::Rpc, *key, (*value).to_owned())))
            .collect(),
        ..InitAnswers::default()
    };
    let config = Config::parse(&folder.join("bindback.toml"), &template(&answers)).unwrap();
    write_secret(&config.rpc.password_file);
    config
}

fn write_secret(file: &Path) {
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    let mut options = std::fs::OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(file).unwrap();
    std::io::Write::write_all(&mut file, PASSWORD.as_bytes()).unwrap();
}

/// The service account of a server.
pub(super) fn account_of(server: &str) -> AccountName {
    format!("DEMO\\svc-{}", server.to_lowercase()).parse().unwrap()
}

impl Server {
    /// Starts a server on an open mapper port; every peer's account exists and has the role.
    pub(super) async fn start(
        name: &str,
        mapper: (TcpListener, u16),
        peers: &[(&str, u16)],
    ) -> Self {
        Self::start_with(name, mapper, peers, &[]).await
    }

    /// The same with keys of the section `[rpc]` set otherwise.
    pub(super) async fn start_with(
        name: &str,
        mapper: (TcpListener, u16),
        peers: &[(&str, u16)],
        rpc: &[(&'static str, &str)],
    ) -> Self {
        let folder = TempDir::new().unwrap();
        let (mapper, mapper_port) = mapper;
        let config = configuration_with(folder.path(), name, mapper_port, peers, rpc);
        let (node, orders) = build_node(&config).unwrap();
        for (peer, _) in peers {
            add_account(&node, &account_of(peer), &[Role::ServiceAccountAdmin]);
        }
        let (mta, port) = listener().await;
        node.set_rpc_port(port);
        let factory = ServiceFactory::mapper(Arc::clone(&node));
        let reactors = net::Reactors::start().unwrap();
        let (near, far) = (reactors.clone(), reactors.clone());
        tokio::spawn(rpc_listener::run(Arc::clone(&node), near, mapper, factory, false));
        let factory = ServiceFactory::mta(Arc::clone(&node));
        tokio::spawn(rpc_listener::run(Arc::clone(&node), far, mta, factory, true));
        let timers = Arc::clone(&node);
        tokio::spawn(async move { timers.queue.run_timers().await });
        let events = node.events.follow();
        Self { node, events, mapper_port, orders, _reactors: reactors, _folder: folder }
    }

    /// Binds this server's MTA interface as somebody.
    pub(super) async fn dial(&self, account: &AccountName, level: AuthLevel) -> RpcClient {
        let dialer = Dialer {
            resolver: Resolver::default(),
            connect_timeout: PATIENCE,
            call_timeout: PATIENCE,
        };
        let target = RpcTarget {
            host: Ipv4Addr::LOCALHOST.to_string(),
            mapper_port: self.mapper_port,
            interface: INTERFACE,
            level,
        };
        dialer.open(&target, || initiator(account, PASSWORD)).await.unwrap()
    }

    /// The step of the access check that each security violation since the last look names.
    pub(super) fn refusals(&mut self) -> Vec<String> {
        let mut steps = Vec::new();
        while let Ok(event) = self.events.try_recv() {
            if event.id == event::id::SECURITY_VIOLATION {
                steps.push(event.word("step").unwrap_or_default().to_owned());
            }
        }
        steps
    }
}

pub(super) fn add_account(node: &Node, name: &AccountName, roles: &[Role]) {
    let hash = security::ntlm::nt_hash(&Password::from(PASSWORD));
    let sid = identity::well_known::anonymous();
    let made = node.accounts.add(Account::new(name.clone(), sid, hash, 0), Vec::new()).unwrap();
    if !roles.is_empty() {
        node.directory.set_service_role("a test", &made.sid, true).unwrap();
    }
}

pub(super) fn initiator(account: &AccountName, password: &str) -> Box<dyn Initiator> {
    let credentials = NtlmCredentials {
        account: account.clone(),
        secret: NtlmSecret::Password(Password::from(password)),
        workstation: "TEST".to_owned(),
    };
    let seed = NtlmSeed {
        client_challenge: random(),
        exported_session_key: random(),
        now: filetime_now(),
    };
    Box::new(NtlmInitiator::new(credentials, seed, None))
}

/// An MtaBind of `caller` at EAST, to be bound back at `binding`.
pub(super) fn bind(caller: &str, binding: &str) -> Bind {
    Bind {
        caller_name: caller.to_owned(),
        called_name: "EAST".to_owned(),
        bind_back_binding: binding.to_owned(),
        token: AssociationToken(random()),
        max_piece: u32::try_from(PIECE_LIMIT).unwrap(),
    }
}

/// Calls MtaBind.
pub(super) async fn call_bind(client: &RpcClient, bind: &Bind) -> Result<BindAnswer, CallError> {
    let reply = client.call(MTA_BIND, bind.encode(), PATIENCE).await?;
    Ok(BindAnswer::decode(&reply.stub, reply.order).unwrap())
}

/// A port whose visitors are counted by the kernel: a connection that was made is there even if nobody took it.
pub(super) struct Trap {
    listener: std::net::TcpListener,
    pub(super) port: u16,
}

impl Trap {
    pub(super) fn set() -> Self {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        Self { listener, port }
    }

    /// Takes a visitor that is there already.
    pub(super) fn visitor(&self) -> Option<(std::net::TcpStream, SocketAddr)> {
        match self.listener.accept() {
            Ok(visitor) => Some(visitor),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => None,
            Err(error) => panic!("{error}"),
        }
    }

    /// Waits for a visitor.
    pub(super) async fn wait(&self) -> tokio::net::TcpStream {
        let stream = until(|| self.visitor()).await.0;
        stream.set_nonblocking(true).unwrap();
        tokio::net::TcpStream::from_std(stream).unwrap()
    }
}

/// Looks again and again until there is something to see; fails when there never is.
pub(super) async fn until<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let found = async {
        loop {
            if let Some(found) = look() {
                return found;
            }
            // Not a yield: whatever is waited for may need a thread or the kernel.
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(PATIENCE, found).await.expect("what was waited for did not happen")
}

//! A server to try RPC clients against: endpoint mapper, mgmt and echo on one address.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{fmt, io};

use dcerpc::{
    AssociationGroups, AuthLevel, InterfaceRules, ServerAssociation, ServerConfig, SyntaxId, Uuid,
    echo, epm, mgmt,
};
use identity::AccountName;
use kerberos::{KerberosAcceptor, ReadError, Service};
use net::{Gate, ListenError, Reactors, RpcRequest, RpcService, listen, serve_admitted};
use security::ntlm::{AcceptSeed, NtlmAcceptor, ServerIdentity};
use security::spnego::{Mechanism, SpnegoAcceptor};
use security::{Acceptor, SecurityError, ntlm, spnego};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use super::{AccountsFile, AccountsFileError, line, netlogon};
use crate::node::{filetime_now, random};

/// Connections at the same time on one port.
const MAX_CONNECTIONS: usize = 1000;
/// How long a connection may say nothing.
const IDLE: Duration = Duration::from_secs(30 * 60);

/// What the server is made from.
#[derive(Debug, Clone)]
pub struct EchoSettings {
    pub address: IpAddr,
    pub mapper_port: u16,
    /// Lines `DOMAIN\NAME:PASSWORD`.
    pub accounts: PathBuf,
    /// Keys for Kerberos.
    pub keytab: Option<PathBuf>,
    /// NetBIOS name of the domain; that of the first account when absent.
    pub domain: Option<String>,
    /// DNS name of the domain.
    pub realm: Option<String>,
    /// NetBIOS name of the server.
    pub name: String,
    /// Serve one operation of `netlogon` too.
    pub netlogon: bool,
    /// Appears once the server listens.
    pub ready_file: Option<PathBuf>,
}

/// Why the server does not run.
#[derive(Debug, thiserror::Error)]
pub enum EchoError {
    #[error("{}", .0)]
    Accounts(#[from] AccountsFileError),
    #[error(transparent)]
    Keytab(#[from] ReadError),
    #[error("{}", .0)]
    Listen(#[from] ListenError),
    #[error("the address of a listening socket is not known")]
    Address(#[source] io::Error),
    #[error("cannot write the ready file {}", path.display())]
    Ready {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("the threads for connections do not start")]
    Threads(#[source] io::Error),
    #[error("signals cannot be received")]
    Signals(#[source] io::Error),
}

/// A server that listens.
pub struct EchoServer {
    mapper: TcpListener,
    services: TcpListener,
    line: TcpListener,
    shared: Arc<Shared>,
    ready_file: Option<PathBuf>,
}

struct Shared {
    accounts: Arc<AccountsFile>,
    kerberos: Option<Arc<Service>>,
    identity: ServerIdentity,
    principal: String,
    /// Whoever proved who it is may change it, so that clients can be tried against the whole interface.
    map: Mutex<epm::EndpointMap>,
    groups: AssociationGroups,
    /// Of the plain TCP service.
    line_port: u16,
}

/// What one port serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Served {
    Mapper,
    Mgmt,
    Echo,
    Line,
    Netlogon,
}

impl Served {
    fn syntax(self) -> SyntaxId {
        match self {
            Self::Mapper => epm::INTERFACE,
            Self::Mgmt => mgmt::INTERFACE,
            Self::Echo => echo::INTERFACE,
            Self::Line => line::INTERFACE,
            Self::Netlogon => netlogon::INTERFACE,
        }
    }
}

impl EchoServer {
    /// Opens the mapper's port and one more for the interfaces themselves.
    ///
    /// # Errors
    /// The accounts file cannot be used, or a port cannot be opened.
    pub fn open(settings: EchoSettings) -> Result<Self, EchoError> {
        let accounts = AccountsFile::read(&settings.accounts)?;
        let at = |port| SocketAddr::new(settings.address, port);
        let mapper = listen("the RPC endpoint mapper", "--mapper-port", at(settings.mapper_port))?;
        let services = listen("the RPC interfaces", "--address", at(0))?;
        let line = listen("the plain TCP service", "--address", at(0))?;
        let line_port = line.local_addr().map_err(EchoError::Address)?.port();
        let port = services.local_addr().map_err(EchoError::Address)?.port();
        let identity = identity_of(&settings, &accounts);
        let kerberos = match &settings.keytab {
            Some(path) => {
                let service = Service::new(kerberos::read_keytab(path)?);
                let realm = settings.realm.as_deref().unwrap_or_default();
                Some(Arc::new(service.with_domain(realm, &identity.domain)))
            }
            None => None,
        };
        let mut map = epm::EndpointMap::new();
        // An unspecified address lets the caller use the one that it asked (IPv6 has no floor).
        let address = match settings.address {
            IpAddr::V4(address) => address,
            IpAddr::V6(_) => Ipv4Addr::UNSPECIFIED,
        };
        for served in beside_the_mapper(settings.netlogon) {
            map.register(epm::MapEntry {
                interface: served.syntax(),
                object: Uuid::NIL,
                address,
                port,
                annotation: format!("Bindback echo server {}", settings.name),
            });
        }
        let principal = format!("host/{}", identity.dns_name);
        let groups = AssociationGroups::new();
        let accounts = Arc::new(accounts);
        let map = Mutex::new(map);
        let shared = Shared { accounts, kerberos, identity, principal, map, groups, line_port };
        let ready_file = settings.ready_file;
        Ok(Self { mapper, services, line, shared: Arc::new(shared), ready_file })
    }

    /// Where the interfaces listen.
    ///
    /// # Errors
    /// The system does not say.
    pub fn ports(&self) -> Result<(SocketAddr, SocketAddr), EchoError> {
        let mapper = self.mapper.local_addr().map_err(EchoError::Address)?;
        Ok((mapper, self.services.local_addr().map_err(EchoError::Address)?))
    }

    /// Serves until SIGTERM or SIGINT.
    ///
    /// # Errors
    /// Signals cannot be received, the ready file cannot be written, or no thread can be had.
    pub async fn run(self) -> Result<(), EchoError> {
        let mut terminate = signal(SignalKind::terminate()).map_err(EchoError::Signals)?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(EchoError::Signals)?;
        if let Some(path) = &self.ready_file {
            let (mapper, services) = self.ports()?;
            write_ready(path, &format!("{mapper}\n{services}\n"))?;
        }
        let interfaces: Vec<Served> = self
            .shared
            .map()
            .entries()
            .iter()
            .filter_map(|entry| {
                [Served::Echo, Served::Mgmt, Served::Line, Served::Netlogon]
                    .into_iter()
                    .find(|served| served.syntax() == entry.interface)
            })
            .collect();
        let mapper = vec![Served::Mapper, Served::Mgmt];
        let reactors = Reactors::start().map_err(EchoError::Threads)?;
        tokio::select! {
            () = serve(Arc::clone(&self.shared), &reactors, self.mapper, mapper) => {}
            () = serve(Arc::clone(&self.shared), &reactors, self.services, interfaces) => {}
            () = line::serve(self.line) => {}
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        Ok(())
    }
}

impl fmt::Debug for EchoServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EchoServer")
            .field("identity", &self.shared.identity)
            .finish_non_exhaustive()
    }
}

fn beside_the_mapper(with_netlogon: bool) -> Vec<Served> {
    let mut served = vec![Served::Echo, Served::Mgmt, Served::Line];
    if with_netlogon {
        served.push(Served::Netlogon);
    }
    served
}

fn identity_of(settings: &EchoSettings, accounts: &AccountsFile) -> ServerIdentity {
    let domain = settings.domain.clone().unwrap_or_else(|| accounts.domain().to_owned());
    let computer = settings.name.to_uppercase();
    let host = settings.name.to_lowercase();
    let dns_name = match &settings.realm {
        Some(realm) => format!("{host}.{}", realm.to_lowercase()),
        None => host,
    };
    ServerIdentity { computer, domain, dns_name }
}

/// Whole or not at all: whoever waits for the file may read it at once.
fn write_ready(path: &Path, text: &str) -> Result<(), EchoError> {
    let failed = |source| EchoError::Ready { path: path.to_owned(), source };
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    std::fs::write(&name, text).map_err(failed)?;
    std::fs::rename(&name, path).map_err(failed)
}

async fn serve(
    shared: Arc<Shared>,
    reactors: &Reactors,
    listener: TcpListener,
    interfaces: Vec<Served>,
) {
    let port = listener.local_addr().map_or(0, |address| address.port());
    let gate = Gate::new(MAX_CONNECTIONS);
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Out of file descriptors, as a rule: give others time to close some.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let Some(pass) = gate.admit().await else {
            continue;
        };
        let association = shared.association(&interfaces, port);
        let service =
            Arc::new(Connection { shared: Arc::clone(&shared), interfaces: interfaces.clone() });
        // One that cannot be served is closed, as one whose peer did wrong: that is its own loss.
        let _ = reactors.serve(stream, move |stream| async move {
            let _ = serve_admitted(stream, association, service, IDLE, pass).await;
        });
    }
}

impl Shared {
    fn map(&self) -> MutexGuard<'_, epm::EndpointMap> {
        self.map.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn association(self: &Arc<Self>, interfaces: &[Served], port: u16) -> ServerAssociation {
        let rules = |served: &Served| InterfaceRules {
            syntax: served.syntax(),
            min_level: AuthLevel::None,
        };
        let shared = Arc::clone(self);
        let config = ServerConfig {
            interfaces: interfaces.iter().map(rules).collect(),
            acceptor: Box::new(move |auth_type| shared.acceptor(auth_type)),
            max_fragment: dcerpc::DEFAULT_FRAGMENT,
            secondary_address: port.to_string(),
            association_group: u32::from_le_bytes(random()) | 1,
        };
        ServerAssociation::new(config).with_groups(self.groups.clone())
    }

    /// Nobody may log on too: no interface here asks who calls.
    fn acceptor(&self, auth_type: u8) -> Option<Box<dyn Acceptor>> {
        let accounts = Arc::clone(&self.accounts);
        let seed = AcceptSeed { server_challenge: random(), now: filetime_now() };
        let acceptor = NtlmAcceptor::new(accounts, self.identity.clone(), seed).with_anonymous();
        match auth_type {
            ntlm::AUTH_TYPE => Some(Box::new(acceptor)),
            spnego::AUTH_TYPE => {
                let mut served: Vec<(Mechanism, Box<dyn Acceptor>)> =
                    vec![(Mechanism::ntlm(), Box::new(acceptor))];
                served.extend(self.kerberos().map(|one| (Mechanism::kerberos(), one)));
                Some(Box::new(SpnegoAcceptor::new(served)))
            }
            kerberos::AUTH_TYPE => self.kerberos(),
            _ => None,
        }
    }

    fn kerberos(&self) -> Option<Box<dyn Acceptor>> {
        let service = Arc::clone(self.kerberos.as_ref()?);
        Some(Box::new(KerberosAcceptor::new(service, kerberos::context_seed())))
    }
}

struct Connection {
    shared: Arc<Shared>,
    interfaces: Vec<Served>,
}

impl RpcService for Connection {
    async fn call(&self, request: RpcRequest) -> Result<Vec<u8>, u32> {
        let RpcRequest { interface, opnum, stub, order, principal, level, .. } = request;
        match self.interfaces.get(interface) {
            Some(Served::Mapper) if level >= AuthLevel::Integrity && principal.is_some() => {
                self.shared.map().dispatch_mut(opnum, &stub, order)
            }
            Some(Served::Mapper) => self.shared.map().dispatch(opnum, &stub, order),
            Some(Served::Echo) => echo::dispatch(opnum, &stub, order),
            Some(Served::Line) => line::dispatch(opnum, self.shared.line_port),
            Some(Served::Netlogon) => netlogon::dispatch(opnum, &stub, order, random()),
            Some(Served::Mgmt) => {
                let interfaces: Vec<SyntaxId> =
                    self.interfaces.iter().map(|served| served.syntax()).collect();
                let principal = &self.shared.principal;
                let managed = mgmt::Managed { interfaces: &interfaces, principal };
                managed.dispatch(opnum, &stub, order)
            }
            None => Err(dcerpc::status::NCA_UNK_IF),
        }
    }

    fn authentication_failed(&self, claimed: Option<AccountName>, why: &SecurityError) {
        let claimed = claimed.map_or_else(|| "somebody".to_owned(), |name| name.to_string());
        let failure = why.logon_failure();
        eprintln!("logon of {claimed} refused: {failure} (error {})", failure.win32());
    }
}

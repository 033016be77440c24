//! An RPC server with one interface for those who prove themselves, and its endpoint mapper.

use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dcerpc::{
    AuthLevel, ClientConfig, DEFAULT_FRAGMENT, InterfaceRules, ServerAssociation, ServerConfig,
    SyntaxId, Uuid, epm,
};
use identity::{AccountName, NtHash, Password};
use security::ntlm::{
    AUTH_TYPE, AcceptSeed, NtlmAcceptor, NtlmCredentials, NtlmInitiator, NtlmSecret, NtlmSeed,
    ServerIdentity, nt_hash,
};
use security::{
    Acceptor, Accounts, FileTime, Initiator, LogonFailure, LogonKey, LogonQuestion, LogonVerdict,
    SecurityError,
};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::{RpcClient, RpcRequest, RpcService, serve_rpc};

/// Long enough for anything on loopback: only a test that fails waits for it.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);
pub(super) const INTERFACE: SyntaxId =
    SyntaxId::new(Uuid::from_u128(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef), 1, 0);
/// Served beside [`INTERFACE`], in the same way; who signs may call it.
pub(super) const SECOND: SyntaxId =
    SyntaxId::new(Uuid::from_u128(0x1123_4567_89ab_cdef_0123_4567_89ab_cdef), 1, 0);
pub(super) const PASSWORD: &str = "right";

/// Answers with its stub.
pub(super) const ECHO: u16 = 0;
/// Answers with the fault that its stub names.
pub(super) const FAULT: u16 = 1;
/// Answers once [`OPEN`] was called.
pub(super) const WAIT: u16 = 2;
/// Lets one [`WAIT`] go.
pub(super) const OPEN: u16 = 3;
/// Never answers.
pub(super) const SILENCE: u16 = 4;

/// What a server was asked, and what it found wrong.
#[derive(Default)]
pub(super) struct TestService {
    gate: Notify,
    /// Rings when [`SILENCE`] or [`WAIT`] has begun.
    pub(super) begun: Notify,
    /// Rings when [`SILENCE`] is ended.
    pub(super) ended: Notify,
    /// Lets the server's callers go.
    pub(super) stop: Notify,
    pub(super) callers: Mutex<Vec<(Option<AccountName>, AuthLevel)>>,
    pub(super) failed: Mutex<Vec<(Option<AccountName>, LogonFailure)>>,
}

/// Rings when it is dropped.
struct Rings<'a>(&'a Notify);

impl Drop for Rings<'_> {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

impl RpcService for TestService {
    async fn call(&self, request: RpcRequest) -> Result<Vec<u8>, u32> {
        self.callers.lock().unwrap().push((request.principal, request.level));
        match request.opnum {
            ECHO => Ok(request.stub),
            FAULT => Err(u32::from_le_bytes(request.stub.try_into().unwrap())),
            WAIT => {
                self.begun.notify_one();
                self.gate.notified().await;
                Ok(b"waited".to_vec())
            }
            OPEN => {
                self.gate.notify_one();
                Ok(b"opened".to_vec())
            }
            _ => {
                let _ended = Rings(&self.ended);
                self.begun.notify_one();
                std::future::pending().await
            }
        }
    }

    async fn judge(&self, question: LogonQuestion) -> LogonVerdict {
        let hash = nt_hash(&Password::from(PASSWORD));
        let LogonQuestion { nt_response, challenge, user, domain, .. } = question;
        let key = security::ntlm::verify(&hash, &nt_response, challenge, &user, &domain);
        // As slow as asking somebody else is.
        tokio::time::sleep(Duration::from_millis(20)).await;
        key.map(LogonKey::new).ok_or(LogonFailure::WrongPassword)
    }

    async fn let_go(&self) {
        self.stop.notified().await;
    }

    fn authentication_failed(&self, claimed: Option<AccountName>, why: &SecurityError) {
        self.failed.lock().unwrap().push((claimed, why.logon_failure()));
    }
}

pub(super) fn account() -> AccountName {
    "DEMO\\west".parse().unwrap()
}

struct Book;

impl Accounts for Book {
    fn nt_hash(&self, name: &AccountName) -> Result<NtHash, LogonFailure> {
        let known = account().matches(name).then(|| nt_hash(&Password::from(PASSWORD)));
        known.ok_or(LogonFailure::UnknownAccount)
    }

    fn elsewhere(&self, name: &AccountName) -> bool {
        name.domain() == "FAR"
    }
}

fn acceptor(auth_type: u8) -> Option<Box<dyn Acceptor>> {
    let identity = ServerIdentity {
        computer: "EAST".to_owned(),
        domain: "DEMO".to_owned(),
        dns_name: "east.demo.test".to_owned(),
    };
    let seed = AcceptSeed {
        server_challenge: *b"server-1",
        now: FileTime::from_unix_ms(1_790_000_000_000),
    };
    (auth_type == AUTH_TYPE).then(|| {
        let acceptor: Box<dyn Acceptor> =
            Box::new(NtlmAcceptor::new(Arc::new(Book), identity, seed));
        acceptor
    })
}

pub(super) fn initiator(password: &str) -> Box<dyn Initiator> {
    initiator_of(account(), password)
}

pub(super) fn initiator_of(account: AccountName, password: &str) -> Box<dyn Initiator> {
    let credentials = NtlmCredentials {
        account,
        secret: NtlmSecret::Password(Password::from(password)),
        workstation: "WEST".to_owned(),
    };
    let seed = NtlmSeed {
        client_challenge: *b"client-1",
        exported_session_key: *b"exported session",
        now: FileTime::from_unix_ms(1_790_000_000_000),
    };
    Box::new(NtlmInitiator::new(credentials, seed, None))
}

/// The server side of a connection, for [`INTERFACE`] at privacy, or for the mapper.
pub(super) fn association(interface: SyntaxId) -> ServerAssociation {
    let min_level = if interface == epm::INTERFACE { AuthLevel::None } else { AuthLevel::Privacy };
    let mut interfaces = vec![InterfaceRules { syntax: interface, min_level }];
    if interface == INTERFACE {
        interfaces.push(InterfaceRules { syntax: SECOND, min_level: AuthLevel::Integrity });
    }
    ServerAssociation::new(ServerConfig {
        interfaces,
        acceptor: Box::new(acceptor),
        max_fragment: DEFAULT_FRAGMENT,
        secondary_address: String::new(),
        association_group: 1,
    })
}

/// The client side of a connection to [`INTERFACE`].
pub(super) fn client_config(password: &str, level: AuthLevel) -> ClientConfig {
    ClientConfig {
        interface: INTERFACE,
        level,
        initiator: Some(initiator(password)),
        max_fragment: DEFAULT_FRAGMENT,
    }
}

pub(super) async fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// Two ends of one connection.
pub(super) async fn connection() -> (TcpStream, TcpStream) {
    let (listener, address) = listener().await;
    let (connected, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
    (connected.unwrap(), accepted.unwrap().0)
}

/// One bound connection to a [`TestService`].
pub(super) struct Link {
    pub(super) client: RpcClient,
    pub(super) service: Arc<TestService>,
    pub(super) server: JoinHandle<()>,
}

impl Link {
    pub(super) async fn new(password: &str, level: AuthLevel, idle: Duration) -> Self {
        let (near, far) = connection().await;
        let service = Arc::new(TestService::default());
        let serving = Arc::clone(&service);
        let server = tokio::spawn(async move {
            // How it ends is seen on the other side.
            let _ = serve_rpc(far, association(INTERFACE), serving, idle).await;
        });
        let client = RpcClient::bind(near, client_config(password, level)).await.unwrap();
        Self { client, service, server }
    }
}

/// An endpoint mapper with this map.
struct Mapper(epm::EndpointMap);

impl RpcService for Mapper {
    fn call(&self, request: RpcRequest) -> impl Future<Output = Result<Vec<u8>, u32>> + Send {
        std::future::ready(self.0.dispatch(request.opnum, &request.stub, request.order))
    }

    fn authentication_failed(&self, _: Option<AccountName>, _: &SecurityError) {}
}

/// Starts an endpoint mapper that says that [`INTERFACE`] is on `port`, or knows nothing.
pub(super) async fn mapper(port: Option<u16>) -> u16 {
    let (listener, address) = listener().await;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let mut map = epm::EndpointMap::new();
            if let Some(port) = port {
                map.register(epm::MapEntry {
                    interface: INTERFACE,
                    object: Uuid::NIL,
                    address: Ipv4Addr::LOCALHOST,
                    port,
                    annotation: String::new(),
                });
            }
            let service = Arc::new(Mapper(map));
            tokio::spawn(serve_rpc(stream, association(epm::INTERFACE), service, PATIENCE));
        }
    });
    address.port()
}

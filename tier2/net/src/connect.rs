//! The way to a peer's interface: name, TCP to the mapper, the map, TCP to the port, bind.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use dcerpc::{
    AuthLevel, BindRefusal, ByteOrder, ClientConfig, DEFAULT_FRAGMENT, SyntaxId, epm,
    status::Status,
};
use security::Initiator;
use tokio::net::TcpStream;

use crate::chain::chain;
use crate::resolve::{ResolveError, Resolver};
use crate::rpc_client::{BindError, CallError, RpcClient};

/// Win32 `RPC_S_SERVER_UNAVAILABLE`: what an RPC runtime says when a name does not resolve,
/// a port is closed, or nobody answers.
const SERVER_UNAVAILABLE: u32 = 1722;
/// Win32 `EPT_S_NOT_REGISTERED`: the mapper answers but knows no such interface.
const NOT_REGISTERED: u32 = 1753;
/// Win32 `ERROR_ACCESS_DENIED`.
const ACCESS_DENIED: u32 = 5;
/// Win32 `RPC_S_UNKNOWN_IF`.
const UNKNOWN_INTERFACE: u32 = 1717;
/// Win32 `RPC_S_CALL_FAILED`.
const CALL_FAILED: u32 = 1726;

/// Where on the way to a peer something failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureLayer {
    Name,
    Tcp,
    Mapper,
    Bind,
    Authentication,
    Call,
}

impl FailureLayer {
    /// The word that events and the doctor use.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Tcp => "tcp",
            Self::Mapper => "mapper",
            Self::Bind => "bind",
            Self::Authentication => "authentication",
            Self::Call => "call",
        }
    }
}

/// A peer could not be reached or would not answer: layer, Win32 code, words, and the place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RpcFailure {
    pub layer: FailureLayer,
    /// Win32 code, as the classic events carry it.
    pub code: u32,
    pub text: String,
    /// The string binding that was tried, as far as it was known.
    pub protocol_string: String,
}

impl fmt::Display for RpcFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} (error {}, at {}, {})",
            self.text,
            self.code,
            self.layer.as_str(),
            self.protocol_string
        )
    }
}

impl std::error::Error for RpcFailure {}

/// An interface on a host.
#[derive(Debug, Clone)]
pub struct RpcTarget {
    pub host: String,
    pub mapper_port: u16,
    pub interface: SyntaxId,
    pub level: AuthLevel,
}

impl RpcTarget {
    /// The string binding before anything is resolved.
    #[must_use]
    pub fn protocol_string(&self) -> String {
        format!("ncacn_ip_tcp:{}[{}]", self.host, self.mapper_port)
    }
}

/// Opens RPC connections; every step has its own deadline.
#[derive(Debug, Clone)]
pub struct Dialer {
    pub resolver: Resolver,
    pub connect_timeout: Duration,
    pub call_timeout: Duration,
}

impl Dialer {
    /// Opens a bound connection to `target`, trying its addresses in turn; `initiator` makes
    /// the security exchange of one attempt.
    ///
    /// # Errors
    /// One failure for each address that was tried, the first one first; never empty.
    pub async fn open(
        &self,
        target: &RpcTarget,
        mut initiator: impl FnMut() -> Box<dyn Initiator>,
    ) -> Result<RpcClient, Vec<RpcFailure>> {
        let resolved = match self.resolver.resolve(&target.host).await {
            Ok(resolved) => resolved,
            Err(error) => return Err(vec![unresolved(target, &error)]),
        };
        let mut failures = Vec::new();
        for address in resolved.addresses {
            match self.open_at(address, target, initiator()).await {
                Ok(client) => return Ok(client),
                Err(failure) => failures.push(failure),
            }
        }
        Err(failures)
    }

    /// Asks the endpoint mapper at `address` for the port of an interface.
    ///
    /// # Errors
    /// The mapper cannot be reached or knows no such interface.
    pub async fn map(
        &self,
        address: IpAddr,
        mapper_port: u16,
        interface: &SyntaxId,
    ) -> Result<u16, RpcFailure> {
        let mapper = SocketAddr::new(address, mapper_port);
        let stream = self.connect(mapper).await?;
        let at = |layer, code, text: String| RpcFailure {
            layer,
            code,
            text,
            protocol_string: binding(mapper),
        };
        let config = ClientConfig {
            interface: epm::INTERFACE,
            level: AuthLevel::None,
            initiator: None,
            max_fragment: DEFAULT_FRAGMENT,
        };
        let client = self.bind(stream, config).await.map_err(|error| {
            let (code, text) = error;
            at(FailureLayer::Mapper, code, format!("the endpoint mapper refused the bind: {text}"))
        })?;
        let request = epm::MapRequest::tcp(*interface).encode(ByteOrder::Little);
        let answer =
            client.call(epm::OP_MAP, request, self.call_timeout).await.map_err(|error| {
                at(FailureLayer::Mapper, call_code(&error), format!("the endpoint mapper: {error}"))
            })?;
        let answer = epm::MapResponse::decode(&answer.stub, answer.order).map_err(|error| {
            at(FailureLayer::Mapper, CALL_FAILED, format!("the endpoint mapper's answer: {error}"))
        })?;
        answer.port().ok_or_else(|| {
            let text =
                format!("the endpoint mapper has no endpoint for interface {}", interface.uuid);
            at(FailureLayer::Mapper, NOT_REGISTERED, text)
        })
    }

    /// Binds an interface without proving who one is, and lets go at once: a way to see whether
    /// an RPC server answers on a port, which logs nobody on.
    ///
    /// # Errors
    /// The port cannot be reached or no RPC server answers there.
    pub async fn knock(&self, to: SocketAddr, interface: &SyntaxId) -> Result<(), RpcFailure> {
        let stream = self.connect(to).await?;
        let config = ClientConfig {
            interface: *interface,
            level: AuthLevel::None,
            initiator: None,
            max_fragment: DEFAULT_FRAGMENT,
        };
        self.bind(stream, config).await.map(drop).map_err(|(code, text)| RpcFailure {
            layer: bind_layer(code),
            code,
            text: format!("RPC bind: {text}"),
            protocol_string: binding(to),
        })
    }

    /// Opens a TCP connection.
    ///
    /// # Errors
    /// It is refused, unreachable, or gets no answer in time.
    pub async fn connect(&self, to: SocketAddr) -> Result<TcpStream, RpcFailure> {
        let failure = |text: String| RpcFailure {
            layer: FailureLayer::Tcp,
            code: SERVER_UNAVAILABLE,
            text,
            protocol_string: binding(to),
        };
        match tokio::time::timeout(self.connect_timeout, TcpStream::connect(to)).await {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(error)) => Err(failure(format!("cannot connect to {to}: {error}"))),
            Err(_) => Err(failure(format!(
                "no answer from {to} within {} s",
                self.connect_timeout.as_secs()
            ))),
        }
    }

    async fn open_at(
        &self,
        address: IpAddr,
        target: &RpcTarget,
        initiator: Box<dyn Initiator>,
    ) -> Result<RpcClient, RpcFailure> {
        let port = self.map(address, target.mapper_port, &target.interface).await?;
        let to = SocketAddr::new(address, port);
        let stream = self.connect(to).await?;
        let config = ClientConfig {
            interface: target.interface,
            level: target.level,
            initiator: Some(initiator),
            max_fragment: DEFAULT_FRAGMENT,
        };
        self.bind(stream, config).await.map_err(|(code, text)| RpcFailure {
            layer: if code == ACCESS_DENIED {
                FailureLayer::Authentication
            } else {
                bind_layer(code)
            },
            code,
            text: format!("RPC bind: {text}"),
            protocol_string: binding(to),
        })
    }

    async fn bind(
        &self,
        stream: TcpStream,
        config: ClientConfig,
    ) -> Result<RpcClient, (u32, String)> {
        match tokio::time::timeout(self.call_timeout, RpcClient::bind(stream, config)).await {
            Ok(Ok(client)) => Ok(client),
            Ok(Err(error)) => Err((bind_code(&error), chain(&error))),
            Err(_) => {
                let text = format!("no answer within {} s", self.call_timeout.as_secs());
                Err((SERVER_UNAVAILABLE, text))
            }
        }
    }
}

/// A connection that is cut right after it stood looks like a closed port to the caller.
fn bind_layer(code: u32) -> FailureLayer {
    if code == SERVER_UNAVAILABLE { FailureLayer::Tcp } else { FailureLayer::Bind }
}

fn bind_code(error: &BindError) -> u32 {
    match error {
        BindError::Refused(refusal) => refusal_code(refusal),
        BindError::Connection(crate::PumpError::Io(_)) | BindError::Closed => SERVER_UNAVAILABLE,
        BindError::Connection(crate::PumpError::Protocol(_)) => CALL_FAILED,
    }
}

fn refusal_code(refusal: &BindRefusal) -> u32 {
    match refusal {
        BindRefusal::Fault { status } => Status(*status).win32(),
        BindRefusal::Context { .. } => UNKNOWN_INTERFACE,
        // Mechanisms of one leg are refused so: what the wire gives is "access denied".
        BindRefusal::Nak { reason, .. } if reason.win32() == ACCESS_DENIED => ACCESS_DENIED,
        BindRefusal::Nak { .. } => CALL_FAILED,
        BindRefusal::NoCredentials | BindRefusal::Security(_) => ACCESS_DENIED,
    }
}

fn call_code(error: &CallError) -> u32 {
    match error {
        CallError::Fault { status } => Status(*status).win32(),
        CallError::TimedOut { .. } | CallError::Lost => SERVER_UNAVAILABLE,
        CallError::Refused(_) => CALL_FAILED,
    }
}

fn unresolved(target: &RpcTarget, error: &ResolveError) -> RpcFailure {
    RpcFailure {
        layer: FailureLayer::Name,
        code: SERVER_UNAVAILABLE,
        text: error.to_string(),
        protocol_string: target.protocol_string(),
    }
}

fn binding(to: SocketAddr) -> String {
    format!("ncacn_ip_tcp:{}[{}]", to.ip(), to.port())
}

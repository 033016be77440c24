//! The way to a peer's interface: name, TCP to the mapper, the map, TCP to the port, bind.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use dcerpc::{
    AuthLevel, BindRefusal, ByteOrder, ClientConfig, DEFAULT_FRAGMENT, RpcError, SyntaxId, epm,
    status::{SEC_PKG_ERROR, Status},
};
use security::Initiator;
use tokio::net::TcpStream;

use crate::chain::chain;
use crate::pump::PumpError;
use crate::resolve::{ResolveError, Resolver};
use crate::rpc_client::{AddError, BindError, CallError, RpcClient};

/// Win32 `RPC_S_SERVER_UNAVAILABLE`: what an RPC runtime says when a name does not resolve,
/// a port is closed, or nobody answers.
const SERVER_UNAVAILABLE: u32 = 1722;
/// Win32 `EPT_S_NOT_REGISTERED`: the mapper answers but knows no such interface.
const NOT_REGISTERED: u32 = 1753;
/// Win32 `ERROR_ACCESS_DENIED`.
const ACCESS_DENIED: u32 = 5;
/// Win32 `RPC_S_UNKNOWN_AUTHN_SERVICE`.
const UNKNOWN_AUTHN_SERVICE: u32 = 1747;
/// Win32 `RPC_S_CALL_FAILED`.
const CALL_FAILED: u32 = 1726;

/// How long octets may go without an acknowledgement: several of TCP's repetitions (RFC 6298 begins with one second).
const UNACKNOWLEDGED: Duration = Duration::from_secs(20);

/// Where on the way to a peer something failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureLayer {
    Name,
    Tcp,
    Mapper,
    Bind,
    Authentication,
    /// Who calls is known, and may not.
    AccessCheck,
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
            Self::AccessCheck => "access check",
            Self::Call => "call",
        }
    }
}

/// Who said no.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusedBy {
    /// This side did not take what the other one offered.
    ThisSide,
    /// Nobody who was meant: the resolver, or the network on the way.
    Network,
    Mapper,
    Server,
}

impl RefusedBy {
    /// The words that reports use.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ThisSide => "this side",
            Self::Network => "the network",
            Self::Mapper => "the endpoint mapper",
            Self::Server => "the server",
        }
    }
}

/// What a failure was seen by: the PDU and the number in it, untranslated, and who sent it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Evidence {
    /// `bind_nak`, `bind_ack`, `fault` or `response`; none where no PDU came.
    pub pdu: Option<&'static str>,
    /// The status or reason in that PDU.
    pub status: Option<u32>,
    pub refused_by: Option<RefusedBy>,
}

impl Evidence {
    /// No PDU came.
    #[must_use]
    pub fn by(refused_by: RefusedBy) -> Self {
        Self { refused_by: Some(refused_by), ..Self::default() }
    }

    /// A PDU of the server with a number in it.
    #[must_use]
    pub fn in_pdu(pdu: &'static str, status: u32) -> Self {
        Self { pdu: Some(pdu), status: Some(status), refused_by: Some(RefusedBy::Server) }
    }

    /// The same of the endpoint mapper.
    #[must_use]
    fn of_mapper(self) -> Self {
        match self.refused_by {
            Some(RefusedBy::Server) => Self { refused_by: Some(RefusedBy::Mapper), ..self },
            _ => self,
        }
    }

    /// What a failed call was seen by.
    #[must_use]
    pub fn of_call(error: &CallError) -> Self {
        match error {
            CallError::Fault { status } => Self::in_pdu("fault", *status),
            CallError::TimedOut { .. } | CallError::Lost => Self::by(RefusedBy::Network),
            CallError::Refused(_) => Self::by(RefusedBy::ThisSide),
        }
    }

    /// What a failed bind was seen by.
    #[must_use]
    pub fn of_bind(error: &BindError) -> Self {
        match error {
            BindError::Refused(refusal) => Self::of_refusal(refusal, "bind_ack"),
            BindError::Connection(PumpError::Protocol(_)) => Self::by(RefusedBy::ThisSide),
            BindError::Connection(PumpError::Io(_)) | BindError::Closed => {
                Self::by(RefusedBy::Network)
            }
        }
    }

    /// What shows that an interface or an identity was not added.
    #[must_use]
    pub fn of_alteration(error: &AddError) -> Self {
        match error {
            AddError::Refused(refusal) => Self::of_refusal(refusal, "alter_context_resp"),
            AddError::NotAsked(_) => Self::by(RefusedBy::ThisSide),
            AddError::TimedOut { .. } | AddError::Lost => Self::by(RefusedBy::Network),
        }
    }

    fn of_refusal(refusal: &BindRefusal, answer: &'static str) -> Self {
        match refusal {
            BindRefusal::Nak { reason, .. } => Self::in_pdu("bind_nak", reason.0.into()),
            BindRefusal::Context { reason, .. } => Self::in_pdu(answer, reason.0.into()),
            BindRefusal::Fault { status } => Self::in_pdu("fault", *status),
            BindRefusal::NoCredentials | BindRefusal::Security(_) => Self::by(RefusedBy::ThisSide),
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
    pub evidence: Evidence,
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
    /// The same with no wait longer than this.
    #[must_use]
    pub fn hurried(self, most: Duration) -> Self {
        Self {
            connect_timeout: self.connect_timeout.min(most),
            call_timeout: self.call_timeout.min(most),
            ..self
        }
    }

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
        let at = |code, text: String, evidence: Evidence| RpcFailure {
            layer: FailureLayer::Mapper,
            code,
            text,
            protocol_string: binding(mapper),
            evidence: evidence.of_mapper(),
        };
        let config = ClientConfig {
            interface: epm::INTERFACE,
            level: AuthLevel::None,
            initiator: None,
            max_fragment: DEFAULT_FRAGMENT,
        };
        let client = self.bind(stream, config).await.map_err(|failed| {
            let text = format!("the endpoint mapper refused the bind: {}", failed.text);
            at(failed.code, text, failed.evidence)
        })?;
        let request = epm::MapRequest::tcp(*interface).encode(ByteOrder::Little);
        let answer =
            client.call(epm::OP_MAP, request, self.call_timeout).await.map_err(|error| {
                let text = format!("the endpoint mapper: {error}");
                at(call_code(&error), text, Evidence::of_call(&error))
            })?;
        let answer = epm::MapResponse::decode(&answer.stub, answer.order).map_err(|error| {
            let text = format!("the endpoint mapper's answer: {error}");
            at(CALL_FAILED, text, Evidence::by(RefusedBy::ThisSide))
        })?;
        answer.port().ok_or_else(|| {
            let text =
                format!("the endpoint mapper has no endpoint for interface {}", interface.uuid);
            at(NOT_REGISTERED, text, Evidence::in_pdu("response", answer.status))
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
        self.bind(stream, config).await.map(drop).map_err(|failed| failed.at(to))
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
            evidence: Evidence::by(RefusedBy::Network),
        };
        match tokio::time::timeout(self.connect_timeout, TcpStream::connect(to)).await {
            Ok(Ok(stream)) => {
                self.give_up_early(&stream);
                Ok(stream)
            }
            Ok(Err(error)) => Err(failure(format!("cannot connect to {to}: {error}"))),
            Err(_) => Err(failure(format!(
                "no answer from {to} within {} s",
                self.connect_timeout.as_secs()
            ))),
        }
    }

    /// Lets the system give up a connection over which nothing is acknowledged (TCP_USER_TIMEOUT, RFC 5482). A machine acknowledges also
    /// while its program thinks, so it is the path that is gone; without this TCP repeats what was dropped after ever longer waits, and
    /// goes on waiting long after the path is mended.
    fn give_up_early(&self, stream: &TcpStream) {
        let most = self.call_timeout.min(UNACKNOWLEDGED);
        let most = u32::try_from(most.as_millis()).unwrap_or(u32::MAX);
        // Where the system has no such thing, its own limit stands.
        let _ = rustix::net::sockopt::set_tcp_user_timeout(stream, most);
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
        self.bind(stream, config).await.map_err(|failed| failed.at(to))
    }

    async fn bind(&self, stream: TcpStream, config: ClientConfig) -> Result<RpcClient, FailedBind> {
        match tokio::time::timeout(self.call_timeout, RpcClient::bind(stream, config)).await {
            Ok(Ok(client)) => Ok(client),
            Ok(Err(error)) => Err(FailedBind::new(&error)),
            Err(_) => Err(FailedBind {
                layer: FailureLayer::Tcp,
                code: SERVER_UNAVAILABLE,
                text: format!("no answer within {} s", self.call_timeout.as_secs()),
                evidence: Evidence::by(RefusedBy::Network),
            }),
        }
    }
}

/// A bind that failed after TCP stood.
struct FailedBind {
    layer: FailureLayer,
    code: u32,
    text: String,
    evidence: Evidence,
}

impl FailedBind {
    fn new(error: &BindError) -> Self {
        let (layer, code) = match error {
            BindError::Refused(BindRefusal::Security(failure))
            | BindError::Connection(PumpError::Protocol(RpcError::Security(failure))) => {
                // What the peer offers is not taken here, or this side has nothing to offer.
                (FailureLayer::Authentication, failure.logon_failure().win32())
            }
            BindError::Refused(refusal) => match refusal.win32() {
                code @ (ACCESS_DENIED | SEC_PKG_ERROR | UNKNOWN_AUTHN_SERVICE) => {
                    (FailureLayer::Authentication, code)
                }
                code => (FailureLayer::Bind, code),
            },
            // A connection that is cut right after it stood looks like a closed port to the caller.
            BindError::Connection(PumpError::Io(_)) | BindError::Closed => {
                (FailureLayer::Tcp, SERVER_UNAVAILABLE)
            }
            BindError::Connection(PumpError::Protocol(_)) => (FailureLayer::Bind, CALL_FAILED),
        };
        Self { layer, code, text: chain(error), evidence: Evidence::of_bind(error) }
    }

    fn at(self, to: SocketAddr) -> RpcFailure {
        let Self { layer, code, text, evidence } = self;
        let text = format!("RPC bind: {text}");
        RpcFailure { layer, code, text, protocol_string: binding(to), evidence }
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
        evidence: Evidence::by(RefusedBy::Network),
    }
}

fn binding(to: SocketAddr) -> String {
    format!("ncacn_ip_tcp:{}[{}]", to.ip(), to.port())
}

//! The way to an interface, told step by step.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use dcerpc::status::{
    ACCESS_DENIED, ENDPOINT_NOT_REGISTERED, SEC_PKG_ERROR, SERVER_UNAVAILABLE, Status,
};
use dcerpc::{
    AuthLevel, BindRefusal, ByteOrder, ClientConfig, ContextNumber, DEFAULT_FRAGMENT, RpcError,
    SyntaxId, epm, well_known,
};
use net::{
    AddError, BindError, CallError, Evidence, PumpError, RefusedBy, Reply, Resolver, RpcClient,
    chain,
};
use security::{Initiator, KerberosCode, LogonFailure};
use serde::Serialize;
use tokio::net::TcpStream;

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum StepResult {
    Ok,
    /// The other side says no to what was asked.
    Refused,
    /// Nobody answers in time.
    Timeout,
    /// The other side says no to who asks.
    Denied,
    /// What came is no answer, or something broke.
    Error,
}

/// One step on the way, as people and programs read it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Step {
    /// `name`, `kdc`, `ticket`, `tcp`, `mapper`, `bind`, `authentication`, `call` or `lookup`.
    pub step: &'static str,
    pub target: String,
    pub result: StepResult,
    /// A Win32 code; 0 when all went well.
    pub code: u32,
    pub text: String,
    pub ms: f64,
    /// What Kerberos calls it, where it was Kerberos that said no.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kerberos: Option<KerberosFault>,
    #[serde(flatten)]
    pub evidence: StepEvidence,
}

impl Step {
    fn well(step: &'static str, target: String, text: String, ms: f64) -> Self {
        Self::other(step, target, (StepResult::Ok, 0, text), ms)
    }

    /// A step of another protocol: nothing is known beside its code and its words.
    pub(crate) fn other(
        step: &'static str,
        target: String,
        (result, code, text): (StepResult, u32, String),
        ms: f64,
    ) -> Self {
        let evidence = StepEvidence::default();
        Self { step, target, result, code, text, ms, kerberos: None, evidence }
    }
}

/// What a refusal was seen by; empty where all went well.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct StepEvidence {
    /// The PDU that said no: `bind_nak`, `bind_ack`, `fault` or `response`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pdu: Option<&'static str>,
    /// The number in it as it came, in hex.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused_by: Option<&'static str>,
}

impl From<Evidence> for StepEvidence {
    fn from(evidence: Evidence) -> Self {
        Self {
            pdu: evidence.pdu,
            status: evidence.status.map(|status| format!("{status:#010x}")),
            refused_by: evidence.refused_by.map(RefusedBy::as_str),
        }
    }
}

/// A code of Kerberos with its name and what to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KerberosFault {
    pub code: u32,
    pub name: Option<&'static str>,
    pub remedy: &'static str,
}

impl KerberosFault {
    pub(super) fn new(code: KerberosCode) -> Self {
        Self { code: code.0, name: code.name(), remedy: code.remedy() }
    }
}

/// A step that ended otherwise than well.
pub(super) struct Stop {
    pub(super) result: StepResult,
    pub(super) code: u32,
    pub(super) text: String,
    /// Where the cause lies, when that is another step than the one under way.
    pub(super) step: Option<&'static str>,
    pub(super) kerberos: Option<KerberosFault>,
    pub(super) evidence: Evidence,
}

impl Stop {
    pub(super) fn new(result: StepResult, code: u32, text: impl Into<String>) -> Self {
        let evidence = Evidence::default();
        Self { result, code, text: text.into(), step: None, kerberos: None, evidence }
    }

    fn seen_by(self, evidence: Evidence) -> Self {
        Self { evidence, ..self }
    }

    fn timeout(waited: Duration) -> Self {
        let text = format!("no answer within {} s", waited.as_secs_f32());
        Self::new(StepResult::Timeout, SERVER_UNAVAILABLE, text)
            .seen_by(Evidence::by(RefusedBy::Network))
    }
}

/// Who walks, and how long each step may take.
pub(super) struct Walk {
    pub(super) steps: Vec<Step>,
    pub(super) patience: Duration,
    resolver: Resolver,
}

impl Walk {
    pub(super) fn new(patience: Duration) -> Self {
        Self { steps: Vec::new(), patience, resolver: Resolver::default() }
    }

    /// With a table of names that is asked first.
    pub(super) fn knowing(self, hosts: &BTreeMap<String, Vec<IpAddr>>) -> Self {
        Self { resolver: Resolver::new(hosts), ..self }
    }

    /// Takes one step and tells of it; `said` words a success.
    pub(super) async fn step<T>(
        &mut self,
        step: &'static str,
        target: impl Into<String>,
        work: impl Future<Output = Result<T, Stop>>,
        said: impl FnOnce(&T) -> String,
    ) -> Option<T> {
        let begun = Instant::now();
        let outcome = match tokio::time::timeout(self.patience, work).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Stop::timeout(self.patience)),
        };
        let said = outcome.as_ref().map_or_else(|_| String::new(), said);
        self.tell(step, target, begun, outcome, said)
    }

    /// Tells of a step that was taken elsewhere, and may have taken longer than others may.
    pub(super) fn tell<T>(
        &mut self,
        step: &'static str,
        target: impl Into<String>,
        begun: Instant,
        outcome: Result<T, Stop>,
        said: String,
    ) -> Option<T> {
        let ms = milliseconds(begun.elapsed());
        let target = target.into();
        let (told, value) = match outcome {
            Ok(value) => (Step::well(step, target, said, ms), Some(value)),
            Err(Stop { result, code, text, step: other, kerberos, evidence }) => {
                let step = other.unwrap_or(step);
                let evidence = evidence.into();
                (Step { step, target, result, code, text, ms, kerberos, evidence }, None)
            }
        };
        self.steps.push(told);
        value
    }

    /// True when the last step was this one and did not end well.
    pub(super) fn stopped_at(&self, step: &str) -> bool {
        self.steps.last().is_some_and(|last| last.step == step && last.result != StepResult::Ok)
    }

    pub(super) async fn resolve(&mut self, host: &str) -> Option<Vec<IpAddr>> {
        let resolver = self.resolver.clone();
        let work = async {
            let found = resolver.resolve(host).await.map_err(|error| {
                Stop::new(StepResult::Error, SERVER_UNAVAILABLE, error.to_string())
                    .seen_by(Evidence::by(RefusedBy::Network))
            })?;
            Ok(found.addresses)
        };
        let list = |found: &Vec<IpAddr>| {
            found.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
        };
        self.step("name", host, work, list).await
    }

    pub(super) async fn connect(&mut self, to: SocketAddr) -> Option<TcpStream> {
        let work = async {
            TcpStream::connect(to).await.map_err(|error| {
                let result = match error.kind() {
                    io::ErrorKind::ConnectionRefused => StepResult::Refused,
                    io::ErrorKind::TimedOut => StepResult::Timeout,
                    _ => StepResult::Error,
                };
                Stop::new(result, SERVER_UNAVAILABLE, error.to_string())
                    .seen_by(Evidence::by(RefusedBy::Network))
            })
        };
        self.step("tcp", to.to_string(), work, |_| "connected".to_owned()).await
    }

    /// Binds an interface, with an identity when there is an initiator.
    pub(super) async fn bind(
        &mut self,
        stream: TcpStream,
        interface: SyntaxId,
        level: AuthLevel,
        initiator: Option<Box<dyn Initiator>>,
    ) -> Option<RpcClient> {
        let (layer, said) = match &initiator {
            None => ("bind", "bound, as nobody".to_owned()),
            Some(_) => ("authentication", format!("bound, level {}", level_name(level))),
        };
        let config = ClientConfig { interface, level, initiator, max_fragment: DEFAULT_FRAGMENT };
        let work = async {
            RpcClient::bind(stream, config).await.map_err(|error| bind_stop(&error, layer))
        };
        self.step("bind", interface_name(&interface), work, |_| said).await
    }

    /// Adds an interface to a bound connection.
    pub(super) async fn alter(
        &mut self,
        client: &RpcClient,
        interface: SyntaxId,
    ) -> Option<ContextNumber> {
        let patience = self.patience;
        let work = async {
            client.add_interface(interface, patience).await.map_err(|error| add_stop(&error))
        };
        let said = |_: &ContextNumber| "added to the connection".to_owned();
        self.step("alter", interface_name(&interface), work, said).await
    }

    /// Asks the mapper at `address` where an interface is.
    pub(super) async fn map(
        &mut self,
        address: IpAddr,
        mapper_port: u16,
        interface: SyntaxId,
    ) -> Option<u16> {
        let mapper = SocketAddr::new(address, mapper_port);
        let stream = self.connect(mapper).await?;
        let client = self.bind(stream, epm::INTERFACE, AuthLevel::None, None).await?;
        let patience = self.patience;
        let work =
            async {
                let request = epm::MapRequest::tcp(interface).encode(ByteOrder::Little);
                let reply = client.call(epm::OP_MAP, request, patience).await;
                let Reply { stub, order } = reply.map_err(|error| call_stop(&error))?;
                let answer = epm::MapResponse::decode(&stub, order)
                    .map_err(|error| Stop::new(StepResult::Error, 1783, error.to_string()))?;
                answer.port().ok_or_else(|| {
                    let text = "the endpoint mapper knows no such interface on TCP";
                    let status = Some(answer.status);
                    let refused_by = Some(RefusedBy::Mapper);
                    Stop::new(StepResult::Refused, ENDPOINT_NOT_REGISTERED, text)
                        .seen_by(Evidence { pdu: Some("response"), status, refused_by })
                })
            };
        let target = interface_name(&interface);
        self.step("mapper", target, work, |port| format!("port {port}")).await
    }
}

/// An interface as people know it.
#[must_use]
pub fn interface_name(interface: &SyntaxId) -> String {
    match well_known::name(interface.uuid) {
        Some(name) => format!("{interface} {name}"),
        None => interface.to_string(),
    }
}

fn level_name(level: AuthLevel) -> &'static str {
    match level {
        AuthLevel::None => "none",
        AuthLevel::Connect => "connect",
        AuthLevel::Call => "call",
        AuthLevel::Packet => "packet",
        AuthLevel::Integrity => "integrity",
        AuthLevel::Privacy => "privacy",
    }
}

fn bind_stop(error: &BindError, layer: &'static str) -> Stop {
    let mut text = chain(error);
    if matches!(error, BindError::Refused(refusal) if refusal.win32() == SEC_PKG_ERROR) {
        text.push_str("; so Samba answers where it does not take the account or its password");
    }
    let (result, code, step) = match error {
        BindError::Refused(refusal) => {
            let code = refusal.win32();
            let by_interface = matches!(refusal, BindRefusal::Context { .. });
            match code {
                ACCESS_DENIED => (StepResult::Denied, code, Some(layer)),
                _ if by_interface => (StepResult::Refused, code, None),
                _ => (StepResult::Refused, code, Some(layer)),
            }
        }
        BindError::Connection(PumpError::Protocol(RpcError::Security(failure))) => {
            (StepResult::Error, failure.logon_failure().win32(), Some("authentication"))
        }
        BindError::Connection(PumpError::Protocol(_)) => (StepResult::Error, 1728, None),
        BindError::Connection(PumpError::Io(_)) => (StepResult::Error, 1726, None),
        // How servers say no that do not want to say why.
        BindError::Closed => (StepResult::Refused, 1726, Some(layer)),
    };
    let kerberos = match error {
        BindError::Connection(PumpError::Protocol(RpcError::Security(failure))) => {
            match failure.logon_failure() {
                LogonFailure::Kerberos(code) => Some(KerberosFault::new(code)),
                _ => None,
            }
        }
        _ => None,
    };
    Stop { result, code, text, step, kerberos, evidence: Evidence::of_bind(error) }
}

fn add_stop(error: &AddError) -> Stop {
    let text = chain(error);
    let stop = match error {
        AddError::Refused(refusal) => Stop::new(StepResult::Refused, refusal.win32(), text),
        AddError::TimedOut { .. } => Stop::new(StepResult::Timeout, SERVER_UNAVAILABLE, text),
        AddError::Lost => Stop::new(StepResult::Error, 1726, text),
        AddError::NotAsked(_) => Stop::new(StepResult::Error, 1728, text),
    };
    stop.seen_by(Evidence::of_alteration(error))
}

pub(super) fn call_stop(error: &CallError) -> Stop {
    let stop = match error {
        CallError::Fault { status } => {
            let code = Status(*status).win32();
            let result =
                if code == ACCESS_DENIED { StepResult::Denied } else { StepResult::Refused };
            Stop::new(result, code, Status(*status).to_string())
        }
        CallError::TimedOut { .. } => {
            Stop::new(StepResult::Timeout, SERVER_UNAVAILABLE, chain(error))
        }
        CallError::Lost => Stop::new(StepResult::Error, 1726, chain(error)),
        CallError::Refused(_) => Stop::new(StepResult::Error, 1728, chain(error)),
    };
    Stop { evidence: Evidence::of_call(error), ..stop }
}

fn milliseconds(elapsed: Duration) -> f64 {
    // Microseconds are as fine as a clock on two machines is good for.
    (elapsed.as_secs_f64() * 1e6).round() / 1e3
}

//! A look at an X.400 MTA from outside: each application context is offered, nothing is sent.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use config::TlsFiles;
use jiff::Timestamp;
use mta::{
    Association, Call, Expected, Output, Refusal, Rfc1006, Selectors, Terms, TransferProtocol,
    TransportParameters,
};
use net::{Resolver, chain};
use tokio::net::TcpStream;
use x400::Credentials;

use crate::node::random;
use crate::rpc_tools::{Step, StepResult};
use crate::x400_link::{Line, LineEnd, credentials};

pub use mta::Presented;
pub use x400::Secret;

/// The largest TPDU that RFC 1006 allows to offer.
const TPDU: usize = 65_531;
/// What RTSE has when nothing is said.
const TERMS: Terms = Terms { checkpoint_kib: 30, window: 3 };

/// Who is looked at, and who says to look.
#[derive(Debug, Clone)]
pub struct ProbeSettings {
    pub host: String,
    /// Names and their addresses, asked before the system's resolver.
    pub hosts: BTreeMap<String, Vec<IpAddr>>,
    pub port: u16,
    /// What is presented in the MTA bind.
    pub presented: Presented,
    /// Selectors of the other MTA, as it may listen at several.
    pub transport: Vec<u8>,
    pub session: Vec<u8>,
    pub presentation: Vec<u8>,
    /// Over TLS: what is shown and trusted, and the name that the other MTA's certificate must have.
    pub tls: Option<(TlsFiles, String)>,
    /// For each step.
    pub patience: Duration,
}

/// Offers each application context, monologue and two-way alternate, telling each step.
pub async fn probe(settings: &ProbeSettings) -> Vec<Step> {
    let mut steps = Vec::new();
    let Some(address) = reach(settings, &mut steps).await else { return steps };
    for protocol in TransferProtocol::ALL {
        for two_way in [false, true] {
            let begun = Instant::now();
            let (result, code, text) = offer(settings, address, protocol, two_way).await;
            let dialogue = if two_way { "two-way-alternate" } else { "monologue" };
            let target = format!("{address} {dialogue}");
            steps.push(step(protocol.name(), target, begun, (result, code, text)));
        }
    }
    steps
}

fn step(
    name: &'static str,
    target: String,
    begun: Instant,
    outcome: (StepResult, u32, String),
) -> Step {
    Step::other(name, target, outcome, begun.elapsed().as_secs_f64() * 1000.0)
}

/// The first address that takes a connection, which is closed again.
async fn reach(settings: &ProbeSettings, steps: &mut Vec<Step>) -> Option<SocketAddr> {
    let begun = Instant::now();
    let found = Resolver::new(&settings.hosts).resolve(&settings.host).await;
    let addresses = match found {
        Ok(found) => found.addresses,
        Err(error) => {
            let outcome = (StepResult::Error, 0, chain(&error));
            steps.push(step("name", settings.host.clone(), begun, outcome));
            return None;
        }
    };
    let list = addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    steps.push(step("name", settings.host.clone(), begun, (StepResult::Ok, 0, list)));
    for address in addresses {
        let (to, begun) = (SocketAddr::new(address, settings.port), Instant::now());
        let (reached, outcome) = match connect(to, settings.patience).await {
            Ok(_) => (true, (StepResult::Ok, 0, "connected".to_owned())),
            Err(outcome) => (false, outcome),
        };
        steps.push(step("tcp", to.to_string(), begun, outcome));
        if reached {
            return tls_stands(settings, to, steps).await.then_some(to);
        }
    }
    None
}

/// Agrees on TLS, where it is wanted, and leaves; false when it does not come about.
async fn tls_stands(settings: &ProbeSettings, to: SocketAddr, steps: &mut Vec<Step>) -> bool {
    if settings.tls.is_none() {
        return true;
    }
    let begun = Instant::now();
    let tried = async {
        let stream = connect(to, settings.patience).await?;
        let machine = machine(settings, TransferProtocol::MtsTransfer, false)?;
        let mut line = line(settings, to, machine, stream).await?;
        let agreed = line.secure(settings.patience).await;
        let suite = line.suite();
        line.close().await;
        agreed.map_err(|end| lost(settings, &end))?;
        Ok(suite.unwrap_or_default())
    };
    let (stands, outcome) = match tried.await {
        Ok(suite) => (true, (StepResult::Ok, 0, suite)),
        Err(outcome) => (false, outcome),
    };
    steps.push(step("tls", to.to_string(), begun, outcome));
    stands
}

type Failed = (StepResult, u32, String);

/// The connection as it is wanted, with TLS or without.
async fn line(
    settings: &ProbeSettings,
    to: SocketAddr,
    machine: Rfc1006,
    stream: TcpStream,
) -> Result<Line, Failed> {
    let Some((files, name)) = &settings.tls else {
        return Ok(Line::new(&to.to_string(), machine, stream));
    };
    let own = credentials(files).await.map_err(|error| (StepResult::Error, 0, chain(&error)))?;
    Line::secured_call(&to.to_string(), machine, stream, (own, name))
        .map_err(|error| (StepResult::Error, 0, chain(&error)))
}

/// Why an open connection gave no answer.
fn lost(settings: &ProbeSettings, end: &LineEnd) -> Failed {
    match end {
        LineEnd::Silent { .. } => silent(settings.patience),
        // One of the two certificates is not to the taste of the other side.
        LineEnd::Tls { source, .. } => (StepResult::Denied, source.fault.code(), chain(end)),
        end => (StepResult::Error, 0, chain(end)),
    }
}

async fn connect(to: SocketAddr, patience: Duration) -> Result<TcpStream, Failed> {
    match tokio::time::timeout(patience, TcpStream::connect(to)).await {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(error)) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
            Err((StepResult::Refused, 0, error.to_string()))
        }
        Ok(Err(error)) => Err((StepResult::Error, 0, error.to_string())),
        Err(_) => Err(silent(patience)),
    }
}

fn silent(patience: Duration) -> (StepResult, u32, String) {
    (StepResult::Timeout, 0, format!("no answer within {} s", patience.as_secs()))
}

/// Opens an association, asks nothing of it and releases it.
async fn offer(
    settings: &ProbeSettings,
    to: SocketAddr,
    protocol: TransferProtocol,
    two_way: bool,
) -> (StepResult, u32, String) {
    let opened = async {
        let stream = connect(to, settings.patience).await?;
        let machine = machine(settings, protocol, two_way)?;
        line(settings, to, machine, stream).await
    };
    let mut line = match opened.await {
        Ok(line) => line,
        Err(outcome) => return outcome,
    };
    let outcome = match line.next_output_within(settings.patience).await {
        Ok(Output::Opened) => {
            let told = opened_with(&mut line);
            line.association().release();
            // How the other side takes the release is not what was asked.
            let _ = line.next_output_within(settings.patience).await;
            (StepResult::Ok, 0, told)
        }
        Ok(Output::Refused(refusal)) => refused(&refusal),
        Ok(Output::Ended(why)) => {
            (StepResult::Error, 0, why.unwrap_or_else(|| "the association was released".to_owned()))
        }
        Ok(other) => (StepResult::Error, 0, format!("an unexpected answer: {other:?}")),
        Err(end) => lost(settings, &end),
    };
    line.close().await;
    outcome
}

fn machine(
    settings: &ProbeSettings,
    protocol: TransferProtocol,
    two_way: bool,
) -> Result<Rfc1006, Failed> {
    let association = Association::call(Call {
        protocol,
        two_way,
        recover: None,
        local: settings.presented.clone(),
        // Whoever answers is told of, not judged.
        remote: Expected::anything(),
        terms: TERMS,
        calling: Selectors::default(),
        called: Selectors {
            session: settings.session.clone(),
            presentation: settings.presentation.clone(),
        },
        reference: format!("probe-{:08x}", u32::from_be_bytes(random())),
        utc_time: x400::format_utc_time(Timestamp::now()),
    });
    let parameters = TransportParameters {
        tpdu: TPDU,
        calling_selector: Vec::new(),
        called_selector: settings.transport.clone(),
    };
    Rfc1006::call(&parameters, association).map_err(|error| (StepResult::Error, 0, chain(&error)))
}

fn opened_with(line: &mut Line) -> String {
    let association = line.association();
    let who = match association.remote_identity() {
        None => "an MTA that does not tell its name".to_owned(),
        Some(identity) => {
            let name = match &*identity.name {
                "" => "an MTA without a name".to_owned(),
                name => format!("the MTA {name}"),
            };
            let simple = matches!(
                identity.credentials,
                None | Some(Credentials::Password(_) | Credentials::PasswordOctets(_))
            );
            match (simple, identity.security_context()) {
                (true, None) => name,
                _ => format!("{name}, which presents {}", identity.manner()),
            }
        }
    };
    match association.agreed() {
        Some(terms) if terms.checkpoint_kib == 0 => format!("{who}; no checkpoints"),
        Some(terms) => {
            let Terms { checkpoint_kib, window } = terms;
            format!("{who}; checkpoints of {checkpoint_kib} KiB, window {window}")
        }
        None => who,
    }
}

/// The MTA itself refuses who asks; the layers below refuse what is asked.
fn refused(refusal: &Refusal) -> (StepResult, u32, String) {
    let result = match refusal.provider {
        mta::RefusalProvider::Mta => StepResult::Denied,
        _ => StepResult::Refused,
    };
    (result, u32::try_from(refusal.reason).unwrap_or(0), refusal.text.clone())
}

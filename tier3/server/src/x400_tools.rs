//! A look at an X.400 MTA from outside: each application context is offered, nothing is sent.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use mta::{
    Association, Call, Expected, Output, Refusal, Rfc1006, Selectors, Terms, TransferProtocol,
    TransportParameters,
};
use net::{Resolver, chain};
use tokio::net::TcpStream;

use crate::node::random;
use crate::rpc_tools::{Step, StepResult};
use crate::x400_link::{Line, LineEnd};

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
    pub port: u16,
    /// What is presented in the MTA bind.
    pub presented: Presented,
    /// Selectors of the other MTA, as it may listen at several.
    pub transport: Vec<u8>,
    pub session: Vec<u8>,
    pub presentation: Vec<u8>,
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
    (result, code, text): (StepResult, u32, String),
) -> Step {
    Step { step: name, target, result, code, text, ms: begun.elapsed().as_secs_f64() * 1000.0 }
}

/// The first address that takes a connection, which is closed again.
async fn reach(settings: &ProbeSettings, steps: &mut Vec<Step>) -> Option<SocketAddr> {
    let begun = Instant::now();
    let found = Resolver::default().resolve(&settings.host).await;
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
            return Some(to);
        }
    }
    None
}

async fn connect(
    to: SocketAddr,
    patience: Duration,
) -> Result<TcpStream, (StepResult, u32, String)> {
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
    let stream = match connect(to, settings.patience).await {
        Ok(stream) => stream,
        Err(outcome) => return outcome,
    };
    let association = Association::call(Call {
        protocol,
        two_way,
        recover: None,
        local: settings.presented.clone(),
        // Whoever answers is told of, not judged.
        remote: Expected { name: String::new(), password: None, ignore_case: true },
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
    let machine = match Rfc1006::call(&parameters, association) {
        Ok(machine) => machine,
        Err(error) => return (StepResult::Error, 0, chain(&error)),
    };
    let mut line = Line::new(&to.to_string(), machine, stream);
    let outcome = match line.next_output_within(settings.patience).await {
        Ok(Output::Opened) => {
            let told = opened(&mut line);
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
        Err(LineEnd::Silent { .. }) => silent(settings.patience),
        Err(error) => (StepResult::Error, 0, chain(&error)),
    };
    line.close().await;
    outcome
}

fn opened(line: &mut Line) -> String {
    let association = line.association();
    let who = match association.remote_name() {
        Some(name) => format!("the MTA {name}"),
        None => "an MTA that does not tell its name".to_owned(),
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

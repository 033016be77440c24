//! The road to a peer's MTA interface, step by step: name, mapper, map, port.

use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use crate::fact::taken;
use crate::line::check_line;
use dcerpc::{SyntaxId, epm};
use diagnosis::{ProbeFact, ProbeResult};
use net::{Dialer, FailureLayer, RefusedBy, RpcFailure, Source};

/// Where a road leads and from where.
#[derive(Debug, Clone)]
pub struct Road<'a> {
    /// The server that walks it.
    pub from: &'a str,
    pub host: &'a str,
    pub mapper_port: u16,
    pub interface: SyntaxId,
}

/// Walks the road until a step fails; one fact for each step made. With `line`, the line is looked at beside it.
pub async fn check_road(dialer: &Dialer, road: &Road<'_>, line: bool) -> Vec<ProbeFact> {
    let mut facts = Vec::new();
    for address in resolve(dialer, road, &mut facts).await {
        let quality =
            async { if line { check_line(dialer, road, address).await } else { Vec::new() } };
        let (steps, quality) = tokio::join!(check_address(dialer, road, address), quality);
        facts.extend(steps);
        facts.extend(quality);
    }
    facts
}

/// Whether the port of an X.400 MTA answers; it is let go before a word is said.
pub async fn check_x400(dialer: &Dialer, from: &str, host: &str, port: u16) -> Vec<ProbeFact> {
    // Of an RPC road only the two ends are used here.
    let interface = epm::INTERFACE;
    let road = Road { from, host, mapper_port: port, interface };
    let mut facts = Vec::new();
    let target = format!("{host}:{port}");
    for address in resolve(dialer, &road, &mut facts).await {
        let (to, started) = (SocketAddr::new(address, port), Instant::now());
        facts.push(match dialer.connect(to).await {
            Ok(_) => {
                let detail = format!("{to} answers");
                fact(&road, "tcp-x400", &target, ProbeResult::Ok, detail, started)
            }
            Err(failure) => failed(&road, "tcp-x400", &target, &failure, started),
        });
    }
    facts
}

/// The addresses of the host, and the fact about its name.
async fn resolve(dialer: &Dialer, road: &Road<'_>, facts: &mut Vec<ProbeFact>) -> Vec<IpAddr> {
    let started = Instant::now();
    match dialer.resolver.resolve(road.host).await {
        Ok(resolved) => {
            let source = match resolved.source {
                Source::Literal => "it is an address",
                Source::Hosts => "from [hosts]",
                Source::System => "from the system's resolver",
            };
            let list: Vec<String> = resolved.addresses.iter().map(ToString::to_string).collect();
            let detail = format!("{}, {source}", list.join(", "));
            facts.push(fact(road, "resolve", road.host, ProbeResult::Ok, detail, started));
            resolved.addresses
        }
        Err(error) => {
            let result = ProbeResult::NotFound;
            facts.push(fact(road, "resolve", road.host, result, error.to_string(), started));
            Vec::new()
        }
    }
}

async fn check_address(dialer: &Dialer, road: &Road<'_>, address: IpAddr) -> Vec<ProbeFact> {
    let mut facts = Vec::new();
    let mapper = SocketAddr::new(address, road.mapper_port);
    let target = format!("{}:{}", road.host, road.mapper_port);
    let started = Instant::now();
    if let Err(failure) = dialer.connect(mapper).await {
        facts.push(failed(road, "tcp-mapper", &target, &failure, started));
        return facts;
    }
    let detail = format!("{mapper} answers");
    facts.push(fact(road, "tcp-mapper", &target, ProbeResult::Ok, detail, started));
    let started = Instant::now();
    let port = match dialer.map(address, road.mapper_port, &road.interface).await {
        Ok(port) => port,
        Err(failure) => {
            facts.push(failed(road, "map", &target, &failure, started));
            return facts;
        }
    };
    let detail = format!("the interface is on port {port}");
    facts.push(fact(road, "map", &target, ProbeResult::Ok, detail, started));
    let (to, target) = (SocketAddr::new(address, port), format!("{}:{port}", road.host));
    let started = Instant::now();
    facts.push(match dialer.knock(to, &road.interface).await {
        Ok(()) => {
            let detail = format!("{to} answers an RPC bind");
            fact(road, "tcp-rpc", &target, ProbeResult::Ok, detail, started)
        }
        Err(failure) => failed(road, "tcp-rpc", &target, &failure, started),
    });
    facts
}

fn failed(
    road: &Road<'_>,
    check: &str,
    target: &str,
    failure: &RpcFailure,
    started: Instant,
) -> ProbeFact {
    let text = failure.text.to_lowercase();
    let result = match failure.layer {
        FailureLayer::Name => ProbeResult::NotFound,
        FailureLayer::Authentication | FailureLayer::AccessCheck => ProbeResult::Denied,
        FailureLayer::Tcp if text.contains("refused") => ProbeResult::Refused,
        FailureLayer::Tcp if text.contains("no answer") => ProbeResult::Timeout,
        // It was accepted and then cut.
        FailureLayer::Tcp if text.contains("reset") || text.contains("closed") => {
            ProbeResult::Reset
        }
        // It was reached, and what was asked came to nothing on the way.
        FailureLayer::Mapper if failure.evidence.refused_by == Some(RefusedBy::Network) => {
            ProbeResult::Timeout
        }
        FailureLayer::Mapper => ProbeResult::NotFound,
        FailureLayer::Tcp | FailureLayer::Bind | FailureLayer::Call => ProbeResult::Error,
    };
    fact(road, check, target, result, failure.text.clone(), started)
}

pub(crate) fn fact(
    road: &Road<'_>,
    check: &str,
    target: &str,
    result: ProbeResult,
    detail: String,
    started: Instant,
) -> ProbeFact {
    taken(road.from, check, target, (result, detail), started)
}

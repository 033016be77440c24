//! `cargo xtask bench rpc`: the processor time that an RPC server takes for a logon and for a call, ours beside Samba's.
//!
//! The client is `bindback rpc bench` for all of them. The operation is `inq_if_ids` of the management interface, which
//! every server has and which does next to nothing, sealed (NTLM, privacy), with 64 octets or 32 KiB behind its
//! parameters: what is measured is receiving, joining fragments, unsealing, dispatching, sealing the answer.

mod page;
mod servers;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use conformance::SambaDc;
use serde::Serialize;
use serde_json::{Value, json};

use crate::workspace;
use servers::{Auth, Server, Servers};

/// Callers at the same time: enough to keep two processors busy.
const CONCURRENCY: u32 = 4;
/// Octets of the small and of the large call.
const SIZES: [u32; 2] = [64, 32 * 1024];
/// Connections beside those that count: the client's first, step by step.
const FIRST: u32 = 1;
/// What ours may take at most, as a part of Samba's: a tenth for a logon with NTLM, half for a call. For Kerberos there
/// is no aim.
const AIMS: [(&str, f64); 2] = [("NTLM bind", 0.1), ("call", 0.5)];

/// What is measured.
struct Figure {
    name: String,
    auth: Auth,
    binds: bool,
    size: u32,
}

/// One figure of one server.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Measured {
    pub(super) server: String,
    pub(super) figure: String,
    /// Processor time of the server for each, microseconds.
    pub(super) cpu_us: f64,
    pub(super) per_s: f64,
    pub(super) count: u64,
}

/// Ours beside one of Samba's.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Ratio {
    pub(super) figure: String,
    pub(super) beside: String,
    pub(super) ratio: f64,
    pub(super) aim: Option<f64>,
    /// Absent where there is no aim.
    pub(super) reached: Option<bool>,
}

impl Ratio {
    /// The aim and whether it was reached, in words.
    pub(super) fn words(&self) -> (String, &'static str) {
        let word = match self.reached {
            Some(true) => "reached",
            Some(false) => "missed",
            None => "",
        };
        (self.aim.map_or("none".to_owned(), |aim| aim.to_string()), word)
    }
}

pub fn run(seconds: u64, write: bool) -> Result<ExitCode> {
    let root = workspace::root()?;
    let servers = Servers::start()?;
    let mut measured: Vec<Measured> = Vec::new();
    for figure in figures() {
        for server in servers.all().iter().filter(|server| server.takes(figure.auth)) {
            let one = measure(server, &figure, seconds, &measured)?;
            println!(
                "{:<24} {:<24} {:>9.1} us of CPU each, {:>9.1}/s",
                one.figure, one.server, one.cpu_us, one.per_s
            );
            measured.push(one);
        }
    }
    let ratios = ratios(&measured);
    for ratio in &ratios {
        let (aim, word) = ratio.words();
        println!(
            "{:<24} ours / {:<24} {:.3} (aim {aim}) {word}",
            ratio.figure, ratio.beside, ratio.ratio
        );
    }
    let skipped: Vec<Value> = servers
        .skipped()
        .iter()
        .map(|(name, reason)| json!({"name": name, "reason": reason}))
        .collect();
    if write {
        page::write(&root, &measured, &ratios, servers.skipped(), seconds)?;
    }
    println!(
        "{}",
        json!({"schema": "bindback.bench/1", "name": "rpc", "figures": measured, "ratios": ratios, "skipped": skipped})
    );
    Ok(if ratios.iter().all(|ratio| ratio.reached != Some(false)) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn figures() -> Vec<Figure> {
    let bind = |name: &str, auth| Figure { name: name.to_owned(), auth, binds: true, size: 0 };
    let mut figures = vec![bind("NTLM bind", Auth::Ntlm), bind("Kerberos bind", Auth::Kerberos)];
    for size in SIZES {
        let name = format!("sealed call of {size} B");
        figures.push(Figure { name, auth: Auth::Ntlm, binds: false, size });
    }
    figures
}

fn measure(
    server: &Server,
    figure: &Figure,
    seconds: u64,
    before: &[Measured],
) -> Result<Measured> {
    // Caches, and processes that start with the first connection.
    client(server, figure, 1)?;
    let begun = server.cpu_time()?;
    let report = client(server, figure, seconds)?;
    let used = server.cpu_time()?.saturating_sub(begun);
    let figures = if figure.binds { &report["binds"] } else { &report["to_server"] };
    let count = figures["calls"].as_u64().with_context(|| format!("no calls: {report}"))?;
    let well = figures["failed"] == 0 && count > 0;
    ensure!(well, "{} at {}: {report}", figure.name, server.name);
    let per_s = figures["calls_per_s"].as_f64().context("no rate")?;
    let count_32 = u32::try_from(count)?;
    let cpu_us = if figure.binds {
        micros(used) / f64::from(count_32 + FIRST)
    } else {
        // The connections of the run are no calls.
        let bind = before.iter().find(|one| one.server == server.name && one.figure == "NTLM bind");
        let bind = bind.map_or(0.0, |one| one.cpu_us);
        (micros(used) - bind * f64::from(CONCURRENCY + FIRST)) / f64::from(count_32 + FIRST)
    };
    let (server, figure) = (server.name.clone(), figure.name.clone());
    Ok(Measured { server, figure, cpu_us, per_s, count })
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

fn client(server: &Server, figure: &Figure, seconds: u64) -> Result<Value> {
    let mut command = server.client()?;
    command
        .args(["rpc", "bench", &server.host, "--json", "--operation", "mgmt"])
        .args(["--mapper-port", &server.mapper_port.to_string(), "--level", "privacy"])
        .args(["--seconds", &seconds.to_string(), "--concurrency", &CONCURRENCY.to_string()])
        .args(["--password-env", "BINDBACK_BENCH_PASSWORD"])
        .env("BINDBACK_BENCH_PASSWORD", &server.password)
        // No file of this machine may tell where a KDC is.
        .env("KRB5_CONFIG", "/nonexistent");
    match (figure.auth, &server.service) {
        (Auth::Kerberos, Some(service)) => {
            let account = format!("{}@{}", servers::USER, SambaDc::REALM);
            command.args(["--auth", "kerberos", "--user", &account, "--service", service]);
            command.args(["--realm", SambaDc::REALM, "--kdc", SambaDc::ADDRESS]);
        }
        _ => {
            command.args(["--auth", "ntlm", "--user", &server.account]);
        }
    }
    if figure.binds {
        command.arg("--binds");
    } else {
        command.args(["--size", &figure.size.to_string()]);
    }
    let output = command.output().context("the client does not start")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(!output.stdout.is_empty(), "the client ended with {}: {said}", output.status);
    conformance::one_object(&output.stdout)
}

fn ratios(measured: &[Measured]) -> Vec<Ratio> {
    let mut ratios = Vec::new();
    for ours in measured.iter().filter(|one| one.server == servers::OURS) {
        let others =
            measured.iter().filter(|one| one.figure == ours.figure && one.server != servers::OURS);
        for other in others {
            let aim = AIMS.iter().find(|(word, _)| ours.figure.contains(word)).map(|aim| aim.1);
            let ratio = ours.cpu_us / other.cpu_us;
            let (figure, beside) = (ours.figure.clone(), other.server.clone());
            ratios.push(Ratio { figure, beside, ratio, aim, reached: aim.map(|aim| ratio <= aim) });
        }
    }
    ratios
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_aim_is_for_its_sort_of_figure() {
        let one = |server: &str, figure: &str, cpu_us| Measured {
            server: server.to_owned(),
            figure: figure.to_owned(),
            cpu_us,
            per_s: 1.0,
            count: 1,
        };
        let measured = [
            one(servers::OURS, "NTLM bind", 900.0),
            one("Samba", "NTLM bind", 9000.0),
            one(servers::OURS, "sealed call of 64 B", 60.0),
            one("Samba", "sealed call of 64 B", 100.0),
            one(servers::OURS, "Kerberos bind", 900.0),
            one("Samba", "Kerberos bind", 1000.0),
        ];
        let ratios = ratios(&measured);
        assert_eq!(ratios.len(), 3);
        assert_eq!((ratios[0].reached, ratios[0].aim), (Some(true), Some(0.1)));
        assert_eq!((ratios[1].reached, ratios[1].aim), (Some(false), Some(0.5)));
        assert_eq!((ratios[2].reached, ratios[2].aim), (None, None));
    }
}

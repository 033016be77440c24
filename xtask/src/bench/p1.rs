//! `bench p1`: (a) X.400 between two servers, durable on both; (b) decoding beside the bare walk over the tags; (c) a bad line.
//!
//! The last line of standard output is one JSON object; docs/performance.md has what the newest run said.

mod bad_line;
mod decode;
mod line;

use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use conformance::{Connector, Organisation, Plan, Process, Side, until};
use serde_json::{Value, json};

pub use decode::run as run_decode;

use super::host;
use super::load::Load;

const PORT: u16 = 1102;
/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(900);

#[derive(Debug, clap::Args)]
#[group(id = "p1")]
pub struct Options {
    /// Which parts of the benchmark of P1
    #[arg(long, value_delimiter = ',', default_value = "a,b,c")]
    p1_parts: Vec<String>,
    /// Messages of 2 KiB in (a); of 1 MiB there are a hundredth
    #[arg(long, default_value_t = 20_000)]
    p1_messages: usize,
}

pub fn run(options: &Options) -> Result<ExitCode> {
    let mut result = json!({ "bench": "p1", "machine": host::machine() });
    println!("{}", host::machine());
    let has = |part: &str| options.p1_parts.iter().any(|one| one == part);
    if has("a") {
        result["transfer"] = transfer(options.p1_messages)?;
    }
    if has("b") {
        result["decode"] = decoded()?;
    }
    if has("c") {
        result["bad_line"] = bad_line::run()?;
    }
    println!("{result}");
    Ok(ExitCode::SUCCESS)
}

/// Two servers with a connector to each other; the one at EAST is not started yet.
struct Pair {
    organisation: Organisation,
    west: Process,
}

impl Pair {
    fn start(associations: usize) -> Result<Self> {
        let organisation = Organisation::make(&Plan::default())?;
        let x400 = connector_keys(associations);
        let connector = Connector { port: PORT, rfc1006: "", x400: &x400, through_relay: false };
        for side in Side::BOTH {
            connector.install(&organisation, side)?;
        }
        let west = organisation.start(Side::West)?;
        Ok(Self { organisation, west })
    }

    fn fill(&self, messages: usize, size: usize) -> Result<()> {
        let target = self.organisation.smtp(Side::West);
        let recipient = |_| Side::East.user();
        Load { target, sessions: 16, messages, size, recipient }.run().map(drop)
    }

    fn waiting(&self) -> Result<u64> {
        self.organisation.waiting(Side::West)
    }
}

/// Keys of a connector that has so many associations at once.
fn connector_keys(associations: usize) -> String {
    // One of several associations is for urgent mail alone.
    let most = if associations == 1 { 1 } else { associations + 1 };
    format!("max_associations = {most}\nthreshold = 1\nopen_interval_s = 1\n")
}

/// (a): what waits at WEST goes to EAST, which keeps each message before it confirms it.
fn transfer(messages: usize) -> Result<Value> {
    let mut rows = Vec::new();
    for (size, messages) in [(2048, messages), (1024 * 1024, (messages / 100).max(10))] {
        for associations in [1, 10] {
            let pair = Pair::start(associations)?;
            pair.fill(messages, size)?;
            let appends = host::synced_appends_per_second(size)?;
            let east = pair.organisation.start(Side::East)?;
            let first = until(PATIENCE, "the first transfer", || {
                let waiting = pair.waiting()?;
                Ok((waiting < u64::try_from(messages)?).then_some(waiting))
            })?;
            let begin = Instant::now();
            until(PATIENCE, "the last transfer", || Ok((pair.waiting()? == 0).then_some(())))?;
            let seconds = begin.elapsed().as_secs_f64();
            let per_s = f64::from(u32::try_from(first)?) / seconds;
            let cpu = host::cpu_seconds(pair.west.id())? + host::cpu_seconds(east.id())?;
            let row = json!({
                "size": size,
                "associations": associations,
                "messages": messages,
                "per_s": (per_s * 10.0).round() / 10.0,
                "mib_per_s": (per_s * f64::from(u32::try_from(size)?) / 104_857.6).round() / 10.0,
                "cpu_s_both": (cpu * 10.0).round() / 10.0,
                // What the disk gives at this moment: one file, one writer, each message synced.
                "raw_appends_per_s": appends.round(),
                "messages_for_an_append": (per_s / appends * 100.0).round() / 100.0,
            });
            println!("(a) {row}");
            rows.push(row);
            for server in [east, pair.west] {
                server.terminate(PATIENCE)?;
            }
        }
    }
    Ok(rows.into())
}

/// (b): in a build with optimization, which this one is not.
fn decoded() -> Result<Value> {
    let output = Command::new(env!("CARGO"))
        .args(["run", "--release", "--quiet", "-p", "xtask", "--", "bench", "p1-decode"])
        .stderr(Stdio::inherit())
        .output()?;
    ensure!(output.status.success(), "the optimized build of xtask does not run");
    let text = String::from_utf8(output.stdout)?;
    let row: Value = serde_json::from_str(text.lines().last().context("no answer")?)?;
    println!("(b) {row}");
    Ok(row)
}

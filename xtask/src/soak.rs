//! `cargo xtask soak`: servers killed, without power and cut off under load, for as long as one likes.
//!
//! The last line is JSON: for each kind of blow what was accepted, delivered, reported, lost and doubled. SMTP between
//! servers is at least once, so its doubles are counted apart.

use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use conformance::{Blow, Carrier, Counts, Random, Soak};
use serde_json::{Value, json};

use crate::workspace;

/// Blows that one pair of servers gets before another one is made.
const KILLS_OF_A_PAIR: u32 = 50;
const CUTS_OF_A_PAIR: u32 = 10;

/// How long, or how much.
#[derive(clap::Args)]
pub struct Options {
    /// Go on for so many minutes, in place of the numbers below
    #[arg(long)]
    minutes: Option<u64>,
    /// Servers to kill
    #[arg(long, default_value_t = 500)]
    kills: u32,
    /// Machines that lose their power
    #[arg(long, default_value_t = 50)]
    power_cuts: u32,
    /// Cuts of the wire between the servers
    #[arg(long, default_value_t = 60)]
    network_cuts: u32,
    /// The seed of an earlier run; it decides what is struck, when and how
    #[arg(long)]
    seed: Option<u64>,
}

/// The blows of one kind.
#[derive(Default)]
struct Tally {
    /// Exactly once: RPC and X.400 between the servers.
    once: Counts,
    /// At least once: SMTP between the servers.
    at_least_once: Counts,
    pairs: usize,
    failures: Vec<String>,
    skipped: Option<String>,
}

/// Deals blows and counts.
pub fn run(options: &Options) -> Result<ExitCode> {
    build()?;
    let begin = Instant::now();
    let seed = options.seed.unwrap_or_else(|| Random::from_env("BINDBACK_SOAK_SEED").number());
    println!("seed {seed}");
    let mut random = Random::new(seed);
    let mut tallies = Blow::ALL.map(|blow| (blow, Tally::default()));
    for (blow, tally) in &mut tallies {
        tally.skipped = blow.why_not();
    }
    let over = |tallies: &[(Blow, Tally); 3]| match options.minutes {
        Some(minutes) => begin.elapsed() >= Duration::from_secs(minutes * 60),
        None => tallies.iter().all(|(blow, tally)| tally.left(*blow, options) == 0),
    };
    while !over(&tallies) {
        for (blow, tally) in &mut tallies {
            let late = options
                .minutes
                .is_some_and(|minutes| begin.elapsed() >= Duration::from_secs(minutes * 60));
            let left =
                if options.minutes.is_some() { u32::MAX } else { tally.left(*blow, options) };
            if !late && left > 0 && tally.skipped.is_none() {
                tally.deal(*blow, left, random.number());
            }
        }
        if tallies.iter().all(|(_, tally)| tally.skipped.is_some()) {
            break;
        }
    }
    let passed = tallies.iter().all(|(_, tally)| tally.failures.is_empty());
    let mut report = json!({
        "schema": "bindback.soak/1",
        "seed": seed,
        "seconds": begin.elapsed().as_secs(),
        "passed": passed,
    });
    for (blow, tally) in &tallies {
        report[blow.name()] = tally.json();
    }
    println!("{report}");
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Tally {
    fn left(&self, blow: Blow, options: &Options) -> u32 {
        if self.skipped.is_some() {
            return 0;
        }
        let due = match blow {
            Blow::Kill => options.kills,
            Blow::PowerCut => options.power_cuts,
            Blow::NetworkCut => options.network_cuts,
        };
        let dealt = u32::try_from(self.once.blows + self.at_least_once.blows).unwrap_or(u32::MAX);
        // A pair that failed has its blows counted as dealt: it would fail again.
        if self.failures.is_empty() { due.saturating_sub(dealt) } else { 0 }
    }

    fn deal(&mut self, blow: Blow, left: u32, seed: u64) {
        let carrier = Carrier::ALL[self.pairs % Carrier::ALL.len()];
        self.pairs += 1;
        let most = if blow == Blow::Kill { KILLS_OF_A_PAIR } else { CUTS_OF_A_PAIR };
        let soak = Soak { blow, carrier, blows: left.min(most), seed };
        let judged = soak.run().and_then(|counts| {
            let sum = match carrier {
                Carrier::Rpc | Carrier::Rfc1006 => &mut self.once,
                Carrier::Smtp => &mut self.at_least_once,
            };
            sum.add(&counts);
            soak.judge(&counts)
        });
        if let Err(error) = judged {
            let said = format!("{} over {}, seed {seed}: {error:#}", blow.name(), carrier.name());
            eprintln!("{said}");
            self.failures.push(said);
        }
    }

    fn json(&self) -> Value {
        let mut value = json!({
            "exactly_once": self.once.json(),
            "at_least_once": self.at_least_once.json(),
        });
        if let Some(reason) = &self.skipped {
            value["skipped"] = reason.as_str().into();
        }
        if !self.failures.is_empty() {
            value["failures"] = json!(self.failures);
        }
        value
    }
}

/// The program that is struck, unless `BINDBACK_BIN` names another.
fn build() -> Result<()> {
    if std::env::var_os("BINDBACK_BIN").is_some() {
        return Ok(());
    }
    let status = Command::new(workspace::cargo())
        .args(["build", "--release", "-p", "bindback"])
        .current_dir(workspace::root()?)
        .status()
        .context("cannot run cargo build")?;
    anyhow::ensure!(status.success(), "the release binary does not build");
    Ok(())
}

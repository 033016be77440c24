//! `cargo xtask bench`: what the program costs, beside what others cost, in one run on one machine.
//!
//! Absolute figures move with the machine and its neighbours; ratios within one run are what is promised.

mod doctor;
mod host;
mod load;
mod p1;
mod queue;
mod rpc;

use std::process::ExitCode;

use anyhow::Result;

/// Exit code for wrong usage.
const USAGE: u8 = 2;

/// What to measure.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Which one: doctor, p1, queue, rpc.
    name: String,
    /// Seconds of each figure: 5 for rpc, 3 for part a of queue where nothing is said.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=60))]
    seconds: Option<u64>,
    /// Write the figures of rpc into docs/performance-rpc.md, in place of those there.
    #[arg(long)]
    write: bool,
    #[command(flatten)]
    queue: queue::Options,
    #[command(flatten)]
    p1: p1::Options,
}

/// Runs one; the last line is JSON.
pub fn run(options: &Options) -> Result<ExitCode> {
    match options.name.as_str() {
        "doctor" => doctor::run(),
        "queue" => queue::run(&options.queue, options.seconds.unwrap_or(3)),
        "rpc" => rpc::run(options.seconds.unwrap_or(5), options.write),
        "p1" => p1::run(&options.p1),
        // What p1 starts in a build with optimization.
        "p1-decode" => p1::run_decode(),
        name => {
            eprintln!("there is no benchmark {name:?}; there are: doctor, p1, queue, rpc");
            Ok(ExitCode::from(USAGE))
        }
    }
}

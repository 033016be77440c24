//! `cargo xtask bench`: what the program costs, beside what others cost, in one run on one machine.
//!
//! Absolute figures move with the machine and its neighbours; ratios within one run are what is promised.

mod rpc;

use std::process::ExitCode;

use anyhow::Result;

/// Exit code for wrong usage.
const USAGE: u8 = 2;

/// What to measure.
#[derive(clap::Args)]
pub struct Options {
    /// Which one: rpc.
    name: String,
    /// Seconds of each figure.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=60))]
    seconds: u64,
    /// Write the figures into docs/performance.md, in place of those there.
    #[arg(long)]
    write: bool,
}

/// Runs one; the last line is JSON.
pub fn run(options: &Options) -> Result<ExitCode> {
    match options.name.as_str() {
        "rpc" => rpc::run(options.seconds, options.write),
        name => {
            eprintln!("there is no benchmark {name:?}; there is: rpc");
            Ok(ExitCode::from(USAGE))
        }
    }
}

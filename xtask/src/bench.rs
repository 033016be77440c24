//! `cargo xtask bench NAME`: measurements, each beside something that anybody knows, in the same run.

mod host;
mod load;
mod queue;

use std::process::ExitCode;

/// Exit code for wrong usage.
const USAGE: u8 = 2;

/// What to measure.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Which one: queue
    name: String,
    #[command(flatten)]
    queue: queue::Options,
}

pub fn run(options: &Options) -> anyhow::Result<ExitCode> {
    match options.name.as_str() {
        "queue" => queue::run(&options.queue),
        other => {
            eprintln!("there is no benchmark {other:?}; there is: queue");
            Ok(ExitCode::from(USAGE))
        }
    }
}

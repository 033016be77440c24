//! The project's chores: `cargo xtask test`, `tidy`, `docs`, `bench`, `score`.

mod coverage;
mod docs;
mod scan;
mod score;
mod summary;
mod test;
mod tidy;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Exit code for wrong usage.
const USAGE: u8 = 2;

/// The project's chores.
#[derive(Parser)]
#[command(name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Build the release binary and run the tests; the last line is JSON.
    Test(test::Options),
    /// Check the rules of the house: rooms, arrows, lengths, pages.
    Tidy,
    /// Write the generated pages under docs/.
    Docs,
    /// Score the offline doctor on cases whose answers are known.
    Score(score::Options),
    /// Run a benchmark.
    Bench {
        /// Which one.
        name: String,
    },
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Test(options) => test::run(&options),
        Command::Tidy => tidy::run(),
        Command::Docs => docs::write(),
        Command::Score(options) => score::run(&options),
        Command::Bench { name } => {
            eprintln!("there is no benchmark {name:?}: none has been written yet");
            Ok(ExitCode::from(USAGE))
        }
    };
    done.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}

//! The project's chores: `cargo xtask test`, `tidy`, `docs`, `bench`, `score`, `fuzz`, `soak`.

mod bench;
mod coverage;
mod docs;
mod fuzz;
mod scan;
mod score;
mod soak;
mod summary;
mod test;
mod tidy;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

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
    /// Give every decoder hostile input.
    Fuzz(fuzz::Options),
    /// Kill servers, cut their power and their wire under load, and count what is lost; the last line is JSON.
    Soak(soak::Options),
    /// Measure what the program costs, beside what others cost.
    Bench(bench::Options),
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Test(options) => test::run(&options),
        Command::Tidy => tidy::run(),
        Command::Docs => docs::write(),
        Command::Score(options) => score::run(&options),
        Command::Fuzz(options) => fuzz::run(&options),
        Command::Soak(options) => soak::run(&options),
        Command::Bench(options) => bench::run(&options),
    };
    done.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_holds_together() {
        super::Cli::command().debug_assert();
    }
}

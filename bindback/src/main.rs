//! The one program.
//!
//! Every command is a thin module of `commands`: it reads its arguments, asks the server (or its store, where none runs) and prints. Deliberately left
//! out: anything that decides.

mod backend;
mod cli;
mod commands;
mod complete;
mod failure;
mod output;
mod password;
mod table;
mod when;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    complete::answer();
    let cli = match cli::Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return failure::misused(&error),
    };
    let output = output::Output::new(cli.json);
    let done = cli::named_once(std::env::args_os()).and_then(|()| cli::run(cli, &output));
    failure::exit_code(done, &output)
}

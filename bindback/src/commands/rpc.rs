//! `bindback rpc`: RPC without mail.

mod echo_server;

use clap::Subcommand;

use crate::failure::Found;
use crate::output::Output;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a server to try RPC clients against: endpoint mapper, mgmt and echo
    EchoServer(echo_server::Arguments),
}

impl Command {
    /// True when the command serves others.
    pub const fn serves(&self) -> bool {
        matches!(self, Self::EchoServer(_))
    }
}

pub async fn run(command: Command, output: &Output) -> anyhow::Result<Found> {
    match command {
        Command::EchoServer(arguments) => echo_server::run(arguments, output).await,
    }
}

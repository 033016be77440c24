//! `bindback rpc`: RPC without mail.

mod bench;
mod echo_server;
mod endpoints;
mod logon;
mod ping;

use clap::Subcommand;
use server::rpc_tools::{Step, StepResult, SyntaxId, Uuid};

use crate::cli::Setting;
use crate::failure::Found;
use crate::table::Table;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Call an interface without doing anything there, and tell each step
    Ping(ping::Arguments),
    /// List what the endpoint mapper of a server knows
    Endpoints(endpoints::Arguments),
    /// Measure calls a second, octets a second and latencies
    Bench(bench::Arguments),
    /// Run a server to try RPC clients against: endpoint mapper, mgmt and echo
    EchoServer(echo_server::Arguments),
}

pub async fn run(command: Command, setting: &Setting<'_>) -> anyhow::Result<Found> {
    let output = setting.output;
    match command {
        Command::Ping(arguments) => ping::run(arguments, setting).await,
        Command::Endpoints(arguments) => endpoints::run(arguments, output).await,
        Command::Bench(arguments) => bench::run(arguments, setting).await,
        Command::EchoServer(arguments) => echo_server::run(arguments, output).await,
    }
}

/// An interface as people write it: `UUID`, which means version 1.0, or `UUID:MAJOR.MINOR`.
fn interface(text: &str) -> Result<SyntaxId, String> {
    let (uuid, version) = text.split_once(':').unwrap_or((text, "1.0"));
    let uuid: Uuid = uuid.parse().map_err(|error| format!("{error}"))?;
    let parsed = version.split_once('.').and_then(|(major, minor)| {
        Some(SyntaxId::new(uuid, major.parse().ok()?, minor.parse().ok()?))
    });
    parsed.ok_or_else(|| "the version is MAJOR.MINOR, such as 1.0".to_owned())
}

pub(super) fn show(steps: &[Step]) -> String {
    let mut table = Table::new(&["STEP", "RESULT", "CODE", "MS", "TARGET", "WHAT"]);
    for step in steps {
        let result = match step.result {
            StepResult::Ok => "ok",
            StepResult::Refused => "refused",
            StepResult::Timeout => "timeout",
            StepResult::Denied => "denied",
            StepResult::Error => "error",
        };
        table.row(vec![
            step.step.to_owned(),
            result.to_owned(),
            if step.code == 0 { String::new() } else { step.code.to_string() },
            format!("{:.3}", step.ms),
            step.target.clone(),
            step.text.clone(),
        ]);
    }
    table.render()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interfaces_as_people_write_them() {
        let text = "9e8ee830-4459-11ce-979b-00aa005ffebe";
        let short = interface(text).unwrap();
        assert_eq!((short.major, short.minor), (1, 0));
        assert_eq!(interface(&format!("{text}:3.1")).unwrap().major, 3);
        for wrong in ["", "x", &format!("{text}:1"), &format!("{text}:a.b")] {
            interface(wrong).unwrap_err();
        }
    }
}

//! `bindback rpc ping`.

use std::time::Duration;

use admin::Shape;
use clap::Args;
use serde::Serialize;
use server::rpc_tools::{self, PingSettings, Step, StepResult, SyntaxId};

use super::{interface, logon, show};
use crate::cli::Setting;
use crate::failure::Found;

/// Where to call, and as whom.
#[derive(Debug, Args)]
pub struct Reach {
    /// Name or address of the server
    host: String,
    /// The interface's own port; without it the endpoint mapper is asked
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
    /// The port of the endpoint mapper
    #[arg(long, value_name = "PORT", default_value_t = 135)]
    mapper_port: u16,
    #[command(flatten)]
    logon: logon::Logon,
    /// Seconds that each step may take
    #[arg(long, value_name = "S", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=600))]
    timeout: u64,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  bindback rpc ping east.demo.test\n  bindback rpc ping east.demo.test --mapper-port 1135 -c west.toml
  bindback rpc ping east --interface 6f8d2c1a-3e57-4b0e-9c64-a1d05be27f93 --user 'EAST\\svc-west' --password-file west.password\n  bindback rpc ping dc1.east.example --auth kerberos --user ann@EAST.EXAMPLE --kdc dc1.east.example\n\nWith -c the table of names of that configuration is asked first. Without --interface the management interface of the endpoint mapper is called. Of any other interface an operation is called that does not exist: nothing happens there. The port is that of the first interface; the others are added to its connection by alter_context. Exit status: 0 every call was answered, 1 it stopped on the way."
)]
pub struct Arguments {
    #[command(flatten)]
    reach: Reach,
    /// The interface: UUID, or UUID:MAJOR.MINOR. Given again: more of them, on the same connection
    #[arg(long, value_name = "UUID", value_parser = interface)]
    interface: Vec<SyntaxId>,
    /// Calls to make
    #[arg(short = 'n', long, value_name = "N", default_value_t = 4)]
    count: u32,
}

#[derive(Debug, Serialize)]
struct Report {
    steps: Vec<Step>,
}

impl Shape for Report {
    const NAME: &'static str = "rpc-ping";
}

pub async fn run(arguments: Arguments, setting: &Setting<'_>) -> anyhow::Result<Found> {
    let settings = settings(arguments.reach, arguments.count, setting)?;
    let mut interfaces = arguments.interface.into_iter();
    let settings =
        PingSettings { interface: interfaces.next(), further: interfaces.collect(), ..settings };
    let report = Report { steps: rpc_tools::ping(&settings).await };
    setting.output.answer(&report, |report| show(&report.steps))?;
    // Addresses that led nowhere do not matter once one did.
    let arrived = report.steps.last().is_some_and(|step| step.result == StepResult::Ok);
    Ok(if arrived { Found::Nothing } else { Found::Something })
}

/// What is to be called, as other commands say it too.
pub(super) fn settings(
    reach: Reach,
    count: u32,
    setting: &Setting<'_>,
) -> anyhow::Result<PingSettings> {
    let patience = Duration::from_secs(reach.timeout);
    let caller = reach.logon.caller(patience)?;
    Ok(PingSettings {
        host: reach.host,
        hosts: setting.hosts()?,
        port: reach.port,
        mapper_port: reach.mapper_port,
        interface: None,
        further: Vec::new(),
        caller,
        count,
        patience,
    })
}

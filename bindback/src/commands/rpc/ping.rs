//! `bindback rpc ping`.

use std::time::Duration;

use admin::Shape;
use clap::{Args, ValueEnum};
use identity::AccountName;
use serde::Serialize;
use server::rpc_tools::{
    self, AuthLevel, Caller, Mechanisms, PingSettings, Step, StepResult, SyntaxId,
};

use super::{interface, show};
use crate::failure::{Found, Usage};
use crate::output::Output;
use crate::password;

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
    /// Log on as this account
    #[arg(long, value_name = "DOMAIN\\NAME")]
    user: Option<AccountName>,
    #[command(flatten)]
    password: password::Source,
    /// How to log on [default: ntlm with --user, else none]
    #[arg(long, value_name = "MECHANISM", hide_default_value = true)]
    auth: Option<Auth>,
    /// How much is protected [default: privacy with --user, else none]
    #[arg(long, value_name = "LEVEL", hide_default_value = true)]
    level: Option<Level>,
    /// Seconds that each step may take
    #[arg(long, value_name = "S", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=600))]
    timeout: u64,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  bindback rpc ping east.demo.test\n  bindback rpc ping east --interface 6f8d2c1a-3e57-4b0e-9c64-a1d05be27f93 --user 'EAST\\svc-west' --password-file west.password\n\nWithout --interface the management interface of the endpoint mapper is called. Of any other interface an operation is called that does not exist: nothing happens there. Exit status: 0 every call was answered, 1 it stopped on the way."
)]
pub struct Arguments {
    #[command(flatten)]
    reach: Reach,
    /// The interface: UUID, or UUID:MAJOR.MINOR
    #[arg(long, value_name = "UUID", value_parser = interface)]
    interface: Option<SyntaxId>,
    /// Calls to make
    #[arg(short = 'n', long, value_name = "N", default_value_t = 4)]
    count: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Auth {
    /// NTLM version 2
    Ntlm,
    /// NTLM version 2 in SPNEGO
    Negotiate,
    /// Nobody
    None,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Level {
    None,
    Connect,
    Packet,
    Integrity,
    Privacy,
}

#[derive(Debug, Serialize)]
struct Report {
    steps: Vec<Step>,
}

impl Shape for Report {
    const NAME: &'static str = "rpc-ping";
}

pub async fn run(arguments: Arguments, output: &Output) -> anyhow::Result<Found> {
    let settings = settings(arguments.reach, arguments.count)?;
    let settings = PingSettings { interface: arguments.interface, ..settings };
    let report = Report { steps: rpc_tools::ping(&settings).await };
    output.answer(&report, |report| show(&report.steps))?;
    // Addresses that led nowhere do not matter once one did.
    let arrived = report.steps.last().is_some_and(|step| step.result == StepResult::Ok);
    Ok(if arrived { Found::Nothing } else { Found::Something })
}

/// What is to be called, as other commands say it too.
pub(super) fn settings(reach: Reach, count: u32) -> anyhow::Result<PingSettings> {
    let caller = caller(&reach)?;
    Ok(PingSettings {
        host: reach.host,
        port: reach.port,
        mapper_port: reach.mapper_port,
        interface: None,
        caller,
        count,
        patience: Duration::from_secs(reach.timeout),
    })
}

fn caller(arguments: &Reach) -> anyhow::Result<Option<Caller>> {
    let auth = match (arguments.auth, &arguments.user) {
        (Some(auth), _) => auth,
        (None, Some(_)) => Auth::Ntlm,
        (None, None) => Auth::None,
    };
    let level = arguments.level.unwrap_or(match auth {
        Auth::None => Level::None,
        _ => Level::Privacy,
    });
    let level = match level {
        Level::None => AuthLevel::None,
        Level::Connect => AuthLevel::Connect,
        Level::Packet => AuthLevel::Packet,
        Level::Integrity => AuthLevel::Integrity,
        Level::Privacy => AuthLevel::Privacy,
    };
    let mechanisms = match auth {
        Auth::Ntlm => Mechanisms::Ntlm,
        Auth::Negotiate => Mechanisms::Negotiate,
        Auth::None if level == AuthLevel::None => return Ok(None),
        Auth::None => {
            let text = "nothing is protected as nobody; give --user, or --level none";
            return Err(Usage(text.to_owned()).into());
        }
    };
    if level == AuthLevel::None {
        let text = "a logon protects something; give another --level, or --auth none";
        return Err(Usage(text.to_owned()).into());
    }
    let Some(account) = arguments.user.clone() else {
        let text = "who is to log on? give --user 'DOMAIN\\NAME'";
        return Err(Usage(text.to_owned()).into());
    };
    let password = arguments.password.read_existing(&account.to_string())?;
    Ok(Some(Caller { account, password, mechanisms, level }))
}

//! `bindback demo`: two servers, a fault, its diagnosis and its cure.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use finding::Cause;
use lab::demo::DemoOptions;

use crate::failure::{Found, Usage};
use crate::output::Output;

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  bindback demo\n  bindback demo letter.eml --fault port-filtered-by-firewall\n  bindback demo --once --json\n  bindback demo --carrier rfc1006"
)]
pub struct Arguments {
    /// Messages to send; without any, five built-in ones
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// End when it is done, instead of staying until Ctrl-C
    #[arg(long)]
    once: bool,
    /// Where the two servers live; it is kept [default: a temporary folder]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// What mail crosses by
    #[arg(long, value_enum, default_value_t = Carrier::Rpc)]
    carrier: Carrier,
    /// How the servers prove themselves
    #[arg(long, value_enum, default_value_t = Auth::Ntlm)]
    auth: Auth,
    /// What goes wrong in between [default: service-account-password-mismatch, mta-password-mismatch with rfc1006]
    #[arg(long, value_name = "CAUSE", hide_default_value = true)]
    fault: Option<Cause>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Carrier {
    Rpc,
    Rfc1006,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Auth {
    Ntlm,
    Kerberos,
}

pub async fn run(arguments: Arguments, output: &Output) -> anyhow::Result<Found> {
    if arguments.auth == Auth::Kerberos {
        return Err(Usage(
            "this version proves accounts with ntlm only; leave out --auth, or give --auth ntlm"
                .to_owned(),
        )
        .into());
    }
    let carrier = match arguments.carrier {
        Carrier::Rpc => lab::Carrier::Rpc,
        Carrier::Rfc1006 => lab::Carrier::Rfc1006,
    };
    let options = DemoOptions {
        files: arguments.files,
        once: arguments.once,
        dir: arguments.dir,
        fault: arguments.fault.unwrap_or(carrier.default_fault()),
        carrier,
        json: output.is_json(),
    };
    let report = lab::demo::run(options).await?;
    if output.is_json() {
        output.published(&report)?;
    }
    // What was not as it must be was told as it was found.
    Ok(if report.success() { Found::Nothing } else { Found::Something })
}

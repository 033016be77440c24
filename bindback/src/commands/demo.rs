//! `bindback demo`: two servers, a fault, its diagnosis and its cure.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use finding::Cause;
use lab::DirectoryKind;
use lab::demo::{DemoAuth, DemoOptions};

use crate::failure::{Found, Usage};
use crate::output::Output;

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  bindback demo\n  bindback demo letter.eml --fault port-filtered-by-firewall\n  bindback demo --auth kerberos\n  bindback demo --directory openldap\n  bindback demo --directory samba\n  bindback demo --directory samba --untrusted\n  bindback demo --carrier rfc1006\n  bindback demo --once --json"
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
    /// How the servers prove themselves [default: ntlm, kerberos with --directory samba]
    #[arg(long, value_enum, hide_default_value = true)]
    auth: Option<Auth>,
    /// Who keeps the directory: the servers, OpenLDAP's server, or a domain controller of Samba, with the accounts (as root)
    #[arg(long, value_enum, default_value_t = Directory::Embedded)]
    directory: Directory,
    /// Two domains that do not trust each other, each with its controller and an account of the same name
    #[arg(long)]
    untrusted: bool,
    /// What goes wrong in between [default: service-account-password-mismatch, mta-password-mismatch with rfc1006,
    /// untrusted-domains-no-matching-account with --untrusted]
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

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Directory {
    Embedded,
    Openldap,
    Samba,
}

pub async fn run(arguments: Arguments, output: &Output) -> anyhow::Result<Found> {
    check(&arguments)?;
    let directory = match (arguments.directory, arguments.untrusted) {
        (Directory::Embedded, _) => DirectoryKind::Embedded,
        (Directory::Openldap, _) => DirectoryKind::OpenLdap,
        (Directory::Samba, false) => DirectoryKind::Samba,
        (Directory::Samba, true) => DirectoryKind::TwoDomains,
    };
    let auth = match arguments.auth {
        Some(Auth::Ntlm) => DemoAuth::Ntlm,
        Some(Auth::Kerberos) => DemoAuth::Kerberos,
        None if directory == DirectoryKind::Samba => DemoAuth::Kerberos,
        None => DemoAuth::Ntlm,
    };
    let carrier = match arguments.carrier {
        Carrier::Rpc => lab::Carrier::Rpc,
        Carrier::Rfc1006 => lab::Carrier::Rfc1006,
    };
    let options = DemoOptions {
        files: arguments.files,
        once: arguments.once,
        dir: arguments.dir,
        fault: arguments.fault.unwrap_or(directory.default_fault(carrier, auth)),
        carrier,
        auth,
        directory,
        json: output.is_json(),
    };
    let report = lab::demo::run(options).await?;
    if output.is_json() {
        output.published(&report)?;
    }
    // What was not as it must be was told as it was found.
    Ok(if report.success() { Found::Nothing } else { Found::Something })
}

/// What does not go together.
fn check(arguments: &Arguments) -> Result<(), Usage> {
    let kerberos = arguments.auth == Some(Auth::Kerberos);
    let over_tcp = arguments.carrier == Carrier::Rfc1006;
    let text = if over_tcp && kerberos {
        "X.400 over TCP proves MTAs by their passwords; leave out --auth, or give --carrier rpc"
    } else if over_tcp && arguments.directory != Directory::Embedded {
        "X.400 over TCP asks no directory who may bind; leave out --directory, or give --carrier rpc"
    } else if arguments.untrusted && arguments.directory != Directory::Samba {
        "--untrusted is about two domains; give --directory samba with it"
    } else if arguments.untrusted && kerberos {
        "no KDC gives tickets for a domain that does not trust its own; leave out --auth with --untrusted"
    } else {
        return Ok(());
    };
    Err(Usage(text.to_owned()))
}

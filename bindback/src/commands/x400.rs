//! `bindback x400`: what X.400 octets say.

mod capture;
mod json;
mod packet;
mod password;
mod probe;
mod stream;
mod tree;

use std::io::Read;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use x400::describe::{Described, Fault, describe};

use crate::cli::Setting;
use crate::failure::{Found, Unreadable, Usage};
use crate::output::Output;

/// Largest file that is read; its tree takes many times the space.
const MAX_FILE: u64 = 256 * 1024 * 1024;

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show the APDUs of a file, field by field
    #[command(
        after_help = "Examples:\n  bindback x400 decode message.ber\n  bindback x400 decode --json exchange.pcapng\n\nReads BER (one or more MTS-APDUs, P2, P22 or P772 contents, MTABind arguments and results, one after another) and captures (.pcap, .pcapng) of X.400 over TCP. Exit status: 0 all is well formed, 1 something is not (what could be decoded is shown), 2 the file cannot be read."
    )]
    Decode {
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Show the passwords of MTA binds, too
        #[arg(long)]
        passwords: bool,
    },
    /// Connect to an X.400 MTA, offer it each mode and tell what it says
    #[command(
        after_help = "Examples:\n  bindback x400 probe mta.west.test\n  bindback x400 probe 192.0.2.7:1102 --name EAST --password-file east.password --tsel MTA\n  bindback x400 probe mta.west.test --tls --certificate east.pem --key east.key --trust ca.pem\n\nWith -c the table of names of that configuration is asked first. Nothing is sent: every association that is opened is released at once. Without --name the bind presents the name PROBE and no password, which most MTAs refuse; that they do says which layers answer. Exit status: 0 a mode was accepted, 1 none was."
    )]
    Probe(Box<probe::Arguments>),
    /// Put another password into the file that a connector names
    #[command(
        after_help = "Examples:\n  bindback x400 set-password WEST --remote --password-file west.password\n  bindback x400 set-password WEST --local\n\n--remote is the password that the other MTA must present here, --local the one that this MTA presents there. Passwords are read at every bind: a running server tries at once."
    )]
    SetPassword(password::Arguments),
}

/// What a file holds.
#[derive(Default)]
struct Decoded {
    apdus: Vec<Apdu>,
    /// What is wrong with the file around the APDUs.
    faults: Vec<Fault>,
}

/// An APDU and the connection that carried it, if it was captured.
struct Apdu {
    described: Described,
    connection: Option<Connection>,
}

/// Who sent to whom.
#[derive(Debug, Clone, serde::Serialize)]
struct Connection {
    from: String,
    to: String,
}

pub async fn run(arguments: Arguments, setting: &Setting<'_>) -> anyhow::Result<Found> {
    match arguments.action {
        Action::Decode { file, passwords } => run_decode(&file, passwords, setting.output),
        Action::Probe(arguments) => probe::run(*arguments, setting).await,
        Action::SetPassword(arguments) => password::run(arguments, setting).await,
    }
}

fn run_decode(file: &Path, passwords: bool, output: &Output) -> anyhow::Result<Found> {
    let octets = read(file)?;
    let decoded = decode(&octets);
    if output.is_json() {
        output.object(&json::Answer::new(&decoded, passwords))?;
    } else {
        output.text(&tree::text(&decoded, passwords))?;
    }
    let good = decoded.faults.is_empty()
        && decoded.apdus.iter().all(|apdu| apdu.described.faults.is_empty());
    Ok(if good { Found::Nothing } else { Found::Something })
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    let unreadable = |source| Unreadable {
        what: path.display().to_string(),
        way_out: "name a file with BER or a capture in it",
        source,
    };
    let file = std::fs::File::open(path).map_err(unreadable)?;
    let mut octets = Vec::new();
    // One octet more than is allowed shows that there is more.
    file.take(MAX_FILE + 1).read_to_end(&mut octets).map_err(unreadable)?;
    if u64::try_from(octets.len()).unwrap_or(u64::MAX) > MAX_FILE {
        let (file, limit) = (path.display(), MAX_FILE / (1024 * 1024));
        return Err(Usage(format!(
            "{file} is larger than {limit} MiB; cut it into pieces (editcap -c does so with a capture)"
        ))
        .into());
    }
    Ok(octets)
}

fn decode(octets: &[u8]) -> Decoded {
    if capture::is_capture(octets) {
        return capture::decode(octets);
    }
    let described = describe(octets, None, &|offset| offset);
    let apdus = described
        .into_iter()
        .map(|described| Apdu { described, connection: None })
        .collect::<Vec<_>>();
    let mut faults = Vec::new();
    if apdus.is_empty() {
        faults.push(Fault { offset: 0, what: "the file is empty".to_owned() });
    }
    Decoded { apdus, faults }
}

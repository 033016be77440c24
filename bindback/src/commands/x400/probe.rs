//! `bindback x400 probe`.

use std::path::PathBuf;
use std::time::Duration;

use admin::Shape;
use clap::Args;
use config::TlsFiles;
use serde::Serialize;
use server::rpc_tools::{Step, StepResult};
use server::x400_tools::{self, Presented, ProbeSettings, Secret};

use crate::cli::Setting;
use crate::commands::rpc::show;
use crate::failure::{Found, Usage};
use crate::password;

/// The port of RFC 1006.
const PORT: u16 = 102;
/// The MTA name that is presented when none is given.
const NAME: &str = "PROBE";

#[derive(Debug, Args)]
pub struct Arguments {
    /// Name or address of the MTA; the port is 102 when none is given
    #[arg(value_name = "HOST[:PORT]")]
    host: String,
    /// The MTA name to present
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    #[command(flatten)]
    password: password::Source,
    /// The other side's transport selector: text, or hexadecimal after 0x
    #[arg(long, value_name = "SELECTOR", default_value = "", value_parser = selector)]
    tsel: Selector,
    /// The other side's session selector
    #[arg(long, value_name = "SELECTOR", default_value = "", value_parser = selector)]
    ssel: Selector,
    /// The other side's presentation selector
    #[arg(long, value_name = "SELECTOR", default_value = "", value_parser = selector)]
    psel: Selector,
    /// Speak over TLS; needs --certificate, --key and --trust
    #[arg(long, requires_all = ["certificate", "key", "trust"])]
    tls: bool,
    /// PEM file with the certificate to show, and its chain
    #[arg(long, value_name = "FILE", requires = "tls")]
    certificate: Option<PathBuf>,
    /// PEM file with its private key; refused when others may read it
    #[arg(long, value_name = "FILE", requires = "tls")]
    key: Option<PathBuf>,
    /// PEM file with the certificates of the authorities that are trusted
    #[arg(long, value_name = "FILE", requires = "tls")]
    trust: Option<PathBuf>,
    /// PEM file with the revocation lists of these authorities
    #[arg(long, value_name = "FILE", requires = "tls")]
    revocation: Option<PathBuf>,
    /// The name that the other side's certificate must have, if it is not HOST
    #[arg(long, value_name = "NAME", requires = "tls")]
    tls_name: Option<String>,
    /// Seconds that each step may take
    #[arg(long, value_name = "S", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=600))]
    timeout: u64,
}

/// Octets of a selector.
#[derive(Debug, Clone)]
struct Selector(Vec<u8>);

fn selector(text: &str) -> Result<Selector, String> {
    match text.strip_prefix("0x") {
        Some(hex) => wire::from_hex(hex).map(Selector).ok_or_else(|| "not hexadecimal".to_owned()),
        None => Ok(Selector(text.as_bytes().to_vec())),
    }
}

#[derive(Debug, Serialize)]
struct Report {
    steps: Vec<Step>,
}

impl Shape for Report {
    const NAME: &'static str = "x400-probe";
}

pub async fn run(arguments: Arguments, setting: &Setting<'_>) -> anyhow::Result<Found> {
    let (host, port) = place(&arguments.host)?;
    let password = arguments.password.given()?;
    if password.is_some() && arguments.name.is_none() {
        let text = "a password belongs to an MTA name; give --name";
        return Err(Usage(text.to_owned()).into());
    }
    let files = match (arguments.certificate, arguments.key, arguments.trust) {
        (Some(certificate), Some(key), Some(trust)) => {
            Some(TlsFiles { certificate, key, trust, revocation: arguments.revocation })
        }
        _ => None,
    };
    let tls = files.map(|files| (files, arguments.tls_name.unwrap_or_else(|| host.clone())));
    let settings = ProbeSettings {
        host,
        hosts: setting.hosts()?,
        tls,
        port,
        presented: Presented {
            name: arguments.name.unwrap_or_else(|| NAME.to_owned()),
            password: password.map(|password| Secret::new(password.expose())),
        },
        transport: arguments.tsel.0,
        session: arguments.ssel.0,
        presentation: arguments.psel.0,
        patience: Duration::from_secs(arguments.timeout),
    };
    let report = Report { steps: x400_tools::probe(&settings).await };
    setting.output.answer(&report, |report| show(&report.steps))?;
    let accepted = report
        .steps
        .iter()
        .any(|step| step.step.starts_with("mts-") && step.result == StepResult::Ok);
    Ok(if accepted { Found::Nothing } else { Found::Something })
}

/// `HOST`, `HOST:PORT`, an IPv6 address, or one in brackets with a port.
fn place(text: &str) -> Result<(String, u16), Usage> {
    if text.parse::<std::net::Ipv6Addr>().is_ok() {
        return Ok((text.to_owned(), PORT));
    }
    let Some((host, port)) = text.rsplit_once(':') else { return Ok((text.to_owned(), PORT)) };
    let host = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    match port.parse() {
        Ok(port) => Ok((host.to_owned(), port)),
        Err(_) => Err(Usage(format!("{port} is no port; write HOST or HOST:PORT"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_as_people_write_them() {
        for (text, host, port) in [
            ("mta.test", "mta.test", 102),
            ("mta.test:1102", "mta.test", 1102),
            ("::1", "::1", 102),
            ("[::1]:1102", "::1", 1102),
        ] {
            let (found, at) = place(text).unwrap();
            assert_eq!((found.as_str(), at), (host, port));
        }
        assert!(place("mta.test:x").is_err());
        assert_eq!(selector("0x4d31").unwrap().0, b"M1");
        assert_eq!(selector("M1").unwrap().0, b"M1");
        assert!(selector("0xz").is_err());
    }
}

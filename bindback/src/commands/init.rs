//! `bindback init`: the folder of a new server.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use admin::Shape;
use anyhow::Context as _;
use clap::Args;
use config::{InitAnswers, Initialised, RANDOM_BYTES};
use identity::AccountName;
use serde::Serialize;

use crate::failure::{Found, Usage};
use crate::output::Output;

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  bindback init /srv/east\n  bindback serve -c /srv/east/bindback.toml\n  bindback init west --listen 127.0.0.2 --mailbox bert\n\nThe folder gets a commented configuration that starts as it is, on loopback and with ports that need no rights. Nothing is overwritten.\nTwo servers of one machine need an address each (--listen): docs/joining.md."
)]
pub struct Arguments {
    /// The folder
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// The server's MTA name [default: the folder's name in capitals, where it can be one; else EAST]
    #[arg(long)]
    name: Option<String>,
    /// The site that it belongs to [default: HQ]
    #[arg(long)]
    site: Option<String>,
    /// The organisation that it belongs to; servers that are joined have the same [default: Demo]
    #[arg(long)]
    organisation: Option<String>,
    /// The server's host name [default: <name>.demo.test]
    #[arg(long)]
    host_name: Option<String>,
    /// The address that mail, RPC and the name in [hosts] have [default: 127.0.0.1]
    #[arg(long, value_name = "IP")]
    listen: Option<IpAddr>,
    /// Where neighbours' doctors and /metrics are answered [default: nowhere]
    #[arg(long, value_name = "IP:PORT")]
    admin_listen: Option<SocketAddr>,
    /// A domain whose mailboxes live here; can be given more than once [default: the host name]
    #[arg(long = "domain", value_name = "DOMAIN")]
    domains: Vec<String>,
    /// A mailbox; can be given more than once [default: anna]
    #[arg(long = "mailbox", value_name = "LOCAL-PART")]
    mailboxes: Vec<String>,
    /// The account that this server proves itself with [default: DEMO\svc-<name>]
    #[arg(long, value_name = "ACCOUNT")]
    account: Option<String>,
}

#[derive(Debug, Serialize)]
struct Made {
    config: PathBuf,
    password_file: PathBuf,
    token_file: PathBuf,
    /// What to type next.
    next: Vec<String>,
}

impl Shape for Made {
    const NAME: &'static str = "init";
}

pub fn run(arguments: Arguments, output: &Output) -> anyhow::Result<Found> {
    let mut random = [0; RANDOM_BYTES];
    getrandom::fill(&mut random)
        .map_err(std::io::Error::other)
        .context("the system gives no random octets for the secrets")?;
    let folder = arguments.folder.clone();
    let made = config::init(&folder, &answers(arguments)?, &random)?;
    output.answer(&told(made), text)?;
    Ok(Found::Nothing)
}

fn answers(arguments: Arguments) -> anyhow::Result<InitAnswers> {
    let mut answers = InitAnswers::default();
    if let Some(name) = arguments.name.or_else(|| name_of(&arguments.folder)) {
        let low = name.to_lowercase();
        answers.host_name = format!("{low}.demo.test");
        if arguments.account.is_none() {
            answers.account = account(&format!("DEMO\\svc-{low}"))?;
        }
        answers.name = name;
    }
    if let Some(host_name) = arguments.host_name {
        answers.host_name = host_name;
    }
    answers.domains = match arguments.domains.as_slice() {
        [] => vec![answers.host_name.clone()],
        _ => arguments.domains,
    };
    if let Some(site) = arguments.site {
        answers.site = site;
    }
    if let Some(organisation) = arguments.organisation {
        answers.organisation = organisation;
    }
    if let Some(address) = arguments.listen {
        answers.rpc_listen = address;
        for listen in &mut answers.smtp_listen {
            listen.set_ip(address);
        }
    }
    answers.admin_listen = arguments.admin_listen;
    // Its own name resolves without any other help.
    let own = vec![arguments.listen.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST))];
    answers.hosts = vec![(answers.host_name.clone(), own)];
    if let Some(first) = arguments.mailboxes.first() {
        answers.postmaster = Some(first.clone());
        answers.mailboxes = arguments.mailboxes;
    }
    if let Some(text) = arguments.account {
        answers.account = account(&text)?;
    }
    Ok(answers)
}

/// The name of the folder in capitals, where it can name an MTA and a host.
fn name_of(folder: &Path) -> Option<String> {
    let name = folder.file_name()?.to_str()?;
    let is_label = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let valid = (1..=32).contains(&name.len())
        && name.chars().all(is_label)
        && !name.starts_with('-')
        && !name.ends_with('-');
    valid.then(|| name.to_uppercase())
}

fn account(text: &str) -> anyhow::Result<AccountName> {
    text.parse().map_err(|error| {
        Usage(format!("{text:?} is no account name: {error}; write DOMAIN\\name")).into()
    })
}

fn told(made: Initialised) -> Made {
    let file = diagnosis::quote(&made.config.display().to_string());
    Made {
        next: vec![format!("bindback serve -c {file}"), format!("bindback doctor -c {file}")],
        config: made.config,
        password_file: made.password_file,
        token_file: made.token_file,
    }
}

fn text(made: &Made) -> String {
    format!(
        "made {}\nthe password of the service account is in {}\nthe token of the administrative interface is in {}\nnext:\n  {}",
        made.config.display(),
        made.password_file.display(),
        made.token_file.display(),
        made.next.join("\n  ")
    )
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Only {
        #[command(flatten)]
        arguments: Arguments,
    }

    fn parsed(line: &str) -> InitAnswers {
        answers(Only::parse_from(line.split(' ')).arguments).unwrap()
    }

    #[test]
    fn one_name_is_enough() {
        let answers = parsed("init /x --name WEST");
        assert_eq!(answers.host_name, "west.demo.test");
        assert_eq!(answers.domains, ["west.demo.test"]);
        assert_eq!(answers.account.to_string(), "DEMO\\svc-west");
        assert_eq!(answers.hosts[0].0, "west.demo.test");
        let answers =
            parsed("init /x --name WEST --host-name w.test --account D\\s --mailbox bert");
        assert_eq!((answers.host_name.as_str(), answers.account.name()), ("w.test", "s"));
        assert_eq!(answers.postmaster.as_deref(), Some("bert"));
    }

    #[test]
    fn the_folder_names_the_server_where_it_can() {
        let answers = parsed("init /srv/west --listen 127.0.0.2 --site Paris --organisation ACME");
        assert_eq!((answers.name.as_str(), answers.host_name.as_str()), ("WEST", "west.demo.test"));
        assert_eq!((answers.site.as_str(), answers.organisation.as_str()), ("Paris", "ACME"));
        assert_eq!(answers.account.to_string(), "DEMO\\svc-west");
        let address: IpAddr = "127.0.0.2".parse().unwrap();
        assert_eq!(answers.rpc_listen, address);
        assert_eq!(answers.smtp_listen, [SocketAddr::new(address, 2525)]);
        assert_eq!(answers.hosts, [("west.demo.test".to_owned(), vec![address])]);
        for folder in ["/srv/my_server", "/srv/-x", "/", "/srv/.."] {
            assert_eq!(parsed(&format!("init {folder}")).name, "EAST", "{folder}");
        }
        assert_eq!(parsed("init /srv/west --name NORTH").name, "NORTH");
    }

    #[test]
    fn the_folder_loads() {
        let folder = tempfile::tempdir().unwrap();
        let made = config::init(
            &folder.path().join("w"),
            &parsed("init /x --name WEST"),
            &[7; RANDOM_BYTES],
        );
        let made = told(made.unwrap());
        assert_eq!(config::Config::load(&made.config).unwrap().server.name, "WEST");
        assert!(made.next[0].starts_with("bindback serve -c /"));
    }
}

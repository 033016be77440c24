//! The command line: which commands there are.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use config::{Config, DEFAULT_FILE, SYSTEM_FILE};

use crate::commands;
use crate::failure::{Found, Usage};
use crate::output::Output;

/// An X.400 message transfer agent whose stopped mail explains itself.
#[derive(Debug, Parser)]
#[command(
    name = "bindback",
    version,
    after_help = "Begin with:\n  bindback demo              two servers, a fault, its diagnosis and its cure\n  bindback init DIR          a new server's folder\n  bindback doctor            why mail is stopped, and what to do about it\n\nExit status: 0 done, 1 failed or something is wrong, 2 wrong usage or unreadable input."
)]
pub struct Cli {
    /// Configuration of the server [default: ./bindback.toml, else /etc/bindback/bindback.toml]
    #[arg(short, long, global = true, value_name = "FILE", hide_default_value = true)]
    pub config: Option<PathBuf>,
    /// Print one JSON object on standard output
    #[arg(long, global = true)]
    pub json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show two servers, a fault, its diagnosis and its cure
    Demo(commands::demo::Arguments),
    /// The laboratory: every fault that can be put in, played and judged
    Lab(commands::lab::Arguments),
    /// Make the folder of a new server
    Init(commands::init::Arguments),
    /// Run the server
    #[command(
        after_help = "Example:\n  bindback serve -c /etc/bindback/bindback.toml\n\nSIGTERM ends it in order, SIGHUP reads the configuration again."
    )]
    Serve,
    /// Send a message from a file
    Send(commands::send::Arguments),
    /// Show and change what waits
    Queue(commands::queue::Arguments),
    /// Show what became of a message
    Track(commands::track::Arguments),
    /// Check the store of a server that does not run, and repair it
    Check(commands::check::Arguments),
    /// Copy the store of a server
    Store(commands::store::Arguments),
    /// Show the locality table: one row for each RPC association
    #[command(after_help = "Example:\n  bindback ltab -c east.toml")]
    Ltab,
    /// Explain which way an address goes, or show the routing table
    Route(commands::route::Arguments),
    /// Show events, or follow them
    Events(commands::events::Arguments),
    /// Show and change the accounts that this server accepts
    Account(commands::account::Arguments),
    /// Show and change the directory: objects, and who may what
    Directory(commands::directory::Arguments),
    /// What concerns all servers of a site
    Site(commands::site::Arguments),
    /// Show and change this server's own table of host names
    Hosts(commands::hosts::Arguments),
    /// Show and change the networks that may connect
    Network(commands::network::Arguments),
    /// Say why mail is stopped, and what to do about it
    Doctor(commands::doctor::Arguments),
    /// Try RPC: reach a server step by step, list its interfaces, or be one
    #[command(subcommand)]
    Rpc(commands::rpc::Command),
    /// X.400: show what octets say, change the passwords of binds
    X400(commands::x400::Arguments),
}

/// The first configuration that exists where one is looked for.
pub fn usual_file() -> Option<PathBuf> {
    let places = [DEFAULT_FILE, SYSTEM_FILE].map(Path::new);
    places.into_iter().find(|place| place.exists()).map(Path::to_owned)
}

/// Refuses a second `--config`: of one in front of the command and one behind it the parser takes the last in silence.
pub fn named_once(words: impl Iterator<Item = OsString>) -> anyhow::Result<()> {
    let names = |word: &OsString| {
        let word = word.to_string_lossy();
        let short = word.starts_with("-c") && !word.starts_with("--");
        short || word == "--config" || word.starts_with("--config=")
    };
    if words.skip(1).take_while(|word| word != "--").filter(names).count() > 1 {
        let text = "--config (-c) is given twice; a command works with one configuration";
        return Err(Usage(text.to_owned()).into());
    }
    Ok(())
}

/// What a command works with.
pub struct Setting<'a> {
    given: Option<&'a Path>,
    pub output: &'a Output,
}

impl Setting<'_> {
    /// The configuration file: the one that is given, else the first that exists.
    pub fn file(&self) -> anyhow::Result<PathBuf> {
        if let Some(file) = self.given {
            return Ok(file.to_owned());
        }
        usual_file().ok_or_else(|| {
            Usage(format!(
                "no configuration: there is neither ./{DEFAULT_FILE} nor {SYSTEM_FILE}; name one with -c FILE, or make one with `bindback init DIR`"
            ))
            .into()
        })
    }

    /// The table of names of the configuration, where one was named.
    pub fn hosts(&self) -> anyhow::Result<BTreeMap<String, Vec<IpAddr>>> {
        Ok(if self.given.is_some() { self.config()?.hosts } else { BTreeMap::new() })
    }

    /// The configuration.
    pub fn config(&self) -> anyhow::Result<Config> {
        Ok(Config::load(&self.file()?)?)
    }
}

/// Runs the command.
pub fn run(cli: Cli, output: &Output) -> anyhow::Result<Found> {
    let setting = Setting { given: cli.config.as_deref(), output };
    let many_threads = matches!(&cli.command, Command::Serve | Command::Demo(_) | Command::Lab(_));
    let mut runtime = if many_threads {
        tokio::runtime::Builder::new_multi_thread()
    } else {
        tokio::runtime::Builder::new_current_thread()
    };
    let runtime = runtime.enable_all().build().context("the runtime does not start")?;
    runtime.block_on(async {
        match cli.command {
            Command::Demo(arguments) => commands::demo::run(arguments, output).await,
            Command::Lab(arguments) => commands::lab::run(arguments, &setting, output).await,
            Command::Init(arguments) => commands::init::run(arguments, output),
            Command::Serve => commands::serve::run(&setting).await,
            Command::Send(arguments) => commands::send::run(arguments, &setting).await,
            Command::Queue(arguments) => commands::queue::run(arguments, &setting).await,
            Command::Track(arguments) => commands::track::run(arguments, &setting).await,
            Command::Check(arguments) => commands::check::run(&arguments, &setting),
            Command::Store(arguments) => commands::store::run(arguments, &setting).await,
            Command::Ltab => commands::ltab::run(&setting).await,
            Command::Route(arguments) => commands::route::run(arguments, &setting).await,
            Command::Events(arguments) => commands::events::run(arguments, &setting).await,
            Command::Account(arguments) => commands::account::run(arguments, &setting).await,
            Command::Directory(arguments) => commands::directory::run(arguments, &setting).await,
            Command::Site(arguments) => commands::site::run(arguments, &setting).await,
            Command::Hosts(arguments) => commands::hosts::run(arguments, &setting).await,
            Command::Network(arguments) => commands::network::run(arguments, &setting).await,
            Command::Doctor(arguments) => commands::doctor::run(arguments, &setting).await,
            Command::Rpc(command) => commands::rpc::run(command, &setting).await,
            Command::X400(arguments) => commands::x400::run(arguments, &setting).await,
        }
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;
    use clap::Parser as _;

    use super::Cli;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn one_configuration_is_named() {
        let given = |line: &str| super::named_once(line.split(' ').map(Into::into));
        for line in
            ["bindback doctor", "bindback -c a doctor", "bindback queue list --config=a -- -c"]
        {
            assert!(given(line).is_ok(), "{line}");
        }
        for line in ["bindback -c a doctor -c b", "bindback --config a doctor -cb"] {
            assert!(given(line).is_err(), "{line}");
        }
    }

    #[test]
    fn every_command_has_an_example() {
        fn look(command: &clap::Command, path: &str) {
            for one in command.get_subcommands() {
                let path = format!("{path} {}", one.get_name());
                assert!(one.get_about().is_some(), "{path} has no help");
                if one.has_subcommands() {
                    look(one, &path);
                } else {
                    let help = one.get_after_help().map(ToString::to_string).unwrap_or_default();
                    assert!(help.contains(path.trim()), "{path} has no example");
                }
            }
        }
        look(&Cli::command(), "bindback");
    }

    #[test]
    fn the_commands_of_remedies_are_understood() {
        for line in [
            r"account set-password ORG\svc-west --password-file /srv/west.password -c /srv/east.toml",
            r"account add ORG\svc-west --role service-account-admin --password-file /srv/p -c /srv/east.toml",
            r"account grant ORG\svc-west --role service-account-admin -c /srv/east.toml",
            r"account show ORG\svc-west --json",
            r"account enable ORG\svc-west -c /srv/east.toml",
            r"account unlock ORG\svc-west -c /srv/east.toml",
            r"account expire ORG\svc-west --never -c /srv/east.toml",
            r"account expire ORG\svc-west --password --at 2027-01-01T00:00:00Z",
            r"account rights ORG\svc-west --network-logon default -c /srv/east.toml",
            r"account rotate ORG\svc-east --generate --no-overlap -c /srv/east.toml",
            r"site password set --password-file /srv/p -c /srv/east.toml",
            r"directory grant service-account-admin ORG\svc-west --on /O=Demo --inherit -c /srv/east.toml",
            r"directory revoke send-as ORG\svc-west --on /O=Demo",
            r"directory access ORG\svc-west --on /O=Demo",
            "directory agent start -c /srv/east.toml",
            "directory raw /O=Demo --attribute nTSecurityDescriptor --set D:P",
            "directory set /O=Demo/OU=HQ description -c /srv/east.toml",
            "directory legacy-account clear -c /srv/east.toml",
            "directory import a.ldif --dry-run",
            "hosts set east.demo.test 127.0.0.2 -c /srv/west.toml",
            "network allow rpc 127.0.0.2/32 -c /srv/east.toml",
            "network allow rfc1006 192.0.2.0/24",
            r"account expire ORG\svc-west --at 2027-01-01",
            "serve -c /srv/east.toml",
            "events --id 9297 -c /srv/east.toml",
            "queue retry --all --json",
            "queue retry WEST",
            "queue hold WEST",
            "queue release WEST",
            "queue release 19a0c4f2b8e00001",
            "queue export /tmp/queue",
            "store backup /tmp/store",
            "track anna@east.test --since 2h --json",
            "track --export /tmp/track.jsonl",
            "check --repair --report check.json --json",
            "demo a.eml b.eml --once --json --dir /tmp/x --fault service-account-missing",
            "lab list --json",
            "lab run schema-grant-missing --seed 7 --dir /srv/lab",
            "lab matrix --seed 1 --only account-disabled,account-expired --healthy 0 --pairs 0",
            "doctor -v --json",
            "x400 set-password WEST --remote --password-file /srv/west.password -c /srv/east.toml",
            "x400 decode exchange.pcapng --json --passwords",
            "doctor --case case.json --note a --note b --json",
            "doctor --events east.csv --events west.txt",
            "route x@far.test --from anna@east.demo.test --size 1000 --came-by WEST --json",
            "route --table --json",
            "doctor --events east.evtx --events west.evt --html report.html --redact",
            r"doctor east west.example.test --user ORG\svc-west --password-file p -v",
            "doctor east --as-peer EAST -c west.toml --json",
            "doctor --only resolve",
            "events convert SysEvent.Evt --json",
            "events level",
            "events level Interface",
            "events level x400-service 3 --json",
            "-c x.toml doctor --explain port-filtered-by-firewall",
            "send a.eml --to a@x.test b@x.test --from c@x.test",
        ] {
            let words = std::iter::once("bindback").chain(line.split(' '));
            if let Err(error) = Cli::try_parse_from(words) {
                panic!("{line}: {error}");
            }
        }
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for line in [
            "account add A --password hunter2",
            "account add A --role king",
            "account add A --password-file f --password-env E",
            "queue retry",
            "queue retry 7 --all",
            "queue delete",
            "route",
            "route x@far.test --table",
            "route --table --size 1",
            "queue hold",
            "track",
            "track a --export b",
            "store backup",
            "demo --carrier pigeon",
            "lab run",
            "lab run a b",
            "lab matrix --healthy many",
            "doctor --explain no-such-cause",
            "doctor --case a.json --list-checks",
            "doctor east --case a.json",
            r"doctor --user ORG\svc-west",
            "doctor --only weather",
            "events convert",
            "network allow x400 10.0.0.0/8",
            "account expire A --at noon",
            "hosts set east.demo.test",
            "hosts set east.demo.test not-an-address",
            "events --since yesterday",
            "events level Weather 3",
            "events level Interface 2",
            "send a.eml",
            "x400 set-password WEST --password-file f",
            "x400 set-password WEST --remote --local --password-file f",
        ] {
            let words = std::iter::once("bindback").chain(line.split(' '));
            let error = Cli::try_parse_from(words).expect_err(line);
            assert_eq!(error.exit_code(), 2, "{line}");
        }
    }
}

//! Two servers, EAST and WEST, as two administrators would set them up by hand.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;
use tempfile::TempDir;

use crate::address::Block;
use crate::maildir::Maildir;
use crate::network::Network;
use crate::process::Process;
use crate::program::{Program, binary};
use crate::smtp::Session;
use crate::wait::until;

/// The ports of every server, each on an address of its own.
pub const SMTP: u16 = 2525;
pub const MAPPER: u16 = 1135;
pub const RPC: u16 = 4747;
pub const ADMIN: u16 = 9100;
pub const P1: u16 = 1102;
pub(crate) const PORTS: [u16; 5] = [SMTP, MAPPER, RPC, ADMIN, P1];

/// How long a server may take to start: its store is read first.
const START_TIME: Duration = Duration::from_secs(20);

/// One of the two servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    East,
    West,
}

impl Side {
    pub const BOTH: [Self; 2] = [Self::East, Self::West];

    pub const fn other(self) -> Self {
        match self {
            Self::East => Self::West,
            Self::West => Self::East,
        }
    }

    pub const fn name(self) -> &'static str {
        match self {
            Self::East => "EAST",
            Self::West => "WEST",
        }
    }

    /// Host name and mail domain.
    pub const fn host(self) -> &'static str {
        match self {
            Self::East => "east.proof.test",
            Self::West => "west.proof.test",
        }
    }

    pub const fn bind_back(self) -> &'static str {
        match self {
            Self::East => "east-rpc.proof.test",
            Self::West => "west-rpc.proof.test",
        }
    }

    pub const fn account(self) -> &'static str {
        match self {
            Self::East => r"PROOF\svc-east",
            Self::West => r"PROOF\svc-west",
        }
    }

    /// Its one mailbox.
    pub const fn mailbox(self) -> &'static str {
        match self {
            Self::East => "anna",
            Self::West => "bert",
        }
    }

    /// The address of its mailbox.
    pub fn user(self) -> String {
        format!("{}@{}", self.mailbox(), self.host())
    }

    fn number(self) -> u32 {
        match self {
            Self::East => 0,
            Self::West => 1,
        }
    }
}

/// How the servers reach each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Carrier {
    /// As servers of one organisation.
    #[default]
    Rpc,
    /// X.400 connectors over TCP.
    Rfc1006,
    /// SMTP connectors with the other one as smart host: at least once, the window is that of RFC 1047.
    Smtp,
}

impl Carrier {
    pub const ALL: [Self; 3] = [Self::Rpc, Self::Rfc1006, Self::Smtp];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Rpc => "rpc",
            Self::Rfc1006 => "rfc1006",
            Self::Smtp => "smtp",
        }
    }
}

/// What is special about the servers of a proof.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    pub carrier: Carrier,
    /// Each server reaches the other one at the address of a relay.
    pub through_relays: bool,
    /// Each server may read the other one's side, and knows where its configuration is.
    pub neighbours: bool,
    /// Keys beyond the usual ones, or in their place: server (or both), section, key, value as in the file.
    pub set: Vec<(Option<Side>, &'static str, &'static str, String)>,
    /// Text at the end of a server's file.
    pub more: Vec<(Side, String)>,
}

impl Plan {
    /// With a key for both servers.
    #[must_use]
    pub fn with(mut self, section: &'static str, key: &'static str, value: &str) -> Self {
        self.set.push((None, section, key, value.to_owned()));
        self
    }

    /// With more tables for one server.
    #[must_use]
    pub fn with_more(mut self, side: Side, text: String) -> Self {
        self.more.push((side, text));
        self
    }

    /// With a key for one server.
    #[must_use]
    pub fn with_on(
        mut self,
        side: Side,
        section: &'static str,
        key: &'static str,
        value: &str,
    ) -> Self {
        self.set.push((Some(side), section, key, value.to_owned()));
        self
    }
}

/// Two servers in one folder, each known to the other.
#[derive(Debug)]
pub struct Organisation {
    pub program: Program,
    folder: TempDir,
    block: Block,
    network: Option<Network>,
}

impl Organisation {
    /// The password of both service accounts; one for both, since a dissector takes only one.
    pub const PASSWORD: &'static str = "Mouse-trap 17, upstairs";

    /// Writes both configurations and makes each account known at the other server.
    pub fn make(plan: &Plan) -> Result<Self> {
        Self::make_at(plan, Block::take()?, None)
    }

    /// The same, with each server on a host of its own.
    pub fn make_on(plan: &Plan, network: Network) -> Result<Self> {
        Self::make_at(plan, network.block(), Some(network))
    }

    fn make_at(plan: &Plan, block: Block, network: Option<Network>) -> Result<Self> {
        let program = Program::find()?;
        let folder = tempfile::Builder::new().prefix("bb").tempdir()?;
        let organisation = Self { program, folder, block, network };
        for side in Side::BOTH {
            let folder = organisation.folder(side);
            std::fs::create_dir_all(folder.join("secrets"))?;
            organisation.secret(side, "secrets/service.password", Self::PASSWORD)?;
            organisation.secret(
                side,
                "secrets/admin.token",
                "0123456789abcdef0123456789abcdef0123",
            )?;
            organisation.secret(side, "secrets/x400.password", Self::PASSWORD)?;
            std::fs::write(organisation.config(side), organisation.text(side, plan))?;
        }
        for side in Side::BOTH {
            let password = organisation.folder(side.other()).join("secrets/service.password");
            let account = side.other().account();
            organisation.command(
                side,
                &[
                    "account",
                    "add",
                    account,
                    "--role",
                    "service-account-admin",
                    "--password-file",
                    &password.to_string_lossy(),
                ],
            )?;
        }
        Ok(organisation)
    }

    /// Starts a server and waits for its greeting.
    pub fn start(&self, side: Side) -> Result<Process> {
        let config = self.config(side);
        let arguments = ["serve".as_ref(), "-c".as_ref(), config.as_os_str()];
        let mut command = self.program.command(arguments);
        if let Some(network) = &self.network {
            command = network.command(side, binary()?);
            command.args(arguments);
        }
        self.greeted(side, command)
    }

    /// Starts a server under another program, which gets the server's command line behind its own arguments.
    pub fn start_under(&self, side: Side, mut wrapper: Command) -> Result<Process> {
        wrapper.arg(binary()?).arg("serve").arg("-c").arg(self.config(side));
        self.greeted(side, wrapper)
    }

    fn greeted(&self, side: Side, command: Command) -> Result<Process> {
        let mut process = Process::start(command, &self.log(side))?;
        let what = format!("the greeting of {}", side.name());
        let greeted = until(START_TIME, &what, || {
            if let Some(status) = process.try_wait()? {
                bail!("{} ended with {status}: {}", side.name(), self.said(side));
            }
            Ok(Session::connect(self.smtp(side)).ok().filter(|(_, greeting)| greeting.code == 220))
        });
        greeted.with_context(|| self.said(side))?;
        Ok(process)
    }

    /// Starts both.
    pub fn start_both(&self) -> Result<[Process; 2]> {
        Ok([self.start(Side::East)?, self.start(Side::West)?])
    }

    /// Runs an administrative command that must succeed and gives its JSON object.
    pub fn command(&self, side: Side, arguments: &[&str]) -> Result<Value> {
        let config = self.config(side).to_string_lossy().into_owned();
        self.program.json(arguments.iter().copied().chain(["-c", config.as_str()]))
    }

    /// Messages that wait anywhere on a server.
    pub fn waiting(&self, side: Side) -> Result<u64> {
        let answer = self.command(side, &["queue", "list"])?;
        let queues = answer["queues"].as_array().context("queues")?;
        Ok(queues.iter().filter_map(|queue| queue["messages"].as_u64()).sum())
    }

    /// Waits until nothing waits at EAST, which may be the only one that runs.
    pub fn until_empty_east(&self, limit: Duration) -> Result<()> {
        until(
            limit,
            "an empty queue at EAST",
            || Ok((self.waiting(Side::East)? == 0).then_some(())),
        )
    }

    /// Waits until nothing waits on either server.
    pub fn until_empty(&self, limit: Duration) -> Result<()> {
        let empty = until(limit, "empty queues on both servers", || {
            // What crosses to EAST between the first two looks is seen by the third, or is delivered.
            for side in [Side::East, Side::West, Side::East] {
                if self.waiting(side)? > 0 {
                    return Ok(None);
                }
            }
            Ok(Some(()))
        });
        empty.with_context(|| {
            let queue =
                |side| self.command(side, &["queue", "show"]).map(|shown| shown.to_string());
            format!("{:?}", Side::BOTH.map(queue))
        })
    }

    /// The wire between them, if each is on a host of its own.
    pub fn network(&self) -> Option<&Network> {
        self.network.as_ref()
    }

    /// The events that a server keeps.
    pub fn events(&self, side: Side) -> Result<Vec<Value>> {
        let answer = self.command(side, &["events"])?;
        Ok(answer["events"].as_array().context("events")?.clone())
    }

    pub fn address(&self, side: Side) -> Ipv4Addr {
        self.block.address(side.number())
    }

    /// Where the other server finds this one when everything goes through relays.
    pub fn relay_address(&self, side: Side) -> Ipv4Addr {
        self.block.address(side.number() + 2)
    }

    pub fn at(&self, side: Side, port: u16) -> SocketAddr {
        SocketAddr::from((self.address(side), port))
    }

    pub fn smtp(&self, side: Side) -> SocketAddr {
        self.at(side, SMTP)
    }

    pub fn root(&self) -> &Path {
        self.folder.path()
    }

    pub fn folder(&self, side: Side) -> PathBuf {
        self.root().join(side.name())
    }

    pub fn config(&self, side: Side) -> PathBuf {
        self.folder(side).join("bindback.toml")
    }

    pub fn socket(&self, side: Side) -> PathBuf {
        self.folder(side).join("run/bindback.sock")
    }

    pub fn log(&self, side: Side) -> PathBuf {
        self.folder(side).join("server.log")
    }

    /// The mailbox of a server's user.
    pub fn maildir(&self, side: Side) -> Maildir {
        Maildir::new(&self.folder(side).join("maildir").join(side.mailbox()))
    }

    /// What a server wrote to its standard outputs.
    pub fn said(&self, side: Side) -> String {
        std::fs::read_to_string(self.log(side)).unwrap_or_default()
    }

    fn secret(&self, side: Side, name: &str, text: &str) -> Result<()> {
        let path = self.folder(side).join(name);
        std::fs::write(&path, format!("{text}\n"))?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
        Ok(())
    }

    fn text(&self, side: Side, plan: &Plan) -> String {
        let address = self.address(side);
        let quoted = |text: &dyn std::fmt::Display| format!("'{text}'");
        let mut document: BTreeMap<&str, BTreeMap<&str, String>> = BTreeMap::new();
        let mut set = |section, key, value| document.entry(section).or_default().insert(key, value);
        set("server", "name", quoted(&side.name()));
        set("server", "organisation", quoted(&"Proof"));
        set("server", "site", quoted(&"HQ"));
        set("server", "host_name", quoted(&side.host()));
        set("server", "prmd", quoted(&"PROOF"));
        set("smtp", "listen", format!("['{address}:{SMTP}']"));
        set("mail", "domains", format!("['{}']", side.host()));
        set("mail", "mailboxes", format!("['{}']", side.mailbox()));
        set("mail", "postmaster", quoted(&side.mailbox()));
        set("rpc", "listen", quoted(&address));
        set("rpc", "port", RPC.to_string());
        set("rpc", "mapper_port", MAPPER.to_string());
        set("rpc", "bind_back_name", quoted(&side.bind_back()));
        set("rpc", "account", quoted(&side.account()));
        set("queue", "retry_first_s", "1".to_owned());
        set("queue", "retry_max_s", "2".to_owned());
        set("admin", "listen", format!("'{address}:{ADMIN}'"));
        set("admin", "token_file", quoted(&"secrets/admin.token"));
        for (_, section, key, value) in
            plan.set.iter().filter(|(whose, ..)| whose.is_none_or(|whose| whose == side))
        {
            set(section, key, value.clone());
        }
        let mut out = String::new();
        for (section, keys) in &document {
            let _ = writeln!(out, "[{section}]");
            keys.iter().for_each(|(key, value)| {
                let _ = writeln!(out, "{key} = {value}");
            });
        }
        out += &self.way_to(side, plan);
        if plan.neighbours {
            let _ = writeln!(
                out,
                "admin = 'http://{}:{ADMIN}'\nadmin_token_file = 'secrets/admin.token'\nconfiguration = '{}'",
                self.address(side.other()),
                self.config(side.other()).display()
            );
        }
        out += "[hosts]\n";
        for named in Side::BOTH {
            let far = plan.through_relays && named != side;
            let address = if far { self.relay_address(named) } else { self.address(named) };
            let _ = writeln!(
                out,
                "'{}' = '{address}'\n'{}' = '{address}'",
                named.host(),
                named.bind_back()
            );
        }
        plan.more.iter().filter(|(whose, _)| *whose == side).for_each(|(_, text)| out += text);
        out
    }
    /// The tables for the way from a server to the other one.
    fn way_to(&self, side: Side, plan: &Plan) -> String {
        let peer = side.other();
        let named = |(whose, section, key, _): &&(Option<Side>, &str, &str, String)| {
            *whose == Some(peer) && (*section, *key) == ("server", "name")
        };
        let given = plan.set.iter().find(named).map(|(.., name)| name.trim_matches('\''));
        let (name, host) = (given.unwrap_or_else(|| peer.name()), peer.host());
        match plan.carrier {
            Carrier::Rpc => format!(
                "[[peer]]\nname = '{name}'\nhost = '{host}'\nbind_back = '{}'\nmapper_port = {MAPPER}\naccount = '{}'\ndomains = ['{host}']\n",
                peer.bind_back(),
                peer.account(),
            ),
            Carrier::Rfc1006 => format!(
                "[rfc1006]\nlisten = ['{}']\nallow = ['127.0.0.0/8', '10.0.0.0/8']\nport = {P1}\n[[x400]]\nname = '{name}'\nhost = '{host}'\nport = {P1}\ndomains = ['{host}']\nremote_password_file = 'secrets/x400.password'\nlocal_password_file = 'secrets/x400.password'\n",
                self.address(side),
            ),
            Carrier::Smtp => format!(
                "[[connector]]\nname = '{name}'\nkind = 'smtp'\nhosts = ['{}']\n[[connector.address_space]]\npattern = '{host}'\n",
                self.smtp(peer),
            ),
        }
    }
}

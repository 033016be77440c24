//! Two generations of servers in one organisation: an old site with its own copy of the directory and its service account,
//! and new servers with machine identities that share another; agents keep the copies in step.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use conformance::{
    ADMIN, Block, Letter, MAPPER, Maildir, OpenLdap, Plan, Process, Program, RPC, SMTP, Session,
    skip, until,
};
use serde_json::Value;
use tempfile::TempDir;

use crate::{LIMIT, RECOVERY, ROLE, SCHEMA};

const PASSWORD: &str = "Mouse-trap 17, upstairs";
/// The old server, and the two that are new once they are upgraded.
const SERVERS: [&str; 3] = ["OLD", "NEWA", "NEWB"];
const OLD: &str = r"PROOF\svc-old";
/// The service account of the site of both others.
const HQ: &str = r"PROOF\svc-hq";

/// A time that no event so far has.
pub(crate) fn now() -> Result<String> {
    Ok(format!("{}Z", super::Stage::now()?))
}

pub(crate) struct Organisation {
    pub(crate) program: Program,
    folder: TempDir,
    block: Block,
    /// What the new servers' files say of the directory that they share; each has its own without.
    shared: Option<String>,
}

fn site(server: &str) -> &'static str {
    if server == "OLD" { "BRANCH" } else { "HQ" }
}

/// The service account of its site.
fn account(server: &str) -> &'static str {
    if server == "OLD" { OLD } else { HQ }
}

pub(crate) fn object(server: &str) -> String {
    format!("/O=Proof/OU={}/CN=Configuration/CN=Servers/CN={server}", site(server))
}

fn low(server: &str) -> String {
    server.to_lowercase()
}

impl Organisation {
    /// Three servers of the old generation, each with an account for every other one; each copy is kept in step with NEWA's, and
    /// NEWA's with both others.
    pub(crate) fn make() -> Result<Self> {
        Self::make_with(None)
    }

    fn make_with(shared: Option<String>) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("bb").tempdir()?;
        let organisation =
            Self { program: Program::find()?, folder, block: Block::take()?, shared };
        for server in SERVERS {
            std::fs::create_dir_all(organisation.path(server, "secrets"))?;
            for name in ["service.password", "machine.password", "admin.token"] {
                let path = organisation.path(server, &format!("secrets/{name}"));
                std::fs::write(&path, format!("{PASSWORD}\n"))?;
                std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
            }
            organisation.configure(server, "")?;
        }
        for server in SERVERS {
            organisation
                .command(server, &["directory", "set", &object(server), "generation", "old"])?;
            for account in [OLD, HQ].into_iter().filter(|one| *one == HQ || server != "OLD") {
                organisation.add_account(server, account)?;
            }
        }
        Ok(organisation)
    }

    pub(crate) fn add_account(&self, server: &str, account: &str) -> Result<()> {
        let password = self.path(server, "secrets/service.password");
        let password = password.to_string_lossy().into_owned();
        let words = ["account", "add", account, "--role", ROLE, "--password-file", &password];
        self.command(server, &words).map(drop)
    }

    /// What an upgrade to the new generation does on a server: it gets a machine identity, and its account for older servers.
    pub(crate) fn upgrade(&self, server: &str) -> Result<()> {
        self.upgrade_with(server, "")
    }

    /// The same with further keys of `[rpc]`.
    pub(crate) fn upgrade_with(&self, server: &str, keys: &str) -> Result<()> {
        let machine = format!(
            "machine_account = 'PROOF\\{server}$'\nmachine_password_file = 'secrets/machine.password'\n{keys}"
        );
        self.configure(server, &machine)?;
        self.command(server, &["directory", "set", &object(server), "generation", "new"])?;
        let password = self.path(server, "secrets/service.password");
        let words = ["directory", "legacy-account", "set", "--account", account(server)];
        let more = ["--password-file", &password.to_string_lossy(), "--untested"];
        self.command(server, &[&words[..], &more[..]].concat()).map(drop)
    }

    pub(crate) fn configure(&self, server: &str, rpc: &str) -> Result<()> {
        let (address, low) = (self.address(server), low(server));
        let directory = match &self.shared {
            Some(shared) if server != "OLD" => shared.as_str(),
            _ => "poll_s = 1\n",
        };
        let mut text = format!(
            "[server]\nname = '{server}'\norganisation = 'Proof'\nsite = '{}'\nhost_name = '{low}.proof.test'\nprmd = 'PROOF'\n\
             [smtp]\nlisten = ['{address}:{SMTP}']\n\
             [mail]\ndomains = ['{low}.proof.test']\nmailboxes = ['anna']\npostmaster = 'anna'\n\
             [rpc]\nlisten = '{address}'\nport = {RPC}\nmapper_port = {MAPPER}\naccount = '{}'\n{rpc}\
             [association]\nidle_s = 1\n[queue]\nretry_first_s = 1\nretry_max_s = 2\n\
             [directory]\n{directory}\
             [admin]\nlisten = '{address}:{ADMIN}'\ntoken_file = 'secrets/admin.token'\n",
            site(server),
            account(server)
        );
        for peer in SERVERS.into_iter().filter(|peer| *peer != server) {
            let of = peer.to_lowercase();
            // Those who share one have nothing to replicate.
            let with_old = [server, peer].contains(&"OLD");
            let replicated =
                [server, peer].contains(&"NEWA") && (self.shared.is_none() || with_old);
            let word = if replicated { "replicated" } else { "separate" };
            write!(
                text,
                "[[peer]]\nname = '{peer}'\nhost = '{of}.proof.test'\nmapper_port = {MAPPER}\n\
                 account = '{}'\ndomains = ['{of}.proof.test']\ndirectory = '{word}'\n\
                 admin = 'http://{}:{ADMIN}'\nadmin_token_file = 'secrets/admin.token'\nconfiguration = '{}'\n",
                account(peer),
                self.address(peer),
                self.path(peer, "bindback.toml").display()
            )?;
        }
        text += "[hosts]\n";
        for named in SERVERS {
            writeln!(text, "'{}.proof.test' = '{}'", named.to_lowercase(), self.address(named))?;
        }
        Ok(std::fs::write(self.path(server, "bindback.toml"), text)?)
    }

    fn address(&self, server: &str) -> Ipv4Addr {
        let number = SERVERS.iter().position(|one| *one == server).unwrap_or_default();
        self.block.address(u32::try_from(number).unwrap_or_default())
    }

    pub(crate) fn path(&self, server: &str, name: &str) -> PathBuf {
        self.folder.path().join(server).join(name)
    }

    pub(crate) fn start(&self, server: &str) -> Result<Process> {
        let config = self.path(server, "bindback.toml");
        let command = self.program.command(["serve".as_ref(), "-c".as_ref(), config.as_os_str()]);
        let log = self.path(server, "server.log");
        let mut process = Process::start(command, &log)?;
        let smtp = SocketAddr::from((self.address(server), SMTP));
        let greeted = until(LIMIT, &format!("the greeting of {server}"), || {
            ensure!(process.try_wait()?.is_none(), "it ended");
            Ok(Session::connect(smtp).ok().filter(|(_, greeting)| greeting.code == 220))
        });
        greeted.with_context(|| std::fs::read_to_string(&log).unwrap_or_default())?;
        Ok(process)
    }

    fn start_all(&self) -> Result<Vec<Process>> {
        SERVERS.into_iter().map(|server| self.start(server)).collect()
    }

    pub(crate) fn command(&self, server: &str, words: &[&str]) -> Result<Value> {
        let config = self.path(server, "bindback.toml").to_string_lossy().into_owned();
        self.program.json(words.iter().copied().chain(["-c", config.as_str()]))
    }

    pub(crate) fn send(&self, from: &str, to: &str, subject: &str) -> Result<()> {
        let address = |server: &str| format!("anna@{}.proof.test", low(server));
        let letter = Letter::plain(&address(from), &address(to), subject, "Across.");
        let smtp = SocketAddr::from((self.address(from), SMTP));
        let reply = letter.hand_in(smtp)?;
        ensure!(reply.code == 250, "{reply:?}");
        Ok(())
    }

    /// A letter on each of the six ways.
    pub(crate) fn send_all(&self, subject: &str) -> Result<()> {
        for from in SERVERS {
            for to in SERVERS.into_iter().filter(|to| *to != from) {
                self.send(from, to, subject)?;
            }
        }
        Ok(())
    }

    pub(crate) fn mailbox(&self, server: &str) -> usize {
        Maildir::new(&self.path(server, "maildir/anna")).count()
    }

    /// Waits until the mailboxes have so many letters, and no more come.
    pub(crate) fn arrived(&self, counts: [usize; 3], limit: Duration) -> Result<()> {
        let found = || SERVERS.map(|server| self.mailbox(server));
        until(limit, "the letters", || Ok((found() == counts).then_some(())))
            .with_context(|| format!("{:?} of {counts:?}", found()))
    }

    pub(crate) fn event(&self, server: &str, id: u64, since: &str) -> Result<Option<Value>> {
        let answer =
            self.command(server, &["events", "--id", &id.to_string(), "--since", since])?;
        Ok(answer["events"].as_array().and_then(|all| all.last()).cloned())
    }

    /// The account that a server showed another one last.
    pub(crate) fn shown(&self, server: &str, to: &str) -> Result<String> {
        let answer = self.command(server, &["ltab"])?;
        let rows = answer["entries"].as_array().context("entries")?.clone();
        let row = rows.iter().rev().find(|row| row["peer"] == to && row["direction"] == "out");
        Ok(row.and_then(|row| row["account"].as_str()).unwrap_or_default().to_owned())
    }

    fn value(&self, server: &str, object: &str, attribute: &str) -> Result<Value> {
        let shown = self.command(server, &["directory", "show", object])?;
        Ok(shown["objects"][0]["attributes"][attribute][0].clone())
    }

    /// Waits until each copy is read by those who are to.
    pub(crate) fn joined(&self) -> Result<()> {
        until(LIMIT, "copies that are in step", || {
            for server in SERVERS {
                let agent = self.command(server, &["directory", "agent"])?;
                // None where there is nobody to read from.
                let sources = agent["agent"]["sources"].as_array().cloned().unwrap_or_default();
                if sources.iter().any(|source| source["state"] != "ok") {
                    return Ok(None);
                }
            }
            // No server has to keep the order of entries.
            let entries = |server| -> Result<Vec<String>> {
                let shown = self.command(server, &["directory", "show", "/O=Proof"])?;
                let sddl = shown["objects"][0]["sddl"].as_str().unwrap_or_default().to_owned();
                let mut entries: Vec<String> = sddl.split('(').map(str::to_owned).collect();
                entries.sort();
                Ok(entries)
            };
            let all = [entries("OLD")?, entries("NEWA")?, entries("NEWB")?];
            Ok(all.iter().all(|one| *one == all[0]).then_some(()))
        })
    }

    /// Waits until each copy has this value.
    pub(crate) fn in_step(
        &self,
        servers: &[&str],
        object: &str,
        attribute: &str,
        value: &str,
    ) -> Result<()> {
        until(LIMIT, &format!("{value:?} in the copies of {servers:?}"), || {
            for server in servers {
                if self.value(server, object, attribute).ok() != Some(value.into()) {
                    return Ok(None);
                }
            }
            Ok(Some(()))
        })
    }
}

/// Scenario 1 with both generations: after the upgrade new and new keep flowing, old and new stop.
///
/// Claims: 1, 2, 8, 9, 10, 37.
#[test]
fn after_an_upgrade_new_and_new_keep_flowing_while_old_and_new_stop() -> Result<()> {
    let organisation = Organisation::make()?;
    {
        let _servers = organisation.start_all()?;
        organisation.send_all("before")?;
        organisation.arrived([2, 2, 2], LIMIT)?;
        organisation.joined()?;
        let shown = organisation.shown("NEWA", "NEWB")?;
        ensure!(shown == HQ, "an old server shows its service account, not {shown:?}");
    }
    for (server, other) in [("NEWA", "NEWB"), ("NEWB", "NEWA")] {
        organisation.upgrade(server)?;
        organisation.add_account(server, &format!(r"PROOF\{other}$"))?;
        // What an upgrade of the field left behind: the schema object without the old site's service account.
        let words = ["directory", "revoke", ROLE, OLD, "--on", SCHEMA];
        organisation.command(server, &words)?;
    }
    let since = now()?;
    let _servers = organisation.start_all()?;
    // The upgraded servers' objects are in the old site's copy: it learns of them by the agent alone.
    organisation.in_step(&["OLD", "NEWB"], &object("NEWA"), "machineAccount", r"PROOF\NEWA$")?;
    organisation.in_step(&["OLD", "NEWA"], &object("NEWB"), "machineAccount", r"PROOF\NEWB$")?;
    organisation.send_all("after")?;
    organisation.arrived([2, 3, 3], LIMIT)?;
    for (from, to, account) in [
        ("NEWA", "NEWB", r"PROOF\NEWA$"),
        ("NEWB", "NEWA", r"PROOF\NEWB$"),
        // The legacy account, towards an old server only.
        ("NEWA", "OLD", HQ),
        ("OLD", "NEWA", OLD),
    ] {
        let shown = organisation.shown(from, to)?;
        ensure!(shown == account, "{from} shows {to} {shown:?}, not {account}");
    }
    for server in ["NEWA", "NEWB"] {
        let event = until(LIMIT, "the refusal", || organisation.event(server, 9297, &since))?;
        ensure!(event["params"]["step"] == "schema", "{event}");
        ensure!(event["params"]["user"] == OLD, "{event}");
    }
    let refused =
        until(LIMIT, "the old server's 9318", || organisation.event("OLD", 9318, &since))?;
    ensure!(refused["params"]["code"] == 5, "{refused}");
    let bound_back = until(LIMIT, "its 9322", || organisation.event("OLD", 9322, &since))?;
    ensure!(bound_back["params"]["code"] == 5, "{bound_back}");
    for server in ["NEWA", "NEWB"] {
        let words = ["directory", "grant", ROLE, OLD, "--on", SCHEMA, "--inherit"];
        organisation.command(server, &words)?;
    }
    organisation.arrived([4, 4, 4], RECOVERY)
}

/// Scenario 10 with copies on different machines: a grant that was made at a new server does not reach the old site.
#[test]
fn a_grant_that_has_not_reached_the_old_sites_copy_stops_mail_until_its_agent_runs() -> Result<()> {
    a_copy_lags(&Organisation::make()?)
}

/// The same where the new servers share a directory in LDAP, and the agent brings changes between it and the old site's copy.
#[test]
fn the_old_sites_copy_is_kept_in_step_with_a_directory_in_openldap() -> Result<()> {
    if let Some(reason) = OpenLdap::missing() {
        skip("generations", &reason);
        return Ok(());
    }
    let server = OpenLdap::start()?;
    let keys = server.plan(Plan::default(), "ldaps").set;
    let lines = keys.into_iter().map(|(_, _, key, value)| format!("{key} = {value}\n"));
    a_copy_lags(&Organisation::make_with(Some(lines.collect()))?)
}

fn a_copy_lags(organisation: &Organisation) -> Result<()> {
    let _servers = organisation.start_all()?;
    organisation.send("NEWA", "OLD", "before")?;
    organisation.send("OLD", "NEWA", "before")?;
    organisation.arrived([1, 1, 0], LIMIT)?;
    organisation.joined()?;
    let sid = organisation.command("OLD", &["account", "show", HQ])?;
    let sid = sid["account"]["sid"].as_str().context("sid")?.to_owned();
    // What is taken at the old site arrives at the new one, and is granted anew there.
    organisation.command("OLD", &["directory", "revoke", ROLE, HQ, "--on", "/O=Proof"])?;
    let has = |server: &str| -> Result<bool> {
        let shown = organisation.command(server, &["directory", "show", "/O=Proof"])?;
        Ok(shown["objects"][0]["sddl"].as_str().is_some_and(|sddl| sddl.contains(&sid)))
    };
    until(LIMIT, "the right to go at NEWA", || Ok((!has("NEWA")?).then_some(())))?;
    let stopped = organisation.command("OLD", &["directory", "agent", "stop"])?;
    ensure!(stopped["agent"]["mode"] == "stopped", "{stopped}");
    ensure!(stopped["agent"]["sources"][0]["server"] == "NEWA", "{stopped}");
    let since = now()?;
    let words = ["directory", "grant", ROLE, &sid, "--on", "/O=Proof", "--inherit"];
    organisation.command("NEWA", &words)?;
    // An idle association from before would still carry mail.
    std::thread::sleep(Duration::from_secs(2));
    organisation.send("NEWA", "OLD", "meanwhile")?;
    organisation.send("OLD", "NEWA", "meanwhile")?;
    let event = until(LIMIT, "the refusal", || organisation.event("OLD", 9297, &since))?;
    ensure!(event["params"]["step"] == "organisation", "{event}");
    let behind = until(LIMIT, "what the copy lacks", || {
        let agent = organisation.command("OLD", &["directory", "agent"])?;
        let lacks = agent["changes"].to_string().contains(&sid);
        Ok(lacks.then_some(agent))
    })?;
    ensure!(!behind["agent"]["behind_since"].is_null(), "{behind}");
    let config = organisation.path("NEWA", "bindback.toml").to_string_lossy().into_owned();
    let answer = organisation.program.run(["doctor", "--json", "-c", config.as_str()])?;
    let answer = conformance::one_object(&answer.stdout)?;
    ensure!(answer["diagnoses"][0]["cause"] == "directory-not-replicated", "{answer}");
    ensure!(organisation.mailbox("OLD") == 1 && organisation.mailbox("NEWA") == 1, "mail flowed");
    organisation.command("OLD", &["directory", "agent", "start"])?;
    organisation.arrived([2, 2, 0], RECOVERY)?;
    // Once is once: the agent stays as it is.
    organisation.command("OLD", &["directory", "agent", "stop"])?;
    let described = ["directory", "set", "/O=Proof", "description", "One organisation"];
    organisation.command("NEWB", &described)?;
    organisation.in_step(&["NEWA"], "/O=Proof", "description", "One organisation")?;
    until(LIMIT, "the old copy to be brought into step once", || {
        let once = organisation.command("OLD", &["directory", "agent", "once"])?;
        ensure!(once["agent"]["mode"] == "stopped", "{once}");
        let value = organisation.value("OLD", "/O=Proof", "description")?;
        Ok((value == "One organisation" && once["changes"] == serde_json::json!([])).then_some(()))
    })?;
    let audit = organisation.command("OLD", &["directory", "audit"])?;
    ensure!(audit.to_string().contains("the agent, from NEWA"), "{audit}");
    Ok(())
}

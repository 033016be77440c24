//! `account rotate` and `site password set`: a new password on every server at hand while mail flows.
//!
//! First each server that accepts the account takes the new password and keeps the old one; then a logon with the new one is
//! tried; then each server that uses the account gets the new one; at the end, where it is wished, the old one ends, once binds that
//! have begun with it are over.

use std::path::PathBuf;
use std::time::Duration;

use admin::Shape;
use admin::directory_api::{AccountAction, AccountOrder};
use anyhow::Context as _;
use clap::Args;
use config::Config;
use identity::{AccountName, Password};
use serde::Serialize;
use server::rpc_tools::{
    self, AuthLevel, Caller, MTA_INTERFACE, Mechanisms, PingSettings, StepResult,
};

use crate::backend::Backend;
use crate::cli::Setting;
use crate::failure::{Found, Usage};
use crate::password;

/// How long one step of a logon test may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long the old password stays good once everybody has the new one, where it is to end: a bind that has just begun shows it
/// still.
const LAST: Duration = Duration::from_secs(2);
/// Octets of a password that is made up: 192 bits, beyond guessing.
const GENERATED: usize = 24;

/// The new password.
#[derive(Debug, Args)]
pub struct Fresh {
    #[command(flatten)]
    password: password::Source,
    /// Make a password up
    #[arg(long, conflicts_with_all = ["password_file", "password_env"])]
    generate: bool,
    /// End the old password before this ends, once binds that have begun with it are over
    #[arg(long)]
    no_overlap: bool,
    /// Configuration of a further server on this machine; can be given more than once
    #[arg(long = "on", value_name = "FILE")]
    on: Vec<PathBuf>,
}

#[derive(Debug, Serialize)]
struct Rotated {
    account: String,
    /// Servers that accept the new password.
    accepting: Vec<String>,
    /// Servers that use it.
    using: Vec<String>,
    /// Logons with the new password that were tried, and how they went.
    tested: Vec<String>,
}

impl Shape for Rotated {
    const NAME: &'static str = "account-rotate";
}

/// Gives an account a new password everywhere.
pub async fn rotate(
    setting: &Setting<'_>,
    own: Config,
    name: &str,
    fresh: &Fresh,
) -> anyhow::Result<Found> {
    let account: AccountName = name.parse().map_err(|error| Usage(format!("{name:?}: {error}")))?;
    let password = if fresh.generate { generated()? } else { fresh.password.read(name)? };
    let servers = at_hand(own, &fresh.on)?;
    let mut done = Rotated {
        account: name.to_owned(),
        accepting: Vec::new(),
        using: Vec::new(),
        tested: Vec::new(),
    };
    for server in &servers {
        if accept(server, &account, &password, None).await? {
            done.accepting.push(server.server.name.clone());
        }
    }
    if done.accepting.is_empty() {
        let text =
            format!("no server at hand accepts {name}; name their configurations with --on FILE");
        return Err(Usage(text).into());
    }
    let users: Vec<&Config> =
        servers.iter().filter(|server| server.rpc.account.matches(&account)).collect();
    for user in &users {
        // Before it is stored: a password that no peer takes would stop mail.
        let said = test_logon(user, None, name, &password).await.with_context(|| {
            "nothing that uses the account was changed; the old password is still good".to_owned()
        })?;
        done.tested.extend(said);
    }
    for user in &users {
        config::replace_secret(&user.rpc.password_file, &password)?;
        done.using.push(user.server.name.clone());
    }
    if fresh.no_overlap {
        tokio::time::sleep(LAST).await;
        for server in &servers {
            accept(server, &account, &password, Some(0)).await?;
        }
    }
    setting.output.answer(&done, |done| {
        let mut lines = vec![
            format!("{} has a new password", done.account),
            format!("accepted by: {}", done.accepting.join(", ")),
            format!(
                "used by: {}",
                if done.using.is_empty() {
                    "no server at hand".to_owned()
                } else {
                    done.using.join(", ")
                }
            ),
        ];
        lines.extend(done.tested.iter().cloned());
        lines.extend(fresh.no_overlap.then(|| "the old password is not good any more".to_owned()));
        lines.join("\n")
    })?;
    Ok(Found::Nothing)
}

/// This server, its peers whose configuration is named and readable here, and those that were given.
fn at_hand(own: Config, more: &[PathBuf]) -> anyhow::Result<Vec<Config>> {
    let peers: Vec<PathBuf> = own
        .peers
        .iter()
        .filter_map(|peer| peer.configuration.clone())
        .filter(|path| path.exists())
        .collect();
    let mut servers = vec![own];
    for file in peers.iter().chain(more) {
        let config = Config::load(file)?;
        if servers.iter().all(|known| known.file != config.file) {
            servers.push(config);
        }
    }
    Ok(servers)
}

/// Gives the account on one server the new password; false where the server does not know the account.
async fn accept(
    server: &Config,
    account: &AccountName,
    password: &Password,
    overlap_s: Option<u32>,
) -> anyhow::Result<bool> {
    let backend = Backend::find(server.clone())?;
    let accounts = backend.accounts().await?;
    let known = accounts
        .iter()
        .any(|row| row.name.parse::<AccountName>().is_ok_and(|one| one.matches(account)));
    if known {
        let action = AccountAction::Rotate { password: password.clone(), overlap_s };
        backend.account(AccountOrder { name: account.to_string(), action }).await?;
    }
    Ok(known)
}

/// Logs on to every peer of a server, or to one of them, once, as this account; nothing is called there. What was sent and answered, in words.
///
/// # Errors
/// A peer refused it, or none could be asked.
pub async fn test_logon(
    server: &Config,
    only: Option<&str>,
    name: &str,
    password: &Password,
) -> anyhow::Result<Vec<String>> {
    let account: AccountName = name.parse().map_err(|error| Usage(format!("{name:?}: {error}")))?;
    let mut said = Vec::new();
    let mut refused = Vec::new();
    let mut asked = 0;
    let meant = |name: &str| only.is_none_or(|only| only.eq_ignore_ascii_case(name));
    for peer in server.peers.iter().filter(|peer| meant(&peer.name)) {
        let settings = PingSettings {
            host: peer.host.clone(),
            hosts: server.hosts.clone(),
            port: None,
            mapper_port: peer.mapper_port,
            interface: Some(MTA_INTERFACE),
            further: Vec::new(),
            caller: Some(Caller::with_password(
                account.clone(),
                password.clone(),
                Mechanisms::Ntlm,
                AuthLevel::Privacy,
            )),
            count: 1,
            patience: PATIENCE,
        };
        let steps = rpc_tools::ping(&settings).await;
        let Some(last) = steps.last() else { continue };
        match last.result {
            StepResult::Ok => {
                asked += 1;
                said.push(format!("{} accepts a logon as {name}", peer.name));
            }
            StepResult::Denied => {
                refused.push(format!("{} refuses a logon as {name}: {}", peer.name, last.text))
            }
            _ if server.dial_up(&peer.name).is_some() => said.push(format!(
                "{} is behind a line that is dialled for mail alone, and no call stands ({}); --untested stores it without this test",
                peer.name, last.text
            )),
            _ => said.push(format!("{} could not be asked: {}", peer.name, last.text)),
        }
    }
    if !refused.is_empty() {
        anyhow::bail!("{}", refused.join("; "));
    }
    if asked == 0 && !server.peers.is_empty() {
        anyhow::bail!("no peer could be asked whether it accepts {name}: {}", said.join("; "));
    }
    Ok(said)
}

fn generated() -> anyhow::Result<Password> {
    let mut octets = [0; GENERATED];
    getrandom::fill(&mut octets)
        .map_err(std::io::Error::other)
        .context("the system gives no random octets for a password")?;
    Ok(Password::new(octets.iter().map(|octet| format!("{octet:02x}")).collect()))
}

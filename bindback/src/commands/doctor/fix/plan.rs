//! Which commands of remedies are run, what stands there now, and the way back of each.

use std::path::PathBuf;

use admin::api::AccountRow;
use admin::directory_api::{AgentOrder, DirectoryOrder};
use config::Config;
use finding::Cause;

use crate::backend::Backend;
use crate::failure::chain;

/// One command that will be run.
#[derive(Debug)]
pub struct Step {
    pub cause: Cause,
    /// What it does, in words.
    pub text: String,
    /// As a person would type it.
    pub command: String,
    /// Its words without the name of the program.
    pub words: Vec<String>,
    /// The configuration of the server that it changes.
    pub config: PathBuf,
    pub kind: Kind,
    /// What stands there now, where one line can say it.
    pub before: Option<String>,
}

/// What a command changes, which decides how it is taken back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An account that is there.
    Account(String),
    /// An account that is made.
    NewAccount(String),
    /// The directory.
    Directory,
    /// The agent of the directory, which is in this mode now.
    Agent(AgentOrder),
    /// The configuration file.
    File,
    /// A file with a password.
    Secret(PathBuf),
}

impl Kind {
    /// The way back, in words.
    pub const fn way_back(&self) -> &'static str {
        match self {
            Self::Account(_) => "putting the account back as it is now, its password included",
            Self::NewAccount(_) => "removing the account",
            Self::Directory => "taking back the change of the directory",
            Self::Agent(_) => "putting the agent into the mode that it is in now",
            Self::File => "putting the configuration file back as it is now",
            Self::Secret(_) => "putting the password file back as it is now",
        }
    }
}

/// Reads a command of a remedy; the error says why it is left to a person.
pub async fn read(cause: Cause, text: &str, command: &str) -> Result<Step, String> {
    let words = diagnosis::words(command).ok_or("it is no command of this program alone")?;
    let Some(("bindback", words)) = words.split_first().map(|(first, rest)| (first.as_str(), rest))
    else {
        return Err("it is no command of this program".to_owned());
    };
    let file = words.windows(2).find(|pair| pair[0] == "-c").map(|pair| PathBuf::from(&pair[1]));
    let file = file.ok_or("it names no configuration; run it on the server that it is for")?;
    if !file.exists() {
        return Err(format!(
            "{} is not on this machine; run the command on the server that it is for",
            file.display()
        ));
    }
    let config = Config::load(&file).map_err(|error| chain(&error))?;
    let kind = kind(words, &config)?;
    let (kind, before) = look(kind, words, config).await?;
    Ok(Step {
        cause,
        text: text.to_owned(),
        command: command.to_owned(),
        words: words.to_vec(),
        config: file,
        kind,
        before,
    })
}

/// What a command changes.
fn kind(words: &[String], config: &Config) -> Result<Kind, String> {
    let word = |at: usize| words.get(at).map_or("", String::as_str);
    let has_password =
        words.iter().any(|word| ["--password-file", "--password-env"].contains(&word.as_str()));
    let asks = || "it asks for a password; run it by hand".to_owned();
    match (word(0), word(1)) {
        ("account", "set-password") if !has_password => Err(asks()),
        ("account", "add") if !has_password => Err(asks()),
        ("account", "set-password" | "enable" | "unlock" | "expire" | "rights") => {
            Ok(Kind::Account(word(2).to_owned()))
        }
        ("account", "add") => Ok(Kind::NewAccount(word(2).to_owned())),
        ("account", "grant") | ("directory", "legacy-account" | "set") => Ok(Kind::Directory),
        // The mode that it is in is looked up.
        ("directory", "agent") => Ok(Kind::Agent(AgentOrder::Stop)),
        ("hosts", "set") | ("network", "allow") => Ok(Kind::File),
        ("x400", "set-password") if !has_password => Err(asks()),
        ("x400", "set-password") => {
            let connector = config.x400(word(2)).ok_or("its connector is not configured")?;
            let file = connector.remote_password_file.clone();
            file.map(Kind::Secret).ok_or_else(|| "the connector has no password file".to_owned())
        }
        ("serve", _) => Err("starting a server is for its service manager".to_owned()),
        _ => Err("it cannot be taken back, so that it is left to you".to_owned()),
    }
}

/// What stands there now.
async fn look(
    kind: Kind,
    words: &[String],
    config: Config,
) -> Result<(Kind, Option<String>), String> {
    let word = |at: usize| words.get(at).map_or("", String::as_str);
    let said = |error: anyhow::Error| chain(error.as_ref());
    let before = match &kind {
        Kind::File if word(0) == "hosts" => {
            let known = config.hosts.get(&word(2).to_lowercase());
            let at = known.map(|at| at.iter().map(ToString::to_string).collect::<Vec<_>>());
            Some(at.map_or_else(
                || format!("{} has no address of its own here", word(2)),
                |at| format!("{} has the address {}", word(2), at.join(", ")),
            ))
        }
        Kind::File => {
            let allowed: Vec<String> = config.rpc.allow.iter().map(ToString::to_string).collect();
            Some(format!("the RPC ports may be reached from {}", allowed.join(", ")))
        }
        Kind::Secret(_) => None,
        Kind::NewAccount(name) => Some(format!("there is no account {name}")),
        Kind::Account(name) => {
            let backend = Backend::find(config).map_err(said)?;
            let accounts = backend.accounts().await.map_err(said)?;
            let found = accounts.iter().find(|one| one.name.eq_ignore_ascii_case(name));
            let found = found.ok_or_else(|| format!("there is no account {name}"))?;
            Some(shown(found))
        }
        Kind::Directory => None,
        Kind::Agent(_) => {
            let backend = Backend::find(config).map_err(said)?;
            let order = DirectoryOrder::Agent { change: None };
            let view = backend.directory(order).await.map_err(said)?.agent;
            let view = view.ok_or("the server tells nothing of its agent")?;
            let lag = view.lag_s.and_then(|lag| u32::try_from(lag).ok()).unwrap_or_default();
            let mode = match view.mode.as_str() {
                "running" => AgentOrder::Start,
                "lagging" => AgentOrder::Lag(lag),
                _ => AgentOrder::Stop,
            };
            return Ok((Kind::Agent(mode), Some(format!("the agent is {}", view.mode))));
        }
    };
    Ok((kind, before))
}

fn shown(account: &AccountRow) -> String {
    let logon = if account.network_logon { "may" } else { "may not" };
    format!(
        "its state is {}, its password was set at {}, it {logon} log on from the network",
        account.state,
        crate::when::show(account.password_set)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> Config {
        let text = "[server]\nname = 'EAST'\norganisation = 'Demo'\nsite = 'HQ'\nhost_name = 'east.demo.test'\nprmd = 'DEMO'\n[smtp]\nlisten = ['127.0.0.1:2525']\n[mail]\ndomains = ['east.demo.test']\nmailboxes = ['anna']\n[rpc]\naccount = 'DEMO\\svc-east'\n";
        Config::parse(std::path::Path::new("/srv/east.toml"), text).unwrap()
    }

    fn of(line: &str) -> Result<Kind, String> {
        kind(&line.split(' ').map(str::to_owned).collect::<Vec<_>>(), &config())
    }

    #[test]
    fn what_can_be_taken_back_is_run() {
        let west = || Kind::Account(r"DEMO\svc-west".to_owned());
        for (line, expected) in [
            (r"account set-password DEMO\svc-west --password-file /p -c /e", west()),
            (r"account enable DEMO\svc-west -c /e", west()),
            (r"account unlock DEMO\svc-west -c /e", west()),
            (r"account expire DEMO\svc-west --never -c /e", west()),
            (r"account rights DEMO\svc-west --network-logon default -c /e", west()),
            (r"account grant DEMO\svc-west --role service-account-admin -c /e", Kind::Directory),
            ("directory legacy-account clear -c /e", Kind::Directory),
            ("directory set /O=Demo/CN=EAST overrideAccount -c /e", Kind::Directory),
            ("hosts set east.demo.test 127.0.0.2 -c /e", Kind::File),
            ("network allow rpc 127.0.0.2/32 -c /e", Kind::File),
        ] {
            assert_eq!(of(line), Ok(expected), "{line}");
        }
    }

    #[test]
    fn what_cannot_is_left_to_a_person() {
        for line in [
            r"account set-password DEMO\svc-west -c /e",
            r"account remove DEMO\svc-west -c /e",
            r"account rotate DEMO\svc-west --generate -c /e",
            "serve -c /e",
            "check --repair -c /e",
            "queue delete 7 -c /e",
            "x400 set-password WEST --remote --password-file /p -c /e",
        ] {
            assert!(of(line).is_err(), "{line}");
        }
    }
}

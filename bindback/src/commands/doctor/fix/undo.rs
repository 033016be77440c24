//! A step that was taken, and its way back.
//!
//! What stood there before is kept before the command runs. A place that somebody else has changed since is left alone.

use std::path::Path;
use std::process::Stdio;

use admin::directory_api::{AccountAction, AccountOrder, AgentOrder, DirectoryOrder};
use anyhow::{Context as _, bail};
use config::Config;
use identity::Password;
use jiff::Timestamp;
use tokio::process::Command;

use super::plan::{Kind, Step};
use crate::backend::{self, Backend};
use crate::failure::chain;

/// A step that was begun.
#[derive(Debug)]
pub struct Done {
    pub step: Step,
    /// True when its command ended well.
    pub was_done: bool,
    /// What was put back, or why not.
    pub undone: Option<String>,
    kept: Kept,
}

/// What stood there before.
#[derive(Debug)]
enum Kept {
    /// Nothing could be kept, so nothing was done.
    Nothing,
    /// The server keeps the account.
    Account(String),
    NewAccount(String),
    /// The newest entries of the audit trail before and after.
    Directory {
        before: Option<Timestamp>,
        after: Option<Timestamp>,
    },
    Agent(AgentOrder),
    File {
        before: String,
        after: String,
    },
    Secret {
        file: std::path::PathBuf,
        before: Option<Password>,
    },
}

impl Done {
    /// Keeps what is there, then runs the command; the error says what went wrong.
    pub async fn take(step: Step) -> (Self, Option<String>) {
        let kept = match keep(&step).await {
            Ok(kept) => kept,
            Err(error) => {
                let done = Self { step, was_done: false, undone: None, kept: Kept::Nothing };
                return (done, Some(chain(error.as_ref())));
            }
        };
        let mut done = Self { step, was_done: false, undone: None, kept };
        let ran = run(&done.step.words).await;
        done.was_done = ran.is_ok();
        let noted = done.note_after().await;
        (done, ran.and(noted).err().map(|error| chain(error.as_ref())))
    }

    /// What stands there right after the command: another one's later change must not be taken back.
    async fn note_after(&mut self) -> anyhow::Result<()> {
        match &mut self.kept {
            Kept::File { after, .. } => *after = std::fs::read_to_string(&self.step.config)?,
            Kept::Directory { after, .. } => *after = newest_change(&self.step.config).await?,
            _ => {}
        }
        Ok(())
    }

    /// Puts back what stood there; false where that cannot be done.
    pub async fn undo(&mut self) -> bool {
        let undone = self.put_back().await;
        let good = undone.is_ok();
        self.undone = Some(match undone {
            Ok(text) => text,
            Err(error) => {
                let command = &self.step.command;
                format!("NOT taken back: {command}: {}", chain(error.as_ref()))
            }
        });
        good
    }

    async fn put_back(&self) -> anyhow::Result<String> {
        let config = Config::load(&self.step.config)?;
        match &self.kept {
            Kept::Nothing => Ok("nothing had been changed".to_owned()),
            Kept::Account(name) => {
                order(config, name, AccountAction::PutBack).await?;
                Ok(format!("{name} is as it was"))
            }
            Kept::NewAccount(name) if self.was_done => {
                Backend::find(config)?.account_remove(name.clone()).await?;
                Ok(format!("{name} is removed"))
            }
            Kept::NewAccount(name) => Ok(format!("{name} was not made")),
            Kept::Directory { before, after } => {
                if before == after {
                    return Ok("the directory had not been changed".to_owned());
                }
                if newest_change(&self.step.config).await? != *after {
                    bail!(
                        "somebody has changed the directory since; see `bindback directory audit`"
                    );
                }
                Backend::find(config)?.directory(DirectoryOrder::Undo).await?;
                Ok("the directory is as it was".to_owned())
            }
            Kept::Agent(mode) => {
                let order = DirectoryOrder::Agent { change: Some(*mode) };
                Backend::find(config)?.directory(order).await?;
                Ok("the agent is in the mode in which it was".to_owned())
            }
            Kept::File { before, after } => {
                let file = &self.step.config;
                if !config::edit::put_back(file, after, before)? {
                    bail!("somebody has changed {} since", file.display());
                }
                backend::reload_if_running(&Config::load(file)?).await?;
                Ok(format!("{} is as it was", file.display()))
            }
            Kept::Secret { file, before } => {
                match before {
                    Some(password) => config::replace_secret(file, password)?,
                    None => std::fs::remove_file(file)?,
                }
                backend::reload_if_running(&config).await?;
                Ok(format!("{} is as it was", file.display()))
            }
        }
    }

    /// It helped: what was kept is not needed any more.
    pub async fn forget(&self) {
        let Kept::Account(name) = &self.kept else { return };
        let Ok(config) = Config::load(&self.step.config) else { return };
        // Left there, it does no harm: the next one to be kept takes its place.
        let _ = order(config, name, AccountAction::Forget).await;
    }
}

async fn keep(step: &Step) -> anyhow::Result<Kept> {
    let config = || Config::load(&step.config);
    Ok(match &step.kind {
        Kind::Account(name) => {
            order(config()?, name, AccountAction::Keep).await?;
            Kept::Account(name.clone())
        }
        Kind::NewAccount(name) => Kept::NewAccount(name.clone()),
        Kind::Directory => {
            Kept::Directory { before: newest_change(&step.config).await?, after: None }
        }
        Kind::Agent(mode) => Kept::Agent(*mode),
        Kind::File => {
            Kept::File { before: std::fs::read_to_string(&step.config)?, after: String::new() }
        }
        Kind::Secret(file) => {
            let before = file.exists().then(|| config::read_secret(file)).transpose()?;
            Kept::Secret { file: file.clone(), before }
        }
    })
}

async fn order(config: Config, name: &str, action: AccountAction) -> anyhow::Result<()> {
    let order = AccountOrder { name: name.to_owned(), action };
    Backend::find(config)?.account(order).await.map(drop)
}

async fn newest_change(config: &Path) -> anyhow::Result<Option<Timestamp>> {
    let backend = Backend::find(Config::load(config)?)?;
    let order = DirectoryOrder::Audit { limit: Some(1) };
    Ok(backend.directory(order).await?.audit.last().map(|entry| entry.time))
}

/// This program once more, as the operator would call it; it can ask for nothing.
async fn run(words: &[String]) -> anyhow::Result<()> {
    let program = std::env::current_exe().context("this program does not find itself")?;
    let output = Command::new(program)
        .args(words)
        .stdin(Stdio::null())
        .output()
        .await
        .context("this program cannot be called")?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{}", said.trim().trim_start_matches("bindback: "));
    }
    Ok(())
}

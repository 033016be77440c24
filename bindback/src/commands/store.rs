//! `bindback store`: the store as a whole.

use std::path::PathBuf;

use admin::Shape;
use admin::queue_api::{QueueAnswer, QueueOrder};
use clap::{Args, Subcommand};
use serde::Serialize;

use crate::backend::Backend;
use crate::cli::Setting;
use crate::failure::Found;

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Copy the store into a new folder, while the server goes on
    #[command(
        after_help = "Example:\n  bindback store backup /var/backups/bindback-monday\n\nThe copy is the store as it is at one moment. To restore: stop the server, move the folder `store` of its data folder away, put the copy in its place, start."
    )]
    Backup { dir: PathBuf },
}

/// A copy, and what is not in it.
#[derive(Debug, Serialize)]
struct Copied {
    #[serde(flatten)]
    done: QueueAnswer,
    /// The key of the accounts: without it no server starts with the copy.
    key_file: PathBuf,
}

impl Shape for Copied {
    const NAME: &'static str = "store-backup";
}

fn text(copied: &Copied) -> String {
    format!(
        "{}\nThe key of the accounts is not in it: {}. No server starts with the copy without that key; keep it too, in another place.",
        copied.done.done.as_deref().unwrap_or_default(),
        copied.key_file.display()
    )
}

pub async fn run(arguments: Arguments, setting: &Setting<'_>) -> anyhow::Result<Found> {
    let Action::Backup { dir } = arguments.action;
    let to = std::path::absolute(dir)?;
    let config = setting.config()?;
    let key_file = config.accounts.key_file.clone();
    let done = Backend::find(config)?.queue_order(QueueOrder::Backup { to }).await?;
    setting.output.answer(&Copied { done, key_file }, text)?;
    Ok(Found::Nothing)
}

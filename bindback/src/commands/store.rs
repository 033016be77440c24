//! `bindback store`: the store as a whole.

use std::path::PathBuf;

use admin::queue_api::QueueOrder;
use clap::{Args, Subcommand};

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

pub async fn run(arguments: Arguments, setting: &Setting<'_>) -> anyhow::Result<Found> {
    let Action::Backup { dir } = arguments.action;
    let to = std::path::absolute(dir)?;
    let answer = Backend::find(setting.config()?)?.queue_order(QueueOrder::Backup { to }).await?;
    setting.output.answer(&answer, |answer| answer.done.clone().unwrap_or_default())?;
    Ok(Found::Nothing)
}

//! `bindback site`: what concerns all servers of a site.

use clap::{Args, Subcommand};

use crate::cli::Setting;
use crate::commands::account::{Fresh, rotate};
use crate::failure::Found;

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// The password of the site's service account
    #[command(subcommand)]
    Password(PasswordAction),
}

#[derive(Debug, Subcommand)]
enum PasswordAction {
    /// Set one password on every server at hand, checked before it is stored
    #[command(
        after_help = "Example:\n  bindback site password set --generate -c /srv/east/bindback.toml\n\nAs `bindback account rotate` of the service account of this configuration."
    )]
    Set {
        #[command(flatten)]
        fresh: Fresh,
    },
}

pub async fn run(arguments: Arguments, setting: &Setting<'_>) -> anyhow::Result<Found> {
    let Action::Password(PasswordAction::Set { fresh }) = arguments.action;
    let config = setting.config()?;
    let account = config.rpc.account.to_string();
    rotate(setting, config, &account, &fresh).await
}

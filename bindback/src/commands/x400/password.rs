//! `bindback x400 set-password`: another password for the bind with an MTA.

use clap::Args;
use config::edit::Change;

use crate::cli::Setting;
use crate::commands::reload;
use crate::failure::{Found, Usage};
use crate::password::Source;

#[derive(Debug, Args)]
pub struct Arguments {
    /// The MTA name of the [[x400]] table
    #[arg(value_name = "NAME")]
    name: String,
    #[command(flatten)]
    whose: Whose,
    #[command(flatten)]
    password: Source,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Whose {
    /// The password that the other MTA must present here
    #[arg(long)]
    remote: bool,
    /// The password that this MTA presents there
    #[arg(long)]
    local: bool,
}

pub async fn run(arguments: Arguments, setting: &Setting<'_>) -> anyhow::Result<Found> {
    let config = setting.config()?;
    let Some(connector) = config.x400(&arguments.name) else {
        return Err(Usage(format!(
            "{} has no [[x400]] table in {}",
            arguments.name,
            config.file.display()
        ))
        .into());
    };
    let (key, file) = if arguments.whose.remote {
        ("remote_password_file", &connector.remote_password_file)
    } else {
        ("local_password_file", &connector.local_password_file)
    };
    let Some(file) = file else {
        return Err(Usage(format!(
            "the [[x400]] table of {} has no {key}; add it, so that there is a file to write",
            connector.name
        ))
        .into());
    };
    let password = arguments.password.read(&format!("the MTA {}", connector.name))?;
    config::replace_secret(file, &password)?;
    let whose = if arguments.whose.remote { "expected of" } else { "presented to" };
    let what = format!("another password is {whose} {}", connector.name);
    let part = format!("x400.{key}");
    reload::tell_beside(Change::Written, &what, Some(&part), setting).await
}

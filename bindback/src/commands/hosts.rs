//! `bindback hosts`: the server's own table of host names.

use std::collections::BTreeMap;
use std::net::IpAddr;

use admin::Shape;
use clap::{Args, Subcommand};
use config::edit;
use serde::Serialize;

use super::reload;
use crate::cli::Setting;
use crate::failure::Found;
use crate::table::Table;

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show the table
    #[command(after_help = "Example:\n  bindback hosts list")]
    List,
    /// Give a name these addresses, in place of any that it had
    #[command(after_help = "Example:\n  bindback hosts set west.demo.test 192.0.2.7")]
    Set {
        name: String,
        #[arg(required = true, value_name = "ADDRESS")]
        addresses: Vec<IpAddr>,
    },
    /// Take a name out; it is then looked up elsewhere
    #[command(after_help = "Example:\n  bindback hosts remove west.demo.test")]
    Remove { name: String },
}

#[derive(Debug, Serialize)]
struct Hosts {
    hosts: BTreeMap<String, Vec<IpAddr>>,
}

impl Shape for Hosts {
    const NAME: &'static str = "hosts";
}

pub async fn run(arguments: Arguments, setting: &Setting<'_>) -> anyhow::Result<Found> {
    let file = setting.file()?;
    match arguments.action {
        Action::List => {
            let hosts = Hosts { hosts: setting.config()?.hosts };
            setting.output.answer(&hosts, text)?;
            Ok(Found::Nothing)
        }
        Action::Set { name, addresses } => {
            let change = edit::set_host(&file, &name, &addresses)?;
            reload::tell(change, &format!("{name} is {}", joined(&addresses)), setting).await
        }
        Action::Remove { name } => {
            let change = edit::remove_host(&file, &name)?;
            reload::tell(change, &format!("{name} is not in the table"), setting).await
        }
    }
}

fn text(hosts: &Hosts) -> String {
    if hosts.hosts.is_empty() {
        return "the table is empty; every name is looked up by the system".to_owned();
    }
    let mut table = Table::new(&["NAME", "ADDRESSES"]);
    for (name, addresses) in &hosts.hosts {
        table.row(vec![name.clone(), joined(addresses)]);
    }
    table.render()
}

fn joined(addresses: &[IpAddr]) -> String {
    addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

//! `bindback network`: who may connect.

use std::net::IpAddr;

use admin::Shape;
use clap::{Args, Subcommand, ValueEnum};
use config::edit;
use ipnet::IpNet;
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
    /// Show the networks that may connect to each listener
    #[command(after_help = "Example:\n  bindback network list")]
    List,
    /// Let a network connect
    #[command(after_help = "Example:\n  bindback network allow rpc 192.0.2.0/24")]
    Allow {
        listener: Listener,
        #[arg(value_parser = network)]
        network: IpNet,
    },
    /// Take a network out of the list; wider ones that contain it stay
    #[command(after_help = "Example:\n  bindback network remove smtp 192.0.2.0/24")]
    Remove {
        listener: Listener,
        #[arg(value_parser = network)]
        network: IpNet,
    },
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Listener {
    /// Server to server, mapper included
    Rpc,
    /// Mail in
    Smtp,
    /// X.400 MTAs over TCP
    Rfc1006,
}

impl Listener {
    const fn word(self) -> &'static str {
        match self {
            Self::Rpc => "rpc",
            Self::Smtp => "smtp",
            Self::Rfc1006 => "rfc1006",
        }
    }

    const fn in_file(self) -> edit::Listener {
        match self {
            Self::Rpc => edit::Listener::Rpc,
            Self::Smtp => edit::Listener::Smtp,
            Self::Rfc1006 => edit::Listener::Rfc1006,
        }
    }
}

/// A network, or one address.
fn network(text: &str) -> Result<IpNet, String> {
    let network =
        text.parse().or_else(|_| text.parse().map(|address: IpAddr| IpNet::from(address)));
    network.map_err(|_| {
        "a network is written as 192.0.2.0/24 or 2001:db8::/32, or as one address".to_owned()
    })
}

#[derive(Debug, Serialize)]
struct Networks {
    listeners: Vec<OneListener>,
}

#[derive(Debug, Serialize)]
struct OneListener {
    listener: &'static str,
    networks: Vec<String>,
}

impl Shape for Networks {
    const NAME: &'static str = "network";
}

pub async fn run(arguments: Arguments, setting: &Setting<'_>) -> anyhow::Result<Found> {
    let file = setting.file()?;
    match arguments.action {
        Action::List => {
            let config = setting.config()?;
            let lists = [
                (Listener::Rpc, config.rpc.allow),
                (Listener::Smtp, config.smtp.allow),
                (Listener::Rfc1006, config.rfc1006.allow),
            ];
            let listeners = lists.into_iter().map(|(listener, networks)| OneListener {
                listener: listener.word(),
                networks: networks.iter().map(ToString::to_string).collect(),
            });
            setting.output.answer(&Networks { listeners: listeners.collect() }, text)?;
            Ok(Found::Nothing)
        }
        Action::Allow { listener, network } => {
            let change = edit::allow_network(&file, listener.in_file(), network)?;
            let what = format!("{} may be reached from {}", listener.word(), network.trunc());
            reload::tell(change, &what, setting).await
        }
        Action::Remove { listener, network } => {
            let change = edit::remove_network(&file, listener.in_file(), network)?;
            let what = format!("{} is not in the list of {}", network.trunc(), listener.word());
            reload::tell(change, &what, setting).await
        }
    }
}

fn text(networks: &Networks) -> String {
    let mut table = Table::new(&["LISTENER", "NETWORKS"]);
    for one in &networks.listeners {
        let list =
            if one.networks.is_empty() { "nobody".to_owned() } else { one.networks.join(", ") };
        table.row(vec![one.listener.to_owned(), list]);
    }
    table.render()
}

#[cfg(test)]
mod tests {
    use super::network;

    #[test]
    fn one_address_is_a_network_too() {
        assert_eq!(network("192.0.2.7").unwrap().to_string(), "192.0.2.7/32");
        assert_eq!(network("2001:db8::1").unwrap().to_string(), "2001:db8::1/128");
        assert_eq!(network("10.0.0.0/8").unwrap().to_string(), "10.0.0.0/8");
        assert!(network("10.0.0.0/33").is_err() && network("west").is_err());
    }
}

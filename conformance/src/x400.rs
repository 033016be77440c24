//! Connectors of X.400 over TCP in the place of the peers of an organisation.

use std::os::unix::fs::PermissionsExt;

use anyhow::{Context, Result};

use crate::organisation::{Organisation, Side};

const PASSWORD: &str = "Password of both";

/// What is special about a connector.
#[derive(Debug, Clone, Copy)]
pub struct Connector<'a> {
    /// Of both servers' listeners.
    pub port: u16,
    /// Keys of `[rfc1006]`, each on a line.
    pub rfc1006: &'a str,
    /// Keys of `[[x400]]`, each on a line.
    pub x400: &'a str,
    /// The other server is called through a relay, which calls from 127.0.0.1.
    pub through_relay: bool,
}

impl Connector<'_> {
    /// Writes it into the configuration of one server.
    pub fn install(self, organisation: &Organisation, side: Side) -> Result<()> {
        let (file, peer) = (organisation.config(side), side.other());
        let text = std::fs::read_to_string(&file)?;
        let (before, rest) = text.split_once("[[peer]]").context("no peer")?;
        let (_, hosts) = rest.split_once("[hosts]").context("no hosts")?;
        let mut hosts = hosts.to_owned();
        if self.through_relay {
            let (relay, name) = (organisation.relay_address(peer), peer.host());
            let known = format!("'{name}' = '{relay}'");
            hosts = hosts.replace(&known, &format!("'{name}' = ['{relay}', '127.0.0.1']"));
        }
        let (address, port) = (organisation.address(side), self.port);
        let (rfc1006, x400, name, host) = (self.rfc1006, self.x400, peer.name(), peer.host());
        let table = format!(
            "[rfc1006]\nlisten = ['{address}']\nport = {port}\n{rfc1006}\n[[x400]]\nname = '{name}'\nhost = '{host}'\nport = {port}\ndomains = ['{host}']\nremote_password_file = 'secrets/x400.password'\nlocal_password_file = 'secrets/x400.password'\n{x400}\n[hosts]"
        );
        std::fs::write(&file, format!("{before}{table}{hosts}"))?;
        let secret = organisation.folder(side).join("secrets/x400.password");
        std::fs::write(&secret, format!("{PASSWORD}\n"))?;
        std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600))?;
        Ok(())
    }
}

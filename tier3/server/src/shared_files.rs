//! Files of a share of any host, read as an account that is let in.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use identity::{AccountName, Password};
use net::Resolver;
use probe::{FilesQuestion, SharedFile, read_files};

use crate::examine::initiator;
use crate::node::random;

/// What is read, and as whom.
#[derive(Debug, Clone)]
pub struct SharedFiles {
    pub host: String,
    /// The table of names of the configuration, if there is one.
    pub hosts: BTreeMap<String, Vec<IpAddr>>,
    pub account: AccountName,
    pub password: Password,
    /// For each step.
    pub patience: Duration,
    pub share: String,
    /// Folders of the share; the empty name is the share itself.
    pub folders: Vec<String>,
    /// Names of files.
    pub names: Vec<String>,
}

/// Reads the files that are there, with one logon over SMB.
///
/// # Errors
/// The host has no address, or the share cannot be entered, in words.
pub async fn read_shared(wanted: &SharedFiles) -> Result<Vec<SharedFile>, String> {
    let resolved = Resolver::new(&wanted.hosts).resolve(&wanted.host).await;
    let addresses = resolved.map_err(|error| error.to_string())?.addresses;
    let address = addresses.first().copied();
    let address = address.ok_or_else(|| format!("{} has no address", wanted.host))?;
    let question = FilesQuestion {
        host: &wanted.host,
        at: SocketAddr::new(address, probe::SMB_PORT),
        client: random(),
        patience: wanted.patience,
        share: &wanted.share,
        folders: &wanted.folders,
        names: &wanted.names,
    };
    read_files(&question, initiator(&wanted.account, &wanted.password)).await
}

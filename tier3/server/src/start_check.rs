//! What keeps a server that rests from starting: the checks of the start, by the same code, and nothing is changed.
//!
//! To be asked only where no server runs with the configuration: each address is taken for a moment. Deliberately left out: the
//! store, which is opened anyway by whoever asks.

use std::net::SocketAddr;
use std::path::Path;

use config::Config;
use diagnosis::StoreTrouble;
use net::{ListenError, chain};

use crate::account_table::AccountError;
use crate::operations::OpenError;
use crate::taken_ports::addresses;

/// The secrets that the start reads, as their keys have them.
///
/// # Errors
/// One cannot be read.
pub(crate) fn read_own_secrets(config: &Config, has_keys: bool) -> Result<(), config::SecretError> {
    // A server that cannot read its own password would only find out at the first mail.
    if !has_keys {
        config::read_secret(&config.rpc.password_file)?;
    }
    Ok(())
}

/// What keeps the server from starting, each in the words of the start.
pub async fn start_faults(config: &Config) -> Vec<StoreTrouble> {
    let mut found = Vec::new();
    let fault = |cause: &str, text: String| StoreTrouble { cause: cause.to_owned(), text };
    let has_keytab = config.rpc.kerberos.as_ref().is_some_and(|one| one.keytab.is_some());
    if let Err(error) = read_own_secrets(config, has_keytab) {
        found.push(fault("secret", format!("{} (rpc.password_file)", chain(&error))));
    }
    if let (Some(_), Some(file)) = (&config.admin.listen, &config.admin.token_file)
        && let Err(error) = config::read_secret(file)
    {
        found.push(fault("admin-token", format!("{} (admin.token_file)", chain(&error))));
    }
    let folders = [
        ("server.data_dir", Some(config.server.data_dir.as_path())),
        ("mail.maildir", Some(config.mail.maildir.as_path())),
        ("admin.socket", config.admin.socket.parent()),
    ];
    for (key, folder) in folders {
        if let Some(text) = folder.and_then(closed_folder) {
            found.push(fault("folder", format!("{text} ({key})")));
        }
    }
    for (key, address) in addresses(config) {
        if let Some(error) = denied(key, address) {
            let place = config::locate(&config.file, key);
            found.push(fault("port", format!("{place}: {}", chain(&error))));
        }
    }
    found
}

/// What the accounts of a store that can be opened lack.
#[must_use]
pub fn account_fault(error: &OpenError) -> Option<StoreTrouble> {
    match error {
        OpenError::Accounts(AccountError::Vault(vault)) => {
            Some(StoreTrouble { cause: "accounts-key".to_owned(), text: chain(vault) })
        }
        _ => None,
    }
}

/// Why this user cannot write into a folder, or make it.
fn closed_folder(folder: &Path) -> Option<String> {
    use rustix::fs::{Access, access};
    let mut nearest = folder;
    while !nearest.exists() {
        nearest = nearest.parent()?;
    }
    let error = access(nearest, Access::WRITE_OK | Access::EXEC_OK).err()?;
    Some(format!("{} cannot be written by this user: {error}", nearest.display()))
}

/// An address that may not be listened on, or is none of this machine; one that is taken is looked for elsewhere.
fn denied(key: &'static str, address: SocketAddr) -> Option<ListenError> {
    match net::listen("the server", key, address) {
        Ok(_) | Err(ListenError::InUse { .. }) => None,
        Err(error) => Some(error),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[tokio::test]
    async fn what_the_start_would_stumble_over_is_named_with_its_key() {
        let folder = tempfile::tempdir().unwrap();
        let answers = config::InitAnswers {
            rpc_listen: [127, 78, 99, 1].into(),
            smtp_listen: vec![([127, 78, 99, 1], 2525).into()],
            ..config::InitAnswers::default()
        };
        let made = config::init(folder.path(), &answers, &[7; config::RANDOM_BYTES]).unwrap();
        let config = Config::load(&made.config).unwrap();
        assert_eq!(start_faults(&config).await, Vec::new());
        let everybody = std::fs::Permissions::from_mode(0o644);
        std::fs::set_permissions(&made.password_file, everybody).unwrap();
        let text = std::fs::read_to_string(&made.config).unwrap();
        let elsewhere = text.replace("listen = \"127.78.99.1\"", "listen = \"192.0.2.77\"");
        std::fs::write(&made.config, elsewhere).unwrap();
        let found = start_faults(&Config::load(&made.config).unwrap()).await;
        let causes: Vec<&str> = found.iter().map(|one| one.cause.as_str()).collect();
        assert_eq!(causes, ["secret", "port", "port"], "{found:?}");
        assert!(found[0].text.contains("rpc.password_file"), "{found:?}");
        assert!(found[1].text.contains("rpc.mapper_port"), "{found:?}");
        assert!(config.server.data_dir.read_dir().unwrap().next().is_none(), "nothing is made");
    }
}

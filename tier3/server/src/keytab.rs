//! The server's own keys for Kerberos: read at the start, and again when their file changes.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use config::Config;
use kerberos::{ReadError, Service, read_keytab};

use crate::blocking::blocking;
use crate::node::Node;

/// Between two looks at the file.
const LOOK: Duration = Duration::from_secs(1);

/// The service that the configuration's keytab makes, if it names one.
///
/// # Errors
/// The keytab cannot be used.
pub fn open(config: &Config) -> Result<Option<Arc<Service>>, ReadError> {
    let Some(kerberos) = &config.rpc.kerberos else { return Ok(None) };
    let Some(path) = &kerberos.keytab else { return Ok(None) };
    let service = Service::new(read_keytab(path)?);
    Ok(Some(Arc::new(service.with_domain(&kerberos.realm, config.rpc.account.domain()))))
}

/// Puts the keys of a changed file in force, and tries every peer at once: something may have been put right.
pub async fn watch(node: Arc<Node>) {
    let Some(service) = node.kerberos() else { return };
    let path = node.config().rpc.kerberos.as_ref().and_then(|kerberos| kerberos.keytab.clone());
    let Some(path) = path else { return };
    let mut known = stamp(&path);
    loop {
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            () = node.stopped() => return,
        }
        let file = path.clone();
        let Some(now) = blocking(move || stamp(&file)).await.filter(|now| known != Some(*now))
        else {
            continue;
        };
        let file = path.clone();
        match blocking(move || read_keytab(&file)).await {
            Ok(keytab) => {
                known = Some(now);
                service.replace_keytab(keytab);
                node.wake_all_peers();
            }
            // Half written, as a rule: the next look tells.
            Err(error) => eprintln!("{}", net::chain(&error)),
        }
    }
}

fn stamp(path: &Path) -> Option<(SystemTime, u64)> {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

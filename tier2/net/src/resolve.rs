//! Names to addresses: the configuration's `[hosts]` first, then the system's resolver.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

/// How long the system's resolver may take; its own retries can last far longer.
const SYSTEM_TIMEOUT: Duration = Duration::from_secs(5);

/// Where an answer came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The name was an address already.
    Literal,
    /// The `[hosts]` section of the configuration.
    Hosts,
    /// The system: its hosts file, then DNS.
    System,
}

/// The addresses of a name, in the order to try them; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    pub addresses: Vec<IpAddr>,
    pub source: Source,
}

/// A name has no address.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    #[error("{name} stands neither in [hosts] nor is it known to the system's resolver")]
    NotFound { name: String },
    #[error("the system's resolver gave no answer for {name} within {} s", SYSTEM_TIMEOUT.as_secs())]
    TimedOut { name: String },
    #[error("{name} stands neither in [hosts] nor have the servers of smtp.dns an address for it")]
    NoRecord { name: String },
    #[error("the servers of smtp.dns gave no answer for {name}: {text}")]
    NoAnswer { name: String, text: String },
}

/// Resolves names; clones share the same hosts table, which can be replaced while running.
#[derive(Debug, Clone, Default)]
pub struct Resolver {
    hosts: Arc<RwLock<BTreeMap<String, Vec<IpAddr>>>>,
}

impl Resolver {
    /// A resolver with this hosts table; names compare without case.
    #[must_use]
    pub fn new(hosts: &BTreeMap<String, Vec<IpAddr>>) -> Self {
        let resolver = Self::default();
        resolver.replace_hosts(hosts);
        resolver
    }

    /// Replaces the hosts table.
    pub fn replace_hosts(&self, hosts: &BTreeMap<String, Vec<IpAddr>>) {
        let folded = hosts.iter().map(|(name, to)| (fold(name), to.clone())).collect();
        *self.hosts.write().unwrap_or_else(PoisonError::into_inner) = folded;
    }

    /// Finds the addresses of `name`.
    ///
    /// # Errors
    /// Nobody knows the name, or the system's resolver is silent.
    pub async fn resolve(&self, name: &str) -> Result<Resolved, ResolveError> {
        if let Ok(address) = name.parse() {
            return Ok(Resolved { addresses: vec![address], source: Source::Literal });
        }
        if let Some(addresses) = self.in_hosts(name) {
            return Ok(Resolved { addresses, source: Source::Hosts });
        }
        let name = name.to_owned();
        let question = (name.clone(), 0);
        let Ok(answer) =
            tokio::time::timeout(SYSTEM_TIMEOUT, tokio::net::lookup_host(question)).await
        else {
            return Err(ResolveError::TimedOut { name });
        };
        let mut addresses: Vec<IpAddr> = Vec::new();
        for socket in answer.into_iter().flatten() {
            if !addresses.contains(&socket.ip()) {
                addresses.push(socket.ip());
            }
        }
        if addresses.is_empty() {
            return Err(ResolveError::NotFound { name });
        }
        Ok(Resolved { addresses, source: Source::System })
    }

    /// Whether the hosts table has this name.
    #[must_use]
    pub fn knows(&self, name: &str) -> bool {
        self.in_hosts(name).is_some()
    }

    fn in_hosts(&self, name: &str) -> Option<Vec<IpAddr>> {
        let hosts = self.hosts.read().unwrap_or_else(PoisonError::into_inner);
        hosts.get(&fold(name)).filter(|addresses| !addresses.is_empty()).cloned()
    }
}

fn fold(name: &str) -> String {
    name.trim_end_matches('.').to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn hosts_come_before_the_system() {
        let address: IpAddr = "127.0.0.9".parse().unwrap();
        let hosts = BTreeMap::from([("LocalHost".to_owned(), vec![address])]);
        let resolver = Resolver::new(&hosts);
        let answer = resolver.resolve("localhost.").await.unwrap();
        assert_eq!(answer, Resolved { addresses: vec![address], source: Source::Hosts });
        resolver.replace_hosts(&BTreeMap::new());
        assert_eq!(resolver.resolve("localhost").await.unwrap().source, Source::System);
        assert_eq!(resolver.resolve("::1").await.unwrap().source, Source::Literal);
    }

    #[tokio::test]
    async fn an_unknown_name_is_named() {
        let error = Resolver::default().resolve("no such host.invalid").await.unwrap_err();
        assert!(error.to_string().contains("no such host.invalid"), "{error}");
    }
}

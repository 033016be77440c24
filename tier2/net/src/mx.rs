//! The hosts that take a domain's mail (RFC 5321 5.1, RFC 7505).

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{NameServerConfig, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::RData;

use crate::resolve::{ResolveError, Resolver};

/// How long the whole look-up may take, retries at several servers included.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(20);
/// Hosts of one domain that are looked at; more would only keep a sender busy.
const MAX_HOSTS: usize = 10;

/// One host of a domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchanger {
    /// The lower one is tried first.
    pub preference: u16,
    /// In lower case, without a final dot.
    pub host: String,
}

/// A domain has no host for mail.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MxError {
    #[error("{domain} takes no mail: it says so in the DNS (null MX)")]
    NullMx { domain: String },
    #[error("{domain} does not exist in the DNS")]
    NoDomain { domain: String },
    #[error("the DNS gave no answer for the MX of {domain}: {text}")]
    NoAnswer { domain: String, text: String },
}

impl MxError {
    /// Whether another try may go better.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        matches!(self, Self::NoAnswer { .. })
    }
}

/// Finds the hosts of mail domains; clones share one cache.
#[derive(Clone)]
pub struct MailResolver {
    hosts: Resolver,
    /// The servers are not those of the system: only they know the addresses of the hosts that they name.
    own: bool,
    dns: Result<Arc<TokioResolver>, String>,
}

impl MailResolver {
    /// Asks these servers, or those of the system where none are given; the configuration's `[hosts]` comes before both.
    #[must_use]
    pub fn new(hosts: Resolver, servers: &[SocketAddr]) -> Self {
        let dns = dns(servers).map(Arc::new).map_err(|error| error.to_string());
        Self { hosts, own: !servers.is_empty(), dns }
    }

    /// The hosts of a domain in the order to try them, never empty; `salt` spreads the load among equal ones.
    ///
    /// # Errors
    /// The domain takes no mail, does not exist, or nobody answers.
    pub async fn exchangers(&self, domain: &str, salt: u64) -> Result<Vec<Exchanger>, MxError> {
        let implicit = || vec![Exchanger { preference: 0, host: domain.to_owned() }];
        if self.hosts.knows(domain) {
            return Ok(implicit());
        }
        let no_answer = |text: String| MxError::NoAnswer { domain: domain.to_owned(), text };
        let dns = self.dns.as_ref().map_err(|error| no_answer(error.clone()))?;
        // The final dot keeps the system's search list out.
        let question = dns.mx_lookup(format!("{domain}."));
        let Ok(answer) = tokio::time::timeout(LOOKUP_TIMEOUT, question).await else {
            return Err(no_answer(format!("none within {} s", LOOKUP_TIMEOUT.as_secs())));
        };
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) if error.is_nx_domain() => {
                return Err(MxError::NoDomain { domain: domain.to_owned() });
            }
            Err(error) if error.is_no_records_found() => return Ok(implicit()),
            Err(error) => return Err(no_answer(error.to_string())),
        };
        let found = answer.answers().iter().filter_map(|record| match &record.data {
            RData::MX(mx) => Some(Exchanger {
                preference: mx.preference,
                host: mx.exchange.to_utf8().trim_end_matches('.').to_lowercase(),
            }),
            _ => None,
        });
        let mut found: Vec<Exchanger> = found.collect();
        if found.iter().any(|one| one.host.is_empty()) {
            found.retain(|one| !one.host.is_empty());
            if found.is_empty() {
                return Err(MxError::NullMx { domain: domain.to_owned() });
            }
        }
        if found.is_empty() {
            return Ok(implicit());
        }
        order(&mut found, salt);
        found.truncate(MAX_HOSTS);
        Ok(found)
    }

    /// The addresses of a host, `[hosts]` first; then those servers are asked that were asked for the MX.
    ///
    /// # Errors
    /// Nobody knows the name, or the resolver is silent.
    pub async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>, ResolveError> {
        if self.own && !self.hosts.knows(host) && host.parse::<IpAddr>().is_err() {
            return self.asked(host).await;
        }
        self.hosts.resolve(host).await.map(|resolved| resolved.addresses)
    }
}

impl MailResolver {
    async fn asked(&self, host: &str) -> Result<Vec<IpAddr>, ResolveError> {
        let no_answer = |text| ResolveError::NoAnswer { name: host.to_owned(), text };
        let dns = self.dns.as_ref().map_err(|error| no_answer(error.clone()))?;
        let question = dns.lookup_ip(format!("{host}."));
        match tokio::time::timeout(LOOKUP_TIMEOUT, question).await {
            Ok(Ok(found)) => Ok(found.iter().collect()),
            Ok(Err(error)) if error.is_nx_domain() || error.is_no_records_found() => {
                Err(ResolveError::NoRecord { name: host.to_owned() })
            }
            Ok(Err(error)) => Err(no_answer(error.to_string())),
            Err(_) => Err(no_answer(format!("none within {} s", LOOKUP_TIMEOUT.as_secs()))),
        }
    }
}

impl std::fmt::Debug for MailResolver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MailResolver").finish_non_exhaustive()
    }
}

fn dns(servers: &[SocketAddr]) -> Result<TokioResolver, hickory_resolver::net::NetError> {
    let builder = if servers.is_empty() {
        TokioResolver::builder_tokio()?
    } else {
        let servers = servers.iter().map(|server| {
            let mut one = NameServerConfig::udp_and_tcp(server.ip());
            for connection in &mut one.connections {
                connection.port = server.port();
            }
            one
        });
        let config = ResolverConfig::from_parts(None, Vec::new(), servers.collect());
        TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
    };
    builder.build()
}

/// By preference; equal ones begin at a different one for each salt (RFC 5321 5.1).
fn order(hosts: &mut [Exchanger], salt: u64) {
    hosts.sort_by(|a, b| (a.preference, &a.host).cmp(&(b.preference, &b.host)));
    for group in hosts.chunk_by_mut(|a, b| a.preference == b.preference) {
        let length = u64::try_from(group.len()).unwrap_or(1).max(1);
        group.rotate_left(usize::try_from(salt % length).unwrap_or(0));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn preference_orders_and_equal_ones_take_turns() {
        let one = |preference, host: &str| Exchanger { preference, host: host.to_owned() };
        let ordered = |salt| {
            let mut hosts = vec![one(20, "c"), one(10, "b"), one(10, "a"), one(5, "z")];
            order(&mut hosts, salt);
            hosts.into_iter().map(|host| host.host).collect::<String>()
        };
        assert_eq!(ordered(0), "zabc");
        assert_eq!(ordered(1), "zbac");
        assert_eq!(ordered(2), "zabc");
    }

    #[tokio::test]
    async fn hosts_of_the_configuration_come_first() {
        let hosts = BTreeMap::from([("far.test".to_owned(), vec!["127.0.0.9".parse().unwrap()])]);
        let resolver = MailResolver::new(Resolver::new(&hosts), &[]);
        let found = resolver.exchangers("Far.Test", 0).await.unwrap();
        assert_eq!(found, [Exchanger { preference: 0, host: "Far.Test".to_owned() }]);
        assert_eq!(resolver.addresses("far.test").await.unwrap().len(), 1);
    }

    /// A DNS server that answers every question with the same records, or a code.
    async fn server(answer: fn(&[u8]) -> Vec<u8>) -> SocketAddr {
        let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        tokio::spawn(async move {
            let mut buffer = [0; 512];
            while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
                let answer = answer(&buffer[..length]);
                let _ = socket.send_to(&answer, from).await;
            }
        });
        address
    }

    /// The question again, with a response code and MX records; their names end in a pointer to the question's.
    fn reply(question: &[u8], code: u8, records: &[(u16, &[u8])]) -> Vec<u8> {
        let end = 12 + question[12..].iter().position(|octet| *octet == 0).unwrap() + 5;
        let mut out = question[..end].to_vec();
        let count = u8::try_from(records.len()).unwrap();
        out[2..12].copy_from_slice(&[0x81, 0x80 | code, 0, 1, 0, count, 0, 0, 0, 0]);
        for (preference, name) in records {
            let length = u16::try_from(name.len() + 2).unwrap();
            out.extend([0xc0, 12, 0, 15, 0, 1, 0, 0, 0, 60]);
            out.extend(length.to_be_bytes());
            out.extend(preference.to_be_bytes());
            out.extend(*name);
        }
        out
    }

    #[tokio::test]
    async fn what_the_dns_says_decides() {
        let two = server(|question| {
            reply(question, 0, &[(20, b"\x01B\xc0\x0c"), (10, b"\x01a\xc0\x0c")])
        });
        let null = server(|question| reply(question, 0, &[(0, b"\0")]));
        let missing = server(|question| reply(question, 3, &[]));
        let bare = server(|question| reply(question, 0, &[]));
        let broken = server(|question| reply(question, 2, &[]));
        let ask = async |address: SocketAddr| {
            let resolver = MailResolver::new(Resolver::default(), &[address]);
            let found = resolver.exchangers("far.test", 0).await;
            found.map(|hosts| hosts.into_iter().map(|one| one.host).collect::<Vec<_>>())
        };
        assert_eq!(ask(two.await).await.unwrap(), ["a.far.test", "b.far.test"]);
        let domain = || "far.test".to_owned();
        assert_eq!(ask(null.await).await, Err(MxError::NullMx { domain: domain() }));
        assert_eq!(ask(missing.await).await, Err(MxError::NoDomain { domain: domain() }));
        assert_eq!(ask(bare.await).await.unwrap(), ["far.test"], "the domain itself");
        assert!(ask(broken.await).await.unwrap_err().is_temporary());
    }
}

//! The other side of a way, as far as this server may look at it.
//!
//! A neighbour is read through its administrative interface, with the token of this server's configuration and not with the
//! service account, which may be what is broken. What cannot be read becomes a note and never a fact.

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use admin::{Client, ClientError};
use config::{Config, NeighbourApi, Peer, X400};
use diagnosis::{ProbeFact, ProbeResult, Role, ServerFacts};
use net::chain;

/// A server that is up answers at once; a machine that is off must not keep the answer back for long.
const PATIENCE: Duration = Duration::from_secs(3);

/// Another server, as the configuration knows it.
#[derive(Clone, Debug)]
pub struct Neighbour {
    /// What is known of it where it cannot be read.
    facts: ServerFacts,
    admin: Option<NeighbourApi>,
    /// The table of the configuration that it stands in.
    table: &'static str,
}

/// A neighbour that was looked at.
pub struct Seen {
    pub facts: ServerFacts,
    /// Where it can be asked to probe, if it answered.
    pub client: Option<Client>,
    pub check: Option<ProbeFact>,
    /// Why it was not read.
    pub note: Option<String>,
}

/// Every peer and connector of a configuration.
#[must_use]
pub fn neighbours(config: &Config) -> Vec<Neighbour> {
    let known = config.peers.iter().map(of_peer);
    known.chain(config.x400.iter().map(of_connector)).collect()
}

fn of_peer(peer: &Peer) -> Neighbour {
    let facts = ServerFacts {
        name: peer.name.clone(),
        role: Role::Unread,
        config_path: peer.configuration.as_deref().map(shown_path),
        host_name: peer.host.clone(),
        bind_back_name: peer.bind_back.clone(),
        service_account: peer.account.to_string(),
        mapper_port: peer.mapper_port,
        ..ServerFacts::default()
    };
    Neighbour { facts, admin: peer.admin.clone(), table: "[[peer]]" }
}

fn of_connector(connector: &X400) -> Neighbour {
    let facts = ServerFacts {
        name: connector.name.clone(),
        role: Role::Unread,
        config_path: connector.configuration.as_deref().map(shown_path),
        host_name: connector.host.clone(),
        ..ServerFacts::default()
    };
    Neighbour { facts, admin: connector.admin.clone(), table: "[[x400]]" }
}

impl Neighbour {
    /// The name in the configuration.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.facts.name
    }

    /// Asks it for its facts; `local` is who asks.
    pub async fn read(&self, local: &str) -> Seen {
        let name = self.name();
        let unread = |note: String, check| Seen {
            facts: self.facts.clone(),
            client: None,
            check,
            note: Some(note),
        };
        let Some(NeighbourApi { url, authority, token_file }) = &self.admin else {
            return unread(
                format!(
                    "{name} is not read: the configuration names no admin address for it; set admin and admin_token_file of its {}, or run `bindback doctor` there too",
                    self.table
                ),
                None,
            );
        };
        let token = match config::read_secret(token_file) {
            Ok(token) => token,
            Err(error) => return unread(format!("{name} is not read: {}", chain(&error)), None),
        };
        let client = Client::tcp(authority, token).patience(PATIENCE);
        let started = Instant::now();
        let asked = client.facts().await;
        let check = checked(local, name, &asked, started, &format!("at {url}"));
        match asked {
            Ok(mut facts) => {
                facts.role = Role::Neighbour;
                facts.reachable = true;
                facts.known_as = (facts.name != name).then(|| name.to_owned());
                let note = (!facts.name.eq_ignore_ascii_case(name)).then(|| {
                    format!(
                        "at {url} answers {}, where the configuration expects {name}",
                        facts.name
                    )
                });
                Seen { facts, client: Some(client), check, note }
            }
            Err(error) => unread(format!("{name} is not read: {}", chain(&error)), check),
        }
    }
}

/// A file as the peer itself would show it, where it can be seen from here.
fn shown_path(path: &Path) -> String {
    std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned()).display().to_string()
}

/// The check of an administrative interface; none where the outcome says nothing about the server's life.
#[must_use]
pub fn checked(
    from: &str,
    target: &str,
    asked: &Result<ServerFacts, ClientError>,
    started: Instant,
    detail: &str,
) -> Option<ProbeFact> {
    let result = match asked {
        Ok(_) => ProbeResult::Ok,
        Err(ClientError::NoServer { .. }) => ProbeResult::Refused,
        Err(ClientError::NotAllowed { .. } | ClientError::Unauthorized { .. }) => {
            ProbeResult::Denied
        }
        Err(ClientError::Timeout { .. }) => ProbeResult::Timeout,
        Err(ClientError::Broken { .. }) => ProbeResult::Reset,
        Err(ClientError::Unreachable { source, .. }) => match source.kind() {
            io::ErrorKind::ConnectionRefused => ProbeResult::Refused,
            io::ErrorKind::ConnectionReset => ProbeResult::Reset,
            io::ErrorKind::TimedOut
            | io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkUnreachable => ProbeResult::Timeout,
            _ => return None,
        },
        Err(_) => return None,
    };
    Some(ProbeFact {
        check: "admin".to_owned(),
        from: from.to_owned(),
        target: target.to_owned(),
        result,
        detail: detail.to_owned(),
        ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
    })
}

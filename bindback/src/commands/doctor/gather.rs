//! The facts: this server's, its neighbours', and what each sees when it probes its peers.
//!
//! What cannot be read becomes a note and never a fact: the absence of an answer counts only where somebody was really asked.

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use admin::api::ProbeOrder;
use admin::{Client, ClientError, Operations};
use config::{Config, NeighbourApi, Peer, X400};
use diagnosis::{ProbeFact, ProbeResult, Role, ServerFacts, Snapshot};
use jiff::Timestamp;
use tokio::task::JoinSet;

use crate::backend;
use crate::failure::chain;

/// A server that is up answers at once; a machine that is off must not keep the answer back for long.
const FACTS_PATIENCE: Duration = Duration::from_secs(3);
/// A probe waits for each address that does not answer.
const PROBE_PATIENCE: Duration = Duration::from_secs(30);

/// All that the doctor could learn.
pub struct Gathered {
    pub snapshot: Snapshot,
    /// True when the own server answered.
    pub runs: bool,
    /// Names of the servers that were read.
    pub read: Vec<String>,
    pub notes: Vec<String>,
}

/// A server that was looked at.
struct Seen {
    facts: ServerFacts,
    /// Where it can be asked to probe, if it answered.
    client: Option<Client>,
    check: Option<ProbeFact>,
    note: Option<String>,
    probed: Vec<Probed>,
}

/// Who probed which peer, and what it found.
type Probed = (String, String, Result<Vec<ProbeFact>, ClientError>);

/// Reads what can be read.
///
/// # Errors
/// This user may not ask the own server: nothing could be told from its silence.
pub async fn gather(config: &Config) -> Result<Gathered, ClientError> {
    let mut neighbours = JoinSet::new();
    let known = config.peers.iter().map(Neighbour::of_peer);
    let known = known.chain(config.x400.iter().map(Neighbour::of_connector));
    for (index, one) in known.enumerate() {
        let local = config.server.name.clone();
        // Each probes as soon as it is read: one that does not answer keeps nobody waiting.
        neighbours.spawn(async move { (index, neighbour(&local, &one).await.probe().await) });
    }
    let own = own(config).await?.probe().await;
    let mut others = neighbours.join_all().await;
    others.sort_by_key(|(index, _)| *index);

    let runs = own.client.is_some();
    let mut seen = vec![own];
    seen.extend(others.into_iter().map(|(_, one)| one));
    let mut notes: Vec<String> = seen.iter_mut().filter_map(|one| one.note.take()).collect();
    let mut checks: Vec<ProbeFact> = seen.iter_mut().filter_map(|one| one.check.take()).collect();
    let (found, failed) = told(&mut seen);
    checks.extend(found);
    notes.extend(failed);
    let read = seen.iter().filter(|one| one.facts.role != Role::Unread);
    Ok(Gathered {
        runs,
        read: read.map(|one| one.facts.name.clone()).collect(),
        notes,
        snapshot: Snapshot {
            now: Timestamp::now(),
            local: config.server.name.clone(),
            servers: seen.into_iter().map(|one| one.facts).collect(),
            checks,
        },
    })
}

/// The own server through its socket; its store where it does not run; else no more than its configuration.
async fn own(config: &Config) -> Result<Seen, ClientError> {
    let client = backend::running(config).patience(FACTS_PATIENCE);
    let started = Instant::now();
    let asked = client.facts().await;
    let check = checked("doctor", &config.server.name, &asked, started, "over its socket");
    let error = match asked {
        Ok(mut facts) => {
            facts.role = Role::Local;
            facts.reachable = true;
            return Ok(Seen { facts, client: Some(client), check, note: None, probed: Vec::new() });
        }
        Err(error @ ClientError::NotAllowed { .. }) => return Err(error),
        Err(error) => error,
    };
    let mut note = chain(&error);
    if matches!(error, ClientError::NoServer { .. }) {
        match stored(config).await {
            Ok(mut facts) => {
                facts.role = Role::Local;
                facts.reachable = false;
                return Ok(Seen { facts, client: None, check, note: None, probed: Vec::new() });
            }
            Err(why) => note = why,
        }
    }
    Ok(Seen {
        facts: server::known_facts(config),
        client: None,
        check,
        note: Some(note),
        probed: Vec::new(),
    })
}

async fn stored(config: &Config) -> Result<ServerFacts, String> {
    let store = backend::offline(config.clone()).map_err(|error| chain(error.as_ref()))?;
    store.facts().await.map_err(|error| chain(&error))
}

/// Another server, as this one's configuration knows it.
struct Neighbour {
    /// What is known of it where it cannot be read.
    facts: ServerFacts,
    admin: Option<NeighbourApi>,
    /// The table of the configuration that it stands in.
    table: &'static str,
}

impl Neighbour {
    fn of_peer(peer: &Peer) -> Self {
        Self { facts: known_of(peer), admin: peer.admin.clone(), table: "[[peer]]" }
    }

    fn of_connector(connector: &X400) -> Self {
        let facts = ServerFacts {
            name: connector.name.clone(),
            role: Role::Unread,
            config_path: connector.configuration.as_deref().map(shown_path),
            host_name: connector.host.clone(),
            ..ServerFacts::default()
        };
        Self { facts, admin: connector.admin.clone(), table: "[[x400]]" }
    }
}

/// A neighbour through its API, with the token of this server's configuration and not with the service account, which may be what is broken.
async fn neighbour(local: &str, peer: &Neighbour) -> Seen {
    let name = peer.facts.name.as_str();
    let unread = |note: String, check| Seen {
        facts: peer.facts.clone(),
        client: None,
        check,
        note: Some(note),
        probed: Vec::new(),
    };
    let Some(NeighbourApi { url, authority, token_file }) = &peer.admin else {
        return unread(
            format!(
                "{name} is not read: the configuration names no admin address for it; set admin and admin_token_file of its {}, or run `bindback doctor` there too",
                peer.table
            ),
            None,
        );
    };
    let token = match config::read_secret(token_file) {
        Ok(token) => token,
        Err(error) => return unread(format!("{name} is not read: {}", chain(&error)), None),
    };
    let client = Client::tcp(authority, token).patience(FACTS_PATIENCE);
    let started = Instant::now();
    let asked = client.facts().await;
    let check = checked(local, name, &asked, started, &format!("at {url}"));
    match asked {
        Ok(mut facts) => {
            facts.role = Role::Neighbour;
            facts.reachable = true;
            let note = (!facts.name.eq_ignore_ascii_case(name)).then(|| {
                format!("at {url} answers {}, where the configuration expects {name}", facts.name)
            });
            Seen { facts, client: Some(client), check, note, probed: Vec::new() }
        }
        Err(error) => unread(format!("{name} is not read: {}", chain(&error)), check),
    }
}

/// What the own configuration knows of a neighbour that was not read.
fn known_of(peer: &Peer) -> ServerFacts {
    ServerFacts {
        name: peer.name.clone(),
        role: Role::Unread,
        config_path: peer.configuration.as_deref().map(shown_path),
        host_name: peer.host.clone(),
        bind_back_name: peer.bind_back.clone(),
        service_account: peer.account.to_string(),
        mapper_port: peer.mapper_port,
        ..ServerFacts::default()
    }
}

/// A file as the peer itself would show it, where it can be seen from here.
fn shown_path(path: &Path) -> String {
    std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned()).display().to_string()
}

/// The check of an administrative interface; none where the outcome says nothing about the server's life.
fn checked(
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

impl Seen {
    /// Asks the server, if it answers, to probe each of its peers, all at once.
    async fn probe(mut self) -> Self {
        let Some(client) = &self.client else { return self };
        let mut running = JoinSet::new();
        for peer in &self.facts.peers {
            let client = client.clone().patience(PROBE_PATIENCE);
            let (from, peer) = (self.facts.name.clone(), peer.name.clone());
            running.spawn(async move {
                let found = client.probe(ProbeOrder { peer: peer.clone() }).await;
                (from, peer, found)
            });
        }
        self.probed = running.join_all().await;
        self
    }
}

/// What all of them found, in the order of the names, and what could not be probed.
fn told(seen: &mut [Seen]) -> (Vec<ProbeFact>, Vec<String>) {
    let mut done: Vec<Probed> =
        seen.iter_mut().flat_map(|one| std::mem::take(&mut one.probed)).collect();
    done.sort_by(|(a, b, _), (c, d, _)| (a, b).cmp(&(c, d)));
    let (mut checks, mut notes) = (Vec::new(), Vec::new());
    for (from, peer, found) in done {
        match found {
            Ok(found) => checks.extend(found),
            Err(error) => notes.push(format!("{from} did not probe {peer}: {}", chain(&error))),
        }
    }
    (checks, notes)
}

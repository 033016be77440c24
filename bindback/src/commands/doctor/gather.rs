//! The facts: this server's, its neighbours', and what each sees when it probes its peers.
//!
//! What cannot be read becomes a note and never a fact: the absence of an answer counts only where somebody was really asked.

use std::time::{Duration, Instant};

use admin::api::ProbeOrder;
use admin::{ClientError, Operations};
use config::Config;
use diagnosis::{ProbeFact, Role, ServerFacts, Snapshot};
use jiff::Timestamp;
use server::{Seen, checked};
use tokio::task::JoinSet;

use crate::backend;
use crate::failure::chain;

/// A server that is up answers at once.
const FACTS_PATIENCE: Duration = Duration::from_secs(5);
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

/// Reads what can be read.
///
/// # Errors
/// This user may not ask the own server: nothing could be told from its silence.
pub async fn gather(config: &Config) -> Result<Gathered, ClientError> {
    let mut neighbours = JoinSet::new();
    for (index, one) in server::neighbours(config).into_iter().enumerate() {
        let local = config.server.name.clone();
        neighbours.spawn(async move { (index, one.read(&local).await) });
    }
    let own = own(config).await?;
    let mut others = neighbours.join_all().await;
    others.sort_by_key(|(index, _)| *index);

    let runs = own.client.is_some();
    let mut seen = vec![own];
    seen.extend(others.into_iter().map(|(_, one)| one));
    let mut notes: Vec<String> = seen.iter_mut().filter_map(|one| one.note.take()).collect();
    let mut checks: Vec<ProbeFact> = seen.iter_mut().filter_map(|one| one.check.take()).collect();
    let (found, failed) = probes(&seen).await;
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
            return Ok(Seen { facts, client: Some(client), check, note: None });
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
                return Ok(Seen { facts, client: None, check, note: None });
            }
            Err(why) => note = why,
        }
    }
    Ok(Seen { facts: server::known_facts(config), client: None, check, note: Some(note) })
}

async fn stored(config: &Config) -> Result<ServerFacts, String> {
    let store = backend::offline(config.clone()).map_err(|error| chain(error.as_ref()))?;
    store.facts().await.map_err(|error| chain(&error))
}

/// Asks every server that answers to probe each of its peers, all at once.
async fn probes(seen: &[Seen]) -> (Vec<ProbeFact>, Vec<String>) {
    let mut running = JoinSet::new();
    for one in seen {
        let Some(client) = &one.client else { continue };
        for peer in &one.facts.peers {
            let client = client.clone().patience(PROBE_PATIENCE);
            let (from, peer) = (one.facts.name.clone(), peer.name.clone());
            running.spawn(async move {
                let found = client.probe(ProbeOrder { peer: peer.clone() }).await;
                (from, peer, found)
            });
        }
    }
    let mut done = running.join_all().await;
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

//! The facts: this server's, its neighbours', and what each sees when it probes its peers.
//!
//! What cannot be read becomes a note and never a fact: the absence of an answer counts only where somebody was really asked.

use std::time::{Duration, Instant};

use admin::api::ProbeOrder;
use admin::{ClientError, Operations};
use config::Config;
use diagnosis::{ProbeFact, Role, ServerFacts, Snapshot, StoreTrouble};
use jiff::Timestamp;
use server::{OpenError, Seen, checked};
use tokio::task::JoinSet;

use crate::backend;
use crate::commands::events::imported;
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

/// A server that was looked at, and what it found when it probed its peers.
struct Looked {
    seen: Seen,
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
    for (index, one) in server::neighbours(config).into_iter().enumerate() {
        let local = config.server.name.clone();
        // Each probes as soon as it is read: one that does not answer keeps nobody waiting.
        neighbours.spawn(async move { (index, probe(one.read(&local).await).await) });
    }
    let own = probe(own(config).await?).await;
    let mut others = neighbours.join_all().await;
    others.sort_by_key(|(index, _)| *index);

    let runs = own.seen.client.is_some();
    let looked = std::iter::once(own).chain(others.into_iter().map(|(_, one)| one));
    let (mut seen, probed): (Vec<Seen>, Vec<Vec<Probed>>) =
        looked.map(|one| (one.seen, one.probed)).unzip();
    let mut notes: Vec<String> = seen.iter_mut().filter_map(|one| one.note.take()).collect();
    let mut checks: Vec<ProbeFact> = seen.iter_mut().filter_map(|one| one.check.take()).collect();
    let (found, failed) = told(probed.into_iter().flatten().collect());
    checks.extend(found);
    notes.extend(failed);
    take_imported(&mut seen, config, &mut notes);
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

/// Gives servers that could not be asked the events that were imported of them.
fn take_imported(seen: &mut [Seen], config: &Config, notes: &mut Vec<String>) {
    let imported = match imported(config) {
        Ok(imported) => imported,
        Err(error) => return notes.push(chain(error.as_ref())),
    };
    for one in seen.iter_mut().filter(|one| one.facts.role == Role::Unread) {
        let own = |event: &&event::Event| event.server.eq_ignore_ascii_case(&one.facts.name);
        let events: Vec<event::Event> = imported.iter().filter(own).cloned().collect();
        if let Some(newest) = events.last() {
            notes.push(format!(
                "{} was not asked: {} of its events were imported, the newest of {}.",
                one.facts.name,
                events.len(),
                newest.time
            ));
            one.facts.events = events;
        }
    }
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
    let (taken_ports, mut start_faults) = match error {
        ClientError::NoServer { .. } => {
            (server::taken_ports(config), server::start_faults(config).await)
        }
        _ => (Vec::new(), Vec::new()),
    };
    let mut store_trouble = None;
    if matches!(error, ClientError::NoServer { .. }) {
        match stored(config).await {
            Ok(mut facts) => {
                facts.role = Role::Local;
                facts.reachable = false;
                facts.taken_ports = taken_ports;
                facts.start_faults = start_faults;
                return Ok(Seen { facts, client: None, check, note: None });
            }
            Err(closed) => {
                (note, store_trouble) = (closed.why, closed.trouble);
                start_faults.extend(closed.fault);
            }
        }
    }
    let known = server::known_facts(config);
    let facts = ServerFacts { taken_ports, start_faults, store_trouble, ..known };
    Ok(Seen { facts, client: None, check, note: Some(note) })
}

/// Why the store of a resting server was not read.
struct Closed {
    why: String,
    /// What that makes of the store.
    trouble: Option<StoreTrouble>,
    /// What keeps the server from starting.
    fault: Option<StoreTrouble>,
}

/// What a resting server's store has; else why it cannot be opened, and what that makes of the store.
async fn stored(config: &Config) -> Result<ServerFacts, Closed> {
    let store = backend::offline(config.clone()).map_err(|error| {
        let text = chain(error.as_ref());
        let fault = error.downcast_ref().and_then(server::account_fault);
        let cause = match error.downcast_ref() {
            // Somebody is just starting or stopping.
            Some(OpenError::Store(store)) if store.cause() != "locked" => Some(store.cause()),
            _ => None,
        };
        let trouble =
            cause.map(|cause| StoreTrouble { cause: cause.to_owned(), text: text.clone() });
        Closed { why: text, trouble, fault }
    })?;
    store.facts().await.map_err(|error| Closed { why: chain(&error), trouble: None, fault: None })
}

/// Asks a server, if it answers, to probe each of its peers, all at once.
async fn probe(seen: Seen) -> Looked {
    let Some(client) = &seen.client else { return Looked { seen, probed: Vec::new() } };
    let mut running = JoinSet::new();
    for peer in &seen.facts.peers {
        let client = client.clone().patience(PROBE_PATIENCE);
        let (from, peer) = (seen.facts.name.clone(), peer.name.clone());
        running.spawn(async move {
            let found = client.probe(ProbeOrder { peer: peer.clone() }).await;
            (from, peer, found)
        });
    }
    Looked { probed: running.join_all().await, seen }
}

/// What all of them found, in the order of the names, and what could not be probed.
fn told(mut done: Vec<Probed>) -> (Vec<ProbeFact>, Vec<String>) {
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

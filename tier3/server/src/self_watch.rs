//! The server watches its own ways: when a bind or transfer fails it makes the cheap checks at once, and tells what it found.
//!
//! The decisions are those of [`diagnosis::Watch`]. What is found stands beside the queue, in event 20008 and in the metric
//! `bindback_finding`; it goes by itself when mail flows again (event 20009). The checks are those that the doctor makes:
//! nothing is logged on to, nothing is changed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use admin::Operations;
use admin::api::ProbeOrder;
use diagnosis::{Role, Snapshot, WatchAction, diagnose};
use event::own;
use finding::{Answer, Cause, Diagnosis};
use jiff::{SignedDuration, Timestamp};
use tokio::task::JoinSet;

use crate::neighbour::neighbours;
use crate::node::Node;
use crate::operations::Running;
use crate::peer_state::PeerHistory;

/// The checks of one peer may take so long: they wait for addresses that do not answer.
const PATIENCE: Duration = Duration::from_secs(20);
/// Peers that are looked at in one moment: a network that is down fails them all.
const AT_ONCE: usize = 4;
/// Histories are looked at this often even if none says that it has changed.
const LOOK: Duration = Duration::from_secs(5);

/// Watches until the server stops.
pub async fn run(node: Arc<Node>, running: Arc<Running>) {
    let mut checks: JoinSet<(String, Answer)> = JoinSet::new();
    let mut waiting: Vec<String> = Vec::new();
    let mut failed: BTreeMap<String, Timestamp> = BTreeMap::new();
    loop {
        let due = node.watch().poll_timeout().map_or(LOOK, until);
        let mut actions = tokio::select! {
            () = node.histories.changed() => Vec::new(),
            Some(done) = checks.join_next() => match done {
                Ok((peer, answer)) => node.watch().handle_answer(&peer, &answer, Timestamp::now()),
                Err(error) => {
                    eprintln!("a check of the server's own watch fell over: {error}");
                    Vec::new()
                }
            },
            () = tokio::time::sleep(due.min(LOOK)) => node.watch().handle_timeout(Timestamp::now()),
            () = node.stopped() => return,
        };
        let after = node.config().queue.finding_after;
        node.watch()
            .set_visible_after(SignedDuration::try_from(after).unwrap_or(SignedDuration::MAX));
        actions.extend(histories(&node, &mut failed));
        for action in actions {
            match action {
                WatchAction::Check { peer } => waiting.push(peer),
                WatchAction::Open { peer, diagnosis } => open(&node, &peer, &diagnosis),
                WatchAction::Close { peer, cause, seconds } => {
                    metric(&peer, cause, 0.0);
                    node.log(own::finding_closed(&peer, cause.slug(), seconds));
                }
            }
        }
        while checks.len() < AT_ONCE
            && let Some(peer) = waiting.pop()
        {
            let (node, running) = (Arc::clone(&node), Arc::clone(&running));
            checks.spawn(async move {
                let looked = tokio::time::timeout(PATIENCE, look(&node, &running, &peer)).await;
                (peer, looked.unwrap_or_default())
            });
        }
    }
}

fn until(time: Timestamp) -> Duration {
    Duration::try_from(time.duration_since(Timestamp::now())).unwrap_or_default()
}

/// What the histories of peers say that is new.
fn histories(node: &Node, failed: &mut BTreeMap<String, Timestamp>) -> Vec<WatchAction> {
    let config = node.config();
    let now = Timestamp::now();
    let mut watch = node.watch();
    let peers = config.peers.iter().map(|peer| (&peer.name, true));
    let connectors = config.x400.iter().map(|connector| (&connector.name, false));
    let mut actions = Vec::new();
    for (peer, both_ways) in peers.chain(connectors) {
        let history = node.histories.get(peer);
        match failing_since(&history, both_ways) {
            Some(time) => {
                if failed.insert(peer.clone(), time) != Some(time) {
                    actions.extend(watch.handle_failure(peer, now));
                }
            }
            None => {
                if failed.remove(peer).is_some() {
                    actions.extend(watch.handle_success(peer, now));
                }
            }
        }
    }
    actions
}

/// The newest failure that no success has followed. An association over RPC needs both ways, so that one that stands shows
/// that both are open.
fn failing_since(history: &PeerHistory, both_ways: bool) -> Option<Timestamp> {
    let out = history.last_failure_out.as_ref().map(|failure| failure.time);
    let back = history.last_failure_in.as_ref().map(|failure| failure.time);
    let (good_out, good_in) = (history.last_success_out, history.last_success_in);
    if both_ways {
        return out.max(back).filter(|failed| Some(*failed) > good_out.max(good_in));
    }
    let out = out.filter(|failed| Some(*failed) > good_out);
    out.max(back.filter(|failed| Some(*failed) > good_in))
}

/// The cheap checks of one peer: what this server knows, what the peer tells, and whether names and ports answer.
async fn look(node: &Node, running: &Running, peer: &str) -> Answer {
    let config = node.config();
    let name = config.server.name.clone();
    let others = neighbours(&config);
    let other = others.iter().find(|one| one.name().eq_ignore_ascii_case(peer));
    let order = ProbeOrder { peer: peer.to_owned() };
    let read = async {
        match other {
            Some(other) => Some(other.read(&name).await),
            None => None,
        }
    };
    let (own, probed, seen) = tokio::join!(running.facts(), running.probe(order), read);
    let Ok(mut own) = own else { return Answer::default() };
    own.role = Role::Local;
    let mut checks = probed.unwrap_or_default();
    let mut servers = vec![own];
    if let Some(seen) = seen {
        checks.extend(seen.check);
        servers.push(seen.facts);
    }
    diagnose(&Snapshot { now: Timestamp::now(), local: name, servers, checks })
}

fn open(node: &Node, peer: &str, diagnosis: &Diagnosis) {
    metric(peer, diagnosis.cause, 1.0);
    let remedy = diagnosis.remedy.first().map_or("see the doctor", |remedy| remedy.text.as_str());
    let percent = format!("{:.0}", diagnosis.confidence * 100.0);
    node.log(own::finding(&own::FindingFound {
        next_hop: peer,
        cause: diagnosis.cause.slug(),
        meaning: diagnosis.title(),
        percent: &percent,
        remedy,
    }));
}

fn metric(peer: &str, cause: Cause, value: f64) {
    metrics::gauge!("bindback_finding", "next_hop" => peer.to_owned(), "cause" => cause.slug())
        .set(value);
}

#[cfg(test)]
mod tests {
    use mta::LastError;

    use super::*;
    use crate::peer_state::Failure;

    #[test]
    fn an_association_over_rpc_shows_both_ways_open() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let failure = |second| {
            let error = LastError {
                code: 5,
                comms: 5,
                bind: 0,
                layer: "bind".to_owned(),
                text: String::new(),
            };
            Some(Failure { time: at(second), error, protocol_string: String::new() })
        };
        let mut history = PeerHistory { last_failure_out: failure(10), ..PeerHistory::default() };
        assert_eq!(failing_since(&history, true), Some(at(10)));
        history.last_success_in = Some(at(11));
        assert_eq!(failing_since(&history, true), None);
        // X.400 over TCP has each way by itself.
        assert_eq!(failing_since(&history, false), Some(at(10)));
        history.last_success_out = Some(at(12));
        assert_eq!(failing_since(&history, false), None);
        history.last_failure_in = failure(13);
        assert_eq!(failing_since(&history, true), Some(at(13)));
        assert_eq!(failing_since(&history, false), Some(at(13)));
    }
}

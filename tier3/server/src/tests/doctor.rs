//! What the doctor is told of the past: by a server that rests or was started again, and of a neighbour that is down.

use std::sync::Arc;

use admin::Operations;
use config::Config;
use diagnosis::{Role, ServerFacts, Snapshot, diagnose};
use event::Layer;
use event::build::{self, BindFailed, Codes, SecurityViolation};
use jiff::Timestamp;
use mta::LastError;
use mta::rpc_interface::INTERFACE;
use probe::{Road, check_road};
use tempfile::TempDir;

use super::fixture::*;
use crate::node::Node;
use crate::operations::Offline;
use crate::peer_state::Failure;
use crate::runtime::build_node;

/// EAST and its store, without listeners.
fn east(folder: &TempDir, peer_port: u16) -> (Config, Arc<Node>) {
    let config = configuration(folder.path(), "EAST", 1, &[("WEST", peer_port)]);
    let (node, _) = build_node(&config).unwrap();
    (config, node)
}

fn failure(code: u32, layer: Layer, text: &str) -> Failure {
    let error =
        LastError { code, comms: code, bind: 0, layer: layer.to_string(), text: text.to_owned() };
    Failure { time: Timestamp::now(), error, protocol_string: "127.0.0.1:40000".to_owned() }
}

/// EAST refuses WEST: what a refusal leaves behind.
fn refuse_west(node: &Node) {
    let text = "the password is wrong";
    node.histories.update("WEST", |history| {
        history.last_failure_in = Some(failure(1326, Layer::Authentication, text));
    });
    node.log(build::security_violation(&SecurityViolation {
        user: account_of("WEST").to_string(),
        code: 1326,
        reason: text.to_owned(),
        peer: Some("WEST".to_owned()),
        step: Some("authentication".to_owned()),
        layer: Some(Layer::Authentication),
        ..SecurityViolation::default()
    }));
}

/// What is read of a server that rests, as the doctor on its machine reads it.
async fn resting(config: &Config) -> ServerFacts {
    let offline = Offline::open(config.clone()).unwrap();
    ServerFacts { role: Role::Local, reachable: false, ..offline.facts().await.unwrap() }
}

fn snapshot(local: ServerFacts, checks: Vec<diagnosis::ProbeFact>) -> Snapshot {
    let unread = |name: &str, host: &str| ServerFacts {
        name: name.to_owned(),
        host_name: host.to_owned(),
        role: Role::Unread,
        ..ServerFacts::default()
    };
    let west = unread("WEST", "west.demo.test");
    Snapshot {
        now: Timestamp::now(),
        local: local.name.clone(),
        servers: vec![local, west],
        checks,
    }
}

#[tokio::test]
async fn a_resting_server_knows_that_a_denial_was_cured() {
    let folder = TempDir::new().unwrap();
    let (config, node) = east(&folder, 1);
    refuse_west(&node);
    drop(node);
    let answer = diagnose(&snapshot(resting(&config).await, Vec::new()));
    assert_eq!(answer.first().unwrap().cause.slug(), "service-account-password-mismatch");

    let (_, node) = east(&folder, 1);
    let refused = node.histories.get("WEST").last_failure_in;
    assert_eq!(refused.unwrap().error.code, 1326, "a started server remembers");
    let now = Timestamp::now();
    node.histories.update("west", |history| history.last_success_in = Some(now));
    drop(node);
    let facts = resting(&config).await;
    assert_eq!(facts.peers[0].last_success_in, Some(now));
    assert_eq!(facts.peers[0].last_failure_in.as_ref().unwrap().code, 1326);
    assert!(diagnose(&snapshot(facts, Vec::new())).is_healthy());
}

#[tokio::test]
async fn a_history_that_cannot_be_read_is_forgotten_and_kept_again() {
    let folder = TempDir::new().unwrap();
    let (config, node) = east(&folder, 1);
    let store = node.queue.store().clone();
    store.put_peer("WEST", b"{\"last_success_out\":7}").unwrap();
    store.put_peer("GONE", b"{}").unwrap();
    drop((store, node));
    let (_, node) = east(&folder, 1);
    assert_eq!(node.histories.get("WEST"), crate::peer_state::PeerHistory::default());
    let now = Timestamp::now();
    node.histories.update("WEST", |history| history.last_success_out = Some(now));
    drop(node);
    let facts = resting(&config).await;
    assert_eq!(facts.peers.len(), 1, "what is no peer any more is not shown");
    assert_eq!(facts.peers[0].last_success_out, Some(now));
}

/// The neighbour is down, an old denial stands in the log, mail flowed since: with what was remembered the silence
/// is the cause and not the denial.
#[tokio::test]
async fn a_neighbour_that_is_down_is_told_from_one_that_denied_once() {
    let folder = TempDir::new().unwrap();
    let (listener, closed) = listener().await;
    drop(listener);
    let (_, node) = east(&folder, closed);
    refuse_west(&node);
    let codes = Codes::own(5);
    node.log(build::bind_failed(&BindFailed {
        codes,
        remote_server: "WEST".to_owned(),
        layer: Some(Layer::Authentication),
        ..BindFailed::default()
    }));
    node.histories.update("WEST", |history| {
        history.last_failure_out = Some(failure(5, Layer::Authentication, "denied"));
    });
    let now = Timestamp::now();
    node.histories.update("WEST", |history| {
        (history.last_success_out, history.last_success_in) = (Some(now), Some(now));
    });
    let (dialer, peer) = (node.dialer(), node.config().peers[0].clone());
    let mut checks = Vec::new();
    for host in [&peer.host, &peer.bind_back] {
        let road = Road { from: "EAST", host, mapper_port: closed, interface: INTERFACE };
        checks.extend(check_road(&dialer, &road, false).await);
    }
    let config = node.config();
    drop(node);

    let facts = ServerFacts { reachable: true, ..resting(&config).await };
    let answer = diagnose(&snapshot(facts.clone(), checks.clone()));
    assert_eq!(answer.first().unwrap().cause.slug(), "remote-server-unreachable");
    assert!(!answer.undecided);

    let mut forgetful = facts;
    forgetful.peers[0].last_success_out = None;
    forgetful.peers[0].last_success_in = None;
    let answer = diagnose(&snapshot(forgetful, checks));
    let first = answer.first().unwrap().cause;
    assert!(answer.undecided || first.slug() != "remote-server-unreachable", "{first:?}");
}

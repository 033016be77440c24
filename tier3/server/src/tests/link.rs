//! Two servers that call each other.

use std::sync::Arc;

use dcerpc::AuthLevel;
use jiff::Timestamp;
use mixer::{SmtpOriginator, SmtpRecipient};
use mta::{Direction, State};

use super::fixture::*;
use crate::link::run_peer;
use crate::node::Node;
use crate::{local_delivery, settings};

/// Two servers that are each other's peer; nobody calls yet.
async fn pair() -> (Server, Server) {
    let (for_east, for_west) = (listener().await, listener().await);
    let (east_port, west_port) = (for_east.1, for_west.1);
    let east = Server::start("EAST", for_east, &[("WEST", west_port)]).await;
    let west = Server::start("WEST", for_west, &[("EAST", east_port)]).await;
    (east, west)
}

fn call(node: &Arc<Node>, peer: &str) {
    tokio::spawn(run_peer(Arc::clone(node), peer.to_owned()));
    node.wake_peer(peer);
}

fn open_rows(node: &Node) -> Vec<Direction> {
    let ltab = node.ltab();
    let open = ltab.rows().filter(|row| row.state == State::Open);
    open.map(|row| row.direction).collect()
}

/// Anna of EAST writes to Anna of WEST.
async fn submit(node: &Node) {
    let now = Timestamp::now();
    let table = node.routes();
    let submission = mta::Submission {
        originator: SmtpOriginator {
            reverse_path: "anna@east.demo.test".to_owned(),
            ..SmtpOriginator::default()
        },
        recipients: vec![SmtpRecipient {
            address: "anna@west.demo.test".to_owned(),
            ..SmtpRecipient::default()
        }],
        content: b"Subject: across\r\n\r\nbody\r\n".to_vec(),
        added: 0,
        submitted: now,
        routes: node.router(&table),
    };
    let life = |priority| node.queue.expires(priority, now);
    let id = node.queue.next_id();
    let site = settings::site(&node.config());
    let entry = mta::from_submission(&site, id, submission, life).unwrap();
    node.queue.accept(entry).await.unwrap();
}

#[tokio::test]
async fn mail_crosses_and_both_sides_remember() {
    let (east, west) = pair().await;
    let now = Timestamp::now();
    submit(&east.node).await;

    tokio::spawn(local_delivery::run(Arc::clone(&west.node)));
    call(&east.node, "WEST");
    let inbox = west.node.config().mail.maildir.join("anna").join("new");
    let mail = until(|| std::fs::read_dir(&inbox).ok()?.next()).await.unwrap();
    let octets = std::fs::read(mail.path()).unwrap();
    assert!(octets.ends_with(b"Subject: across\r\n\r\nbody\r\n"));
    until(|| east.node.queue.view(|queue, _| queue.is_empty()).then_some(())).await;
    assert_eq!(open_rows(&east.node), [Direction::Out]);
    assert_eq!(open_rows(&west.node), [Direction::In]);
    assert!(east.node.histories.get("WEST").last_success_out.is_some_and(|at| at >= now));
    assert!(west.node.histories.get("EAST").last_success_in.is_some_and(|at| at >= now));

    // A stop takes leave in order.
    east.node.stop();
    until(|| open_rows(&west.node).is_empty().then_some(())).await;
    let closed = |node: &Node| node.ltab().rows().all(|row| row.state == State::Closed);
    until(|| closed(&east.node).then_some(())).await;
    until(|| closed(&west.node).then_some(())).await;
}

#[tokio::test]
async fn both_may_call_at_the_same_time() {
    let (east, west) = pair().await;
    call(&east.node, "WEST");
    call(&west.node, "EAST");
    for server in [&east, &west] {
        until(|| (open_rows(&server.node).len() == 2).then_some(())).await;
    }
}

/// 9322 and 9318 as the table of the published interface has them: EAST refuses WEST's account at the bind-back.
///
/// Claims: 5, 6, 8.
#[tokio::test]
async fn a_refused_bind_back_is_told_on_both_sides() {
    let (mut east, mut west) = pair().await;
    let off = |account: &mut identity::Account| account.enabled = false;
    east.node.accounts.change(&account_of("WEST"), Vec::new(), off).unwrap();
    call(&east.node, "WEST");
    let mut seen = Vec::new();
    while seen.len() < 3 {
        let event = tokio::select! {
            event = east.events.recv() => event.unwrap(),
            event = west.events.recv() => event.unwrap(),
        };
        use event::id::{BIND_BACK_FAILED, BIND_FAILED, SECURITY_VIOLATION};
        if [BIND_BACK_FAILED, BIND_FAILED, SECURITY_VIOLATION].contains(&event.id) {
            let codes = (event.code().unwrap(), event.comms(), event.bind());
            seen.push((event.server.clone(), event.id, codes.0, codes.1, codes.2));
        }
    }
    seen.sort();
    let expected = [
        ("EAST".to_owned(), 9297, 1331, None, None),
        ("EAST".to_owned(), 9318, 5, Some(5), Some(5)),
        ("WEST".to_owned(), 9322, 5, Some(5), Some(0)),
    ];
    assert_eq!(seen, expected);
    assert!(east.node.expected().is_empty(), "nobody waits for that bind-back any more");
}

#[tokio::test]
async fn a_password_file_that_cannot_be_read_is_told() {
    let (mut east, west) = pair().await;
    std::fs::remove_file(&east.node.config().rpc.password_file).unwrap();
    call(&east.node, "WEST");
    let event = tokio::time::timeout(PATIENCE, east.events.recv()).await.unwrap().unwrap();
    assert_eq!(event.id, event::id::CONNECTION_NOT_OPENED);
    let detail = event.word("detail").unwrap();
    assert!(detail.contains("service.password"), "{detail}");
    assert_eq!(west.node.ltab().rows().count(), 0, "nothing was sent");
    // As a called server it cannot prove itself either.
    let client = east.dial(&account_of("WEST"), AuthLevel::Privacy).await;
    let binding = format!("ncacn_ip_tcp:west-rpc.demo.test[{}]", west.mapper_port);
    let answer = call_bind(&client, &bind("WEST", &binding)).await.unwrap();
    assert_eq!((answer.status, answer.bind_status), (1825, 1825));
}

/// The account of a caller is checked at each transfer: one that was revoked delivers nothing more, and nothing is lost.
#[tokio::test]
async fn a_revoked_account_ends_the_association_that_stands() {
    let (east, mut west) = pair().await;
    tokio::spawn(local_delivery::run(Arc::clone(&west.node)));
    submit(&east.node).await;
    call(&east.node, "WEST");
    let inbox = west.node.config().mail.maildir.join("anna").join("new");
    let arrived = || std::fs::read_dir(&inbox).map_or(0, Iterator::count);
    until(|| (arrived() == 1).then_some(())).await;
    until(|| east.node.queue.view(|queue, _| queue.is_empty()).then_some(())).await;
    west.refusals();

    let account = west.node.accounts.find(&account_of("EAST")).unwrap();
    west.node.directory.set_service_role("a test", &account.sid, false).unwrap();
    submit(&east.node).await;
    until(|| (!west.refusals().is_empty()).then_some(())).await;
    until(|| open_rows(&west.node).is_empty().then_some(())).await;
    assert_eq!(arrived(), 1, "it is not taken");
    assert!(!east.node.queue.view(|queue, _| queue.is_empty()), "it is kept");

    west.node.directory.set_service_role("a test", &account.sid, true).unwrap();
    east.node.wake_peer("WEST");
    until(|| (arrived() == 2).then_some(())).await;
}

/// Nobody sends anything: the association of an account that is disabled ends all the same, and comes back with the account.
#[tokio::test]
async fn an_idle_association_ends_with_its_account() {
    let (east, mut west) = pair().await;
    call(&east.node, "WEST");
    until(|| (!open_rows(&west.node).is_empty()).then_some(())).await;
    west.node.wake_all_peers();
    let off = |account: &mut identity::Account| account.enabled = false;
    west.node.accounts.change(&account_of("EAST"), Vec::new(), off).unwrap();
    west.node.wake_all_peers();
    until(|| open_rows(&west.node).is_empty().then_some(())).await;
    assert_eq!(west.refusals(), ["account-state"], "a change that takes nothing away ends nothing");
    let west = &west.node;
    let on = |account: &mut identity::Account| account.enabled = true;
    west.accounts.change(&account_of("EAST"), Vec::new(), on).unwrap();
    call(&east.node, "WEST");
    until(|| (!open_rows(west).is_empty()).then_some(())).await;
}

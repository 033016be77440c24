//! One connection of one next hop: opened, used while there is mail, closed.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use config::{ConnectorKind, SmtpConnector};
use queue::{NextHop, Outcome, Work};
use x400::MtsUserType;

use super::connection::{Connection, OpenError};
use super::pool::Destination;
use super::{outcome, parcel};
use crate::blocking::blocking;
use crate::node::Node;
use crate::reroute;
use crate::{outbound, reporting};

/// Connections that a next hop may have at once.
pub(super) fn limit(node: &Node, hop: &NextHop) -> usize {
    connector(node, hop).map_or(1, |(_, connector)| connector.max_associations)
}

/// The connector of a next hop, and the domain where it serves one.
fn connector(node: &Node, hop: &NextHop) -> Option<(Option<String>, SmtpConnector)> {
    let (name, domain) = match hop {
        NextHop::Connector(name) => (name, None),
        NextHop::Domain { connector, domain } => (connector, Some(domain.clone())),
        NextHop::Local | NextHop::Peer(_) => return None,
    };
    match &node.config().connector(name)?.kind {
        ConnectorKind::Smtp(smtp) => Some((domain, smtp.clone())),
        ConnectorKind::Site { .. } => None,
    }
}

/// Serves a next hop with one connection until there is no more mail for it.
pub(super) async fn run(node: &Arc<Node>, destination: &Destination) {
    let hop = &destination.hop;
    let Some((domain, smtp)) = connector(node, hop) else {
        node.queue.hop_failed(hop, "its connector is not in the configuration any more");
        destination.failing.store(true, Ordering::Release);
        reroute::after_failure(node, hop).await;
        return;
    };
    if node.queue.view(|queue, _| queue.closed(hop)).is_some() {
        // It closed between the call and this; it is told again when it opens.
        return;
    }
    let opened = tokio::select! {
        opened = Connection::open(node, &smtp, domain.as_deref()) => opened,
        () = node.stopped() => return,
    };
    match opened {
        Ok(connection) => {
            if destination.failing.swap(false, Ordering::AcqRel) {
                node.queue.hop_up(hop);
            }
            serve(node, destination, &smtp, connection).await;
            // Whatever is left, or comes from now on, is told again.
            node.queue.hop_closed(hop);
        }
        Err(OpenError::Temporary(error)) => {
            metrics::counter!("bindback_smtp_out_connections_total", "result" => "failed")
                .increment(1);
            // While another connection stands this one was only one too many.
            if destination.workers.load(Ordering::Acquire) <= 1 {
                node.queue.hop_failed(hop, &error);
                destination.failing.store(true, Ordering::Release);
                reroute::after_failure(node, hop).await;
            }
        }
        Err(OpenError::Permanent { diagnostic, error }) => {
            fail_all(node, hop, diagnostic, &error);
        }
    }
}

/// What waits for a destination that takes no mail comes back.
fn fail_all(node: &Node, hop: &NextHop, diagnostic: x400::DiagnosticCode, error: &str) {
    while let Some(work) = node.queue.take(hop) {
        let outcome = Outcome::Fail {
            reason: x400::ReasonCode::UNABLE_TO_TRANSFER.0,
            diagnostic: Some(diagnostic.0),
            error: error.to_owned(),
        };
        let results = work.recipients.iter().map(|number| (*number, outcome.clone())).collect();
        node.queue.complete(work.id, results);
    }
}

async fn serve(
    node: &Arc<Node>,
    destination: &Destination,
    smtp: &SmtpConnector,
    mut connection: Connection,
) {
    metrics::counter!("bindback_smtp_out_connections_total", "result" => "opened").increment(1);
    let hop = &destination.hop;
    let mut carried = 0;
    while connection.is_ready()
        && carried < smtp.messages_per_dialogue
        && !node.is_stopping()
        && node.queue.view(|queue, _| queue.closed(hop)).is_none()
    {
        let Some(work) = node.queue.take(hop) else {
            if idle(node, destination, smtp, &mut connection).await {
                continue;
            }
            break;
        };
        // More than the connections at hand can take soon: one more is opened, up to the limit.
        let workers = destination.workers.load(Ordering::Acquire);
        if node.queue.view(|queue, _| queue.backlog(hop)) > workers {
            node.queue.want_outgoing(hop);
        }
        carry(node, &mut connection, work).await;
        carried += 1;
    }
    connection.close().await;
}

/// Waits for mail; false when it is time to close.
async fn idle(
    node: &Node,
    destination: &Destination,
    smtp: &SmtpConnector,
    connection: &mut Connection,
) -> bool {
    destination.idle.fetch_add(1, Ordering::AcqRel);
    let more = tokio::select! {
        () = destination.bell.notified() => true,
        () = connection.disturbed() => false,
        () = tokio::time::sleep(smtp.idle) => false,
        () = node.stopped() => false,
    };
    destination.idle.fetch_sub(1, Ordering::AcqRel);
    more
}

async fn carry(node: &Arc<Node>, connection: &mut Connection, work: Work) {
    let id = work.id;
    let results = match read(node, &work).await {
        Ok(Some(parcel)) => {
            let mut results = Vec::new();
            let mut relayed = Vec::new();
            if parcel.is_probe() {
                relayed.clone_from(&work.recipients);
                results.extend(work.recipients.iter().map(|number| (*number, Outcome::Done)));
            }
            for (numbers, transaction) in parcel.transactions {
                let settled = connection.transact_if_ready(transaction).await;
                if settled.in_doubt {
                    metrics::counter!("bindback_smtp_out_in_doubt_total").increment(1);
                }
                let host = &connection.host;
                let outcomes = settled.replies.iter().map(|reply| outcome::of(host, reply));
                let outcomes: Vec<_> = numbers.into_iter().zip(outcomes).collect();
                if settled.dsn_lost {
                    let sent = outcomes.iter().filter(|(_, outcome)| *outcome == Outcome::Done);
                    relayed.extend(sent.map(|(number, _)| *number));
                }
                results.extend(outcomes);
            }
            // RFC 3461 5.2.2: the next server reports nothing, so this one says that it was passed on.
            let subject = parcel.opened.as_ref().map(|opened| &opened.subject);
            for number in relayed {
                reporting::report_delivery(node, subject, (number, MtsUserType::OTHER)).await;
            }
            results
        }
        Ok(None) => work.recipients.iter().map(|number| (*number, Outcome::Done)).collect(),
        Err(outcome) => work.recipients.iter().map(|number| (*number, outcome.clone())).collect(),
    };
    count(&results);
    if results.iter().any(|(_, outcome)| *outcome == Outcome::Done) {
        outbound::note_sent(node, &work);
    }
    node.queue.complete(id, results);
}

/// `None` when the message is gone.
async fn read(node: &Arc<Node>, work: &Work) -> Result<Option<parcel::Parcel>, Outcome> {
    // As a rule it was accepted a moment ago: nothing is read then, and no other thread is asked.
    if let Some(opened) = node.queue.opened(work.id) {
        return parcel::of_message(opened, work).map(Some);
    }
    let Some(record) = node.queue.record(work.id) else { return Ok(None) };
    let (node, work) = (Arc::clone(node), work.clone());
    blocking(move || parcel::read(&node, &work, &record)).await.map(Some)
}

fn count(results: &[(u32, Outcome)]) {
    for (_, outcome) in results {
        let result = match outcome {
            Outcome::Done => "sent",
            Outcome::Retry { .. } => "deferred",
            Outcome::Fail { .. } => "failed",
        };
        metrics::counter!("bindback_smtp_out_recipients_total", "result" => result).increment(1);
    }
}

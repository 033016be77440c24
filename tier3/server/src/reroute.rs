//! Another way for mail whose way failed.

use std::sync::Arc;

use queue::{Kind, MessageFilter, MessageView, NextHop};
use routing::{Outlet, Request};
use x400::MessageTransferEnvelope;

use crate::blocking::blocking;
use crate::node::Node;
use crate::route_table::next_hop;

/// Messages that one failure looks at; what is left is looked at after the next.
const MAX_MESSAGES: usize = 10_000;

/// A next hop failed: each message that waits for it and has another way takes that one.
///
/// The choice is made anew with one more try of the failed way counted, so that a message goes to and fro between ways
/// that all fail, and comes back to the cheapest.
pub async fn after_failure(node: &Arc<Node>, hop: &NextHop) {
    let Some(link) = link_of(node, hop) else { return };
    let (node, hop) = (Arc::clone(node), hop.clone());
    blocking(move || reroute(&node, &hop, &link)).await;
}

/// The name of the way that a next hop belongs to; `None` where there is no other.
fn link_of(node: &Node, hop: &NextHop) -> Option<String> {
    let table = node.routes();
    if table.links().len() < 2 {
        return None;
    }
    let found = table.links().iter().find(|link| match hop {
        NextHop::Local => false,
        NextHop::Peer(name) => {
            matches!(
                &link.outlet,
                Outlet::Peer(mta) | Outlet::Mta(mta) if mta.eq_ignore_ascii_case(name)
            )
        }
        NextHop::Connector(name) | NextHop::Domain { connector: name, .. } => {
            link.name.eq_ignore_ascii_case(name)
        }
    });
    found.map(|link| link.name.clone())
}

fn reroute(node: &Node, hop: &NextHop, link: &str) {
    let filter = MessageFilter {
        next_hop: Some(hop.clone()),
        limit: Some(MAX_MESSAGES),
        ..MessageFilter::default()
    };
    // What cannot be read stays where it is.
    for message in node.queue.messages(&filter).unwrap_or_default() {
        reroute_message(node, hop, link, &message);
    }
}

fn reroute_message(node: &Node, hop: &NextHop, link: &str, message: &MessageView) {
    let came_by = came_by(node, message);
    let table = node.routes();
    for recipient in message.recipients.iter().filter(|one| one.next_hop == *hop) {
        let tries = node.queue.note_try(message.id, recipient.number, link);
        let choice = node.router(&table).choose(&Request {
            address: &recipient.address,
            sender: Some(&message.from),
            size: Some(message.size),
            recipients: None,
            is_system: message.kind == Kind::Report,
            came_by: came_by.as_deref(),
            tries: &tries,
        });
        if let Some(other) = next_hop(&choice.route).filter(|other| other != hop) {
            metrics::counter!("bindback_rerouted_total").increment(1);
            node.queue.reroute(message.id, recipient.number, other);
        }
    }
}

/// The peer that a message came from, as its trace tells.
fn came_by(node: &Node, message: &MessageView) -> Option<String> {
    if message.kind == Kind::Report {
        return None;
    }
    let envelope = node.queue.store().envelope(message.id).ok()??;
    mta::came_by(&MessageTransferEnvelope::decode(&envelope).ok()?)
}

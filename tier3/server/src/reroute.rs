//! Another way for mail whose way failed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use queue::{Kind, MessageFilter, MessageId, MessageView, NextHop, Work};
use routing::{Choice, Outlet, Request};

use crate::blocking::blocking;
use crate::node::Node;
use crate::route_table::next_hop;

/// Messages that one failure looks at, a window of the queue: the next failure, some seconds later, goes on behind them.
pub(crate) const MAX_MESSAGES: usize = 500;

/// How far the mail of each failing next hop was looked at: the last message that has no other way.
///
/// Without it mail that has none would stand before the rest for ever, and be read again at each failure.
#[derive(Debug, Default)]
pub struct Rounds(Mutex<HashMap<NextHop, MessageId>>);

impl Rounds {
    fn lock(&self) -> MutexGuard<'_, HashMap<NextHop, MessageId>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A next hop failed: each message that waits for it and has another way takes that one, [`MAX_MESSAGES`] at a time.
///
/// The choice is made anew with one more try of the failed way counted, so that a message goes to and fro between ways
/// that all fail, and comes back to the cheapest.
pub async fn after_failure(node: &Arc<Node>, hop: &NextHop) {
    let Some(link) = link_of(node, hop) else { return };
    let (node, hop) = (Arc::clone(node), hop.clone());
    blocking(move || reroute(&node, &hop, &link)).await;
}

/// Where a message was tried in vain before it goes this way: the MTA's name, or that of the connector to it.
pub(crate) fn attempted(node: &Node, work: &Work, hop: &NextHop) -> Option<String> {
    let tried = node.queue.tried(work.id, &work.recipients);
    if tried.is_empty() {
        return None;
    }
    let own = link_of(node, hop);
    let other = tried.into_iter().rev().find(|name| Some(name) != own.as_ref())?;
    let table = node.routes();
    let link = table.links().iter().find(|link| link.name == other);
    Some(match link.map(|link| &link.outlet) {
        Some(Outlet::Peer(mta) | Outlet::Mta(mta)) => mta.clone(),
        _ => other,
    })
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

/// Looks at the next messages of a hop; how many were read.
pub(crate) fn reroute(node: &Node, hop: &NextHop, link: &str) -> usize {
    let after = node.reroutes.lock().get(hop).copied();
    let filter = MessageFilter {
        next_hop: Some(hop.clone()),
        after,
        limit: Some(MAX_MESSAGES),
        ..MessageFilter::default()
    };
    // What cannot be read stays where it is.
    let messages = node.queue.messages(&filter).unwrap_or_default();
    let ended = messages.len() < MAX_MESSAGES;
    let stays = |message: &&MessageView| !reroute_message(node, hop, link, message);
    // All are looked at; the last one that stays is where the next round begins.
    let last = messages.iter().filter(stays).last().map(|message| message.id);
    let mut rounds = node.reroutes.lock();
    match last.or(after).filter(|_| !ended) {
        Some(last) => rounds.insert(hop.clone(), last),
        None => rounds.remove(hop),
    };
    messages.len()
}

/// Whether nothing of the message is left for this hop.
fn reroute_message(node: &Node, hop: &NextHop, link: &str, message: &MessageView) -> bool {
    let table = node.routes();
    let mut came = None;
    let mut all = true;
    for recipient in message.recipients.iter().filter(|one| one.next_hop == *hop) {
        let tries = node.queue.note_try(message.id, recipient.number, link);
        let choose = |came_by: Option<&str>| -> Choice {
            node.router(&table).choose(&Request {
                address: &recipient.address,
                sender: Some(&message.from),
                size: Some(message.size),
                recipients: None,
                is_system: message.kind == Kind::Report,
                came_by,
                tries: &tries,
            })
        };
        let other = |choice: &Choice| next_hop(&choice.route).filter(|other| other != hop);
        // Where it came from only takes ways away: the envelope is read for mail that has another one.
        let other = other(&choose(None)).and_then(|_| {
            let came_by = came.get_or_insert_with(|| came_by(node, message));
            other(&choose(came_by.as_deref()))
        });
        match other {
            Some(other) => {
                metrics::counter!("bindback_rerouted_total").increment(1);
                node.queue.reroute(message.id, recipient.number, other);
            }
            None => all = false,
        }
    }
    all
}

/// The peer that a message came from, as its trace tells.
fn came_by(node: &Node, message: &MessageView) -> Option<String> {
    if message.kind == Kind::Report {
        return None;
    }
    mta::came_by(&node.queue.open_message(message.id).ok()?.subject.envelope)
}

//! The next hops that an operator may name, and how each is called.

use std::collections::BTreeMap;

use admin::OperationError;
use config::{Config, ConnectorKind};
use queue::{HopState, NextHop};

use crate::mail_queue::MailQueue;

/// The next hop of recipients on this server.
const LOCAL: &str = "local";

/// Names that an error lists; behind a connector without a smart host there may be thousands.
const MAX_NAMES: usize = 20;

/// A next hop as operators call it: `local`, the MTA name of a peer, the name of a connector, or a
/// mail domain and its connector as `domain/connector`.
pub fn hop_name(hop: &NextHop) -> String {
    match hop {
        NextHop::Local => LOCAL.to_owned(),
        NextHop::Peer(name) | NextHop::Connector(name) => name.clone(),
        NextHop::Domain { connector, domain } => format!("{domain}/{connector}"),
    }
}

/// The next hop that an operator means, in any case of letters.
///
/// # Errors
/// `NotFound` where no next hop is called so; the text names those that there are.
pub fn next_hop(queue: &MailQueue, config: &Config, text: &str) -> Result<NextHop, OperationError> {
    let known = known(queue, config);
    if let Some((_, hop)) = known.iter().find(|(name, _)| name.eq_ignore_ascii_case(text)) {
        return Ok(hop.clone());
    }
    let names: Vec<&str> = known.keys().map(String::as_str).take(MAX_NAMES).collect();
    let more = known.len().saturating_sub(names.len());
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    Err(OperationError::NotFound(format!(
        "{text:?} is no next hop of {}; there are {}{more}",
        config.server.name,
        names.join(", ")
    )))
}

/// Those that the configuration names, and those that have mail or are held.
fn known(queue: &MailQueue, config: &Config) -> BTreeMap<String, NextHop> {
    let peers = config.peers.iter().map(|peer| &peer.name);
    let peers = peers.chain(config.x400.iter().map(|connector| &connector.name));
    // One that finds a way for each domain has no mail of its own, one of kind site is its peer's.
    let connectors = config
        .connectors
        .iter()
        .filter(|one| matches!(&one.kind, ConnectorKind::Smtp(smtp) if !smtp.hosts.is_empty()));
    let configured = std::iter::once(NextHop::Local)
        .chain(peers.cloned().map(NextHop::Peer))
        .chain(connectors.map(|one| NextHop::Connector(one.name.clone())));
    let hops = queue.view(|queue, now| queue.hops(now)).into_iter();
    let busy = hops.filter(|hop| hop.messages > 0 || hop.state == HopState::Held);
    let all = configured.chain(busy.map(|hop| hop.next_hop));
    all.map(|hop| (hop_name(&hop), hop)).collect()
}

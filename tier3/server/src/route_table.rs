//! The routing table that the configuration describes, and what is known of its ways.

use config::{Config, ConnectorKind, Mailboxes};
use queue::NextHop;
use routing::{
    Activation, Domains, Link, LinkStates, Outlet, Restrictions, Route, Table, TableError,
};

use crate::mail_queue::MailQueue;
use crate::recipients::Recipients;

/// Builds the table: own domains first, then every peer's, then the connectors; `recipients` have further addresses.
///
/// # Errors
/// Two holders claim one domain, or two ways out have one name.
pub fn build(config: &Config, recipients: &Recipients) -> Result<Table, TableError> {
    let mut table = Table::default();
    for (address, name) in recipients.aliases() {
        table.add_alias(address, name);
    }
    let mailboxes = match &config.mail.mailboxes {
        Mailboxes::Any => None,
        Mailboxes::Only(names) => {
            let mut names = names.clone();
            // RFC 5321 4.5.1: postmaster is always there.
            names.insert("postmaster".to_owned());
            Some(names)
        }
    };
    for domain in &config.mail.domains {
        table.insert(domain, Domains::Local { mailboxes: mailboxes.clone() })?;
    }
    for peer in &config.peers {
        for domain in &peer.domains {
            table.insert(domain, Domains::Peer { name: peer.name.clone() })?;
        }
    }
    for connector in &config.connectors {
        table.add_link(Link {
            name: connector.name.clone(),
            outlet: match &connector.kind {
                ConnectorKind::Smtp(smtp) if smtp.hosts.is_empty() => Outlet::Domains,
                ConnectorKind::Smtp(_) => Outlet::Connector,
                // As the peer's own table spells it: the queue is called by it.
                ConnectorKind::Site { peer } => Outlet::Peer(
                    config.peer(peer).map_or_else(|| peer.clone(), |peer| peer.name.clone()),
                ),
            },
            spaces: connector.address_spaces.clone(),
            restrictions: connector.restrictions.clone(),
            max_open_retries: connector.open_retries,
            inside: false,
        })?;
    }
    for connector in &config.x400 {
        for domain in &connector.domains {
            table.insert(domain, Domains::Peer { name: connector.name.clone() })?;
        }
        if connector.address_spaces.is_empty() {
            continue;
        }
        table.add_link(Link {
            name: connector.name.clone(),
            outlet: Outlet::Mta(connector.name.clone()),
            spaces: connector.address_spaces.clone(),
            restrictions: Restrictions::default(),
            // The queue counts them for the whole link, and gives up what waits for it.
            max_open_retries: None,
            inside: false,
        })?;
    }
    Ok(table)
}

/// What the queue knows of the ways.
impl LinkStates for MailQueue {
    fn activation(&self, link: &str) -> Activation {
        // Every kind of hop belongs to the link of that name; that of an X.400 MTA is a peer to the queue.
        let hops = [NextHop::Connector(link.to_owned()), NextHop::Peer(link.to_owned())];
        match self.view(|queue, _| hops.iter().find_map(|hop| queue.closed(hop))) {
            None => Activation::Now,
            Some(Some(_)) => Activation::Later,
            Some(None) => Activation::Never,
        }
    }

    fn is_waiting(&self, hop: &Route) -> bool {
        next_hop(hop).is_some_and(|hop| self.view(|queue, _| queue.is_waiting(&hop)))
    }
}

/// The queue's name of a route that leads out of this server.
pub fn next_hop(route: &Route) -> Option<NextHop> {
    match route {
        Route::Peer { name } => Some(NextHop::Peer(name.clone())),
        Route::Connector { name, domain: None } => Some(NextHop::Connector(name.clone())),
        Route::Connector { name, domain: Some(domain) } => {
            Some(NextHop::Domain { connector: name.clone(), domain: domain.clone() })
        }
        _ => None,
    }
}

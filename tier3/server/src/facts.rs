//! What a server knows about itself, for the doctor. Nothing secret: of a password only where
//! it is kept.

use admin::OperationError;
use admin::api::EventQuery;
use config::Config;
use diagnosis::{
    AccountFacts, FailureFacts, LtabFacts, PeerFacts, QueueFacts, Role, ServerFacts, StoreTrouble,
};
use event::Event;
use jiff::Timestamp;
use mta::Row;
use store::Store;

use crate::account_table::AccountTable;
use crate::mail_queue::MailQueue;
use crate::peer_state::{Failure, PeerHistories, PeerHistory};

/// Events that a diagnosis gets to see: the newest.
const MAX_EVENTS: usize = 500;

/// What stands in the configuration; the peers are for [`of_peers`].
#[must_use]
pub fn of_config(config: &Config) -> ServerFacts {
    ServerFacts {
        name: config.server.name.clone(),
        reachable: false,
        role: Role::Local,
        config_path: Some(config.file.display().to_string()),
        host_name: config.server.host_name.clone(),
        bind_back_name: config.rpc.bind_back_name.clone(),
        service_account: config.rpc.account.to_string(),
        password_file: Some(config.rpc.password_file.display().to_string()),
        rpc: config.rpc.listen.to_string(),
        mapper_port: config.rpc.mapper_port,
        rpc_port: config.rpc.port,
        rpc_allow: config.rpc.allow.iter().map(ToString::to_string).collect(),
        hosts: config
            .hosts
            .iter()
            .map(|(name, to)| (name.clone(), to.iter().map(ToString::to_string).collect()))
            .collect(),
        ..ServerFacts::default()
    }
}

/// What is known of a server of which only the configuration can be read.
#[must_use]
pub fn known_facts(config: &Config) -> ServerFacts {
    let peers = config.peers.iter().map(|peer| of_peer(peer, &PeerHistory::default()));
    ServerFacts { role: Role::Unread, peers: peers.collect(), ..of_config(config) }
}

/// The configured peers, and how it went last with each.
#[must_use]
pub fn of_peers(config: &Config, histories: &PeerHistories) -> Vec<PeerFacts> {
    let facts = config.peers.iter().map(|peer| of_peer(peer, &histories.get(&peer.name)));
    facts.collect()
}

fn of_peer(peer: &config::Peer, history: &PeerHistory) -> PeerFacts {
    PeerFacts {
        name: peer.name.clone(),
        host: peer.host.clone(),
        bind_back: Some(peer.bind_back.clone()),
        mapper_port: peer.mapper_port,
        account: peer.account.to_string(),
        last_success_out: history.last_success_out,
        last_failure_out: history.last_failure_out.as_ref().map(of_failure),
        last_success_in: history.last_success_in,
        last_failure_in: history.last_failure_in.as_ref().map(of_failure),
    }
}

fn of_failure(failure: &Failure) -> FailureFacts {
    FailureFacts {
        time: failure.time,
        code: failure.error.code,
        comms: failure.error.comms,
        bind: failure.error.bind,
        layer: failure.error.layer.parse().ok(),
        text: failure.error.text.clone(),
        protocol_string: Some(failure.protocol_string.clone()),
    }
}

/// The accounts, without their verifiers.
#[must_use]
pub fn of_accounts(accounts: &AccountTable) -> Vec<AccountFacts> {
    let facts = accounts.list().into_iter().map(|account| AccountFacts {
        name: account.name.to_string(),
        enabled: account.enabled,
        roles: account.roles.iter().map(ToString::to_string).collect(),
        password_set: Timestamp::from_millisecond(account.password_set_ms).unwrap_or_default(),
    });
    facts.collect()
}

/// One row for each next hop.
#[must_use]
pub fn of_queues(queue: &MailQueue) -> Vec<QueueFacts> {
    let rows = crate::operations::queue_rows(queue);
    let facts = rows.into_iter().map(|row| QueueFacts {
        next_hop: row.next_hop,
        state: row.state,
        messages: row.messages,
        last_error: row.last_error,
    });
    facts.collect()
}

/// What keeps the store from taking mail.
#[must_use]
pub fn of_store(store: &Store) -> Option<StoreTrouble> {
    let trouble = store.trouble()?;
    Some(StoreTrouble { cause: trouble.cause.to_owned(), text: net::chain(&trouble.error) })
}

/// One row of the locality table.
#[must_use]
pub fn of_row(row: &Row) -> LtabFacts {
    LtabFacts {
        index: row.index,
        direction: row.direction.to_string(),
        peer: row.peer.clone(),
        state: row.state.to_string(),
    }
}

/// Events out of the store, oldest first.
///
/// # Errors
/// The store cannot be read.
pub fn stored_events(store: &Store, query: &EventQuery) -> Result<Vec<Event>, OperationError> {
    let asked = query.limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(MAX_EVENTS);
    // A query for one number looks through everything that is kept.
    let looked_at = if query.id.is_some() { usize::MAX } else { asked };
    let stored = store
        .events(query.since, looked_at)
        .map_err(|error| OperationError::Internal(error.to_string()))?;
    let mut events: Vec<Event> = stored
        .iter()
        .filter_map(|octets| serde_json::from_slice(octets).ok())
        .filter(|event| query.matches(event))
        .collect();
    let surplus = events.len().saturating_sub(asked);
    events.drain(..surplus);
    Ok(events)
}

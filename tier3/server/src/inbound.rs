//! From a peer's APDU to the queue: kept before it is confirmed, taken only once.

use std::sync::Arc;

use event::own;
use jiff::Timestamp;
use mta::{Entry, TransferError};
use store::StoreError;

use crate::blocking::blocking;
use crate::mail_queue::AcceptError;
use crate::node::Node;
use crate::{outbound, settings};

/// An APDU was not taken; the peer keeps it.
#[derive(Debug, thiserror::Error)]
pub enum InboundError {
    #[error("the transfer cannot be taken")]
    Transfer(#[from] TransferError),
    #[error("the transfer cannot be kept")]
    Accept(#[from] AcceptError),
    #[error("cannot read the store")]
    Store(#[from] StoreError),
    #[error("memory is short, no new mail is taken for now")]
    Memory,
}

impl InboundError {
    /// Whether the same APDU may be taken later: what is wrong lies here, not in it.
    #[must_use]
    pub const fn passes(&self) -> bool {
        match self {
            Self::Accept(_) | Self::Store(_) | Self::Memory => true,
            Self::Transfer(_) => false,
        }
    }
}

/// Takes an APDU that this peer hands over; returns once it is on disk.
///
/// # Errors
/// It cannot be read or kept.
pub async fn take(node: &Arc<Node>, from: &str, apdu: Vec<u8>) -> Result<(), InboundError> {
    if node.resources.memory_is_short() {
        return Err(InboundError::Memory);
    }
    let entry = {
        let (node, from) = (Arc::clone(node), from.to_owned());
        blocking(move || read(&node, &from, &apdu)).await?
    };
    let Some(entry) = entry else { return Ok(()) };
    let head = &entry.message;
    let (mts_id, length) = (head.mts_id.clone(), head.size);
    let (priority, kind) = (outbound::priority(head.priority), outbound::kind(head.kind));
    match node.queue.accept(entry).await {
        Ok(id) => {
            node.log(own::object_received(&own::Object {
                object: &id.to_string(),
                entity: from,
                entity_kind: "MTA",
                priority,
                kind,
                mts_id: &mts_id,
                length,
            }));
            Ok(())
        }
        Err(AcceptError::Repeated) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// The entry for the recipients that were not taken before; `None` when all were.
fn read(node: &Node, from: &str, apdu: &[u8]) -> Result<Option<Entry>, InboundError> {
    let config = node.config();
    let site = settings::site(&config);
    let id = node.queue.next_id();
    let table = node.routes();
    let routes = node.router(&table).came_by(from);
    let life = |priority, submitted| node.queue.expires(priority, submitted);
    let mut entry = mta::from_apdu(&site, id, apdu, Timestamp::now(), routes, life)?;
    // A part of the recipients may have been taken before: by another route, or before a
    // crash that came between keeping the message and confirming it.
    let taken = node.queue.taken(&entry.message.seen)?;
    if taken.iter().all(|taken| *taken) {
        return Ok(None);
    }
    let mut fresh = taken.iter().map(|taken| !taken);
    entry.message.recipients.retain(|_| fresh.next().unwrap_or(true));
    let mut fresh = taken.iter().map(|taken| !taken);
    entry.message.seen.retain(|_| fresh.next().unwrap_or(true));
    Ok(Some(entry))
}

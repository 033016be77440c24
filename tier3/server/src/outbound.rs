//! From the queue to a peer: the APDU of one piece of work.

use std::sync::Arc;

use queue::{Kind, MessageRecord, Work};
use store::Store;

use crate::node::Node;
use crate::processing::process;

/// Reads and encodes what is to be handed over.
///
/// # Errors
/// The store cannot be read, or what it holds; in words, for the queue.
pub async fn apdu(node: &Arc<Node>, work: &Work) -> Result<Vec<u8>, String> {
    let record = node.queue.record(work.id);
    let Some(record) = record else { return Err(format!("message {} is gone", work.id)) };
    let (store, work) = (node.queue.store().clone(), work.clone());
    let id = work.id;
    let read = process(node, id, "encoding", move || read(&store, &record, &work)).await;
    read.unwrap_or_else(|crashed| Err(crashed.0))
}

fn read(store: &Store, record: &MessageRecord, work: &Work) -> Result<Vec<u8>, String> {
    let envelope = store.envelope(work.id).map_err(|error| error.to_string())?;
    let Some(envelope) = envelope else {
        return Err(format!("the envelope of message {} is missing in the store", work.id));
    };
    let content = match record.head.kind {
        Kind::Report => Vec::new(),
        Kind::Message if x400::Probe::is_probe(&envelope) => Vec::new(),
        Kind::Message => store
            .content(work.id)
            .map_err(|error| error.to_string())?
            .ok_or_else(|| format!("the content of message {} is missing in the store", work.id))?,
    };
    mta::apdu(record.head.kind, &envelope, &content, &work.recipients)
        .map_err(|error| error.to_string())
}

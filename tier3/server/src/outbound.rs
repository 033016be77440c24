//! From the queue to a peer: the APDU of one piece of work.

use queue::{Kind, MessageRecord, Work};
use store::Store;

use crate::blocking::blocking;
use crate::node::Node;

/// Reads and encodes what is to be handed over.
///
/// # Errors
/// The store cannot be read, or what it holds; in words, for the queue.
pub async fn apdu(node: &Node, work: &Work) -> Result<Vec<u8>, String> {
    let record = node.queue.view(|queue, _| queue.record(work.id));
    let Some(record) = record else { return Err(format!("message {} is gone", work.id)) };
    let (store, work) = (node.queue.store().clone(), work.clone());
    blocking(move || read(&store, &record, &work)).await
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

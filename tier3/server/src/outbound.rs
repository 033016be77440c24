//! From the queue to a peer: the APDU of one piece of work.

use std::sync::Arc;

use queue::{Kind, MessageRecord, Work};

use crate::mail_queue::MailQueue;
use crate::node::Node;
use crate::processing::process;

/// Reads and encodes what is to be handed over.
///
/// # Errors
/// The store cannot be read, or what it holds; in words, for the queue.
pub async fn apdu(node: &Arc<Node>, work: &Work) -> Result<Vec<u8>, String> {
    let record = node.queue.record(work.id);
    let Some(record) = record else { return Err(format!("message {} is gone", work.id)) };
    let (queue, work) = (node.queue.clone(), work.clone());
    let id = work.id;
    let read = process(node, id, "encoding", move || read(&queue, &record, &work)).await;
    read.unwrap_or_else(|crashed| Err(crashed.0))
}

fn read(queue: &MailQueue, record: &MessageRecord, work: &Work) -> Result<Vec<u8>, String> {
    match record.head.kind {
        Kind::Message => {
            let opened = queue.open_message(work.id)?;
            Ok(mta::transfer(&opened.subject, &opened.content, &work.recipients))
        }
        // A report is stored as the APDU that it is.
        Kind::Report => {
            let envelope = queue.store().envelope(work.id).map_err(|error| error.to_string())?;
            envelope.ok_or_else(|| format!("report {} is missing in the store", work.id))
        }
    }
}

//! From the queue to a peer: the APDU of one piece of work.

use std::sync::Arc;

use queue::{Kind, MessageRecord, Work};

use crate::mail_queue::MailQueue;
use crate::node::Node;
use crate::processing::process;
use crate::reroute;

/// Reads and encodes what is to be handed over.
///
/// # Errors
/// The store cannot be read, or what it holds; in words, for the queue.
pub async fn apdu(node: &Arc<Node>, work: &Work) -> Result<Vec<u8>, String> {
    let record = node.queue.record(work.id);
    let Some(record) = record else { return Err(format!("message {} is gone", work.id)) };
    let own = record.recipients.iter().find(|one| work.recipients.contains(&one.number));
    let attempted = own.and_then(|one| reroute::attempted(node, work, &one.next_hop));
    let (queue, work) = (node.queue.clone(), work.clone());
    let id = work.id;
    let encode = move || read(&queue, &record, &work, attempted.as_deref());
    let read = process(node, id, "encoding", encode).await;
    read.unwrap_or_else(|crashed| Err(crashed.0))
}

fn read(
    queue: &MailQueue,
    record: &MessageRecord,
    work: &Work,
    attempted: Option<&str>,
) -> Result<Vec<u8>, String> {
    match record.head.kind {
        Kind::Message => {
            let opened = queue.open_message(work.id)?;
            let rerouted = attempted.map(|attempted| mta::rerouted(&opened.subject, attempted));
            let subject = rerouted.as_ref().unwrap_or(&opened.subject);
            Ok(mta::transfer(subject, &opened.content, &work.recipients))
        }
        // A report is stored as the APDU that it is.
        Kind::Report => {
            let envelope = queue.store().envelope(work.id).map_err(|error| error.to_string())?;
            envelope.ok_or_else(|| format!("report {} is missing in the store", work.id))
        }
    }
}

//! From the queue to a peer: the APDU of one piece of work.

use std::sync::Arc;

use config::{MailContent, X400};
use event::own;
use mixer::Edition;
use mta::Site;
use queue::{Kind, MessageRecord, NextHop, Priority, Work};

use crate::mail_queue::MailQueue;
use crate::node::Node;
use crate::operations::hop_name;
use crate::processing::process;
use crate::reroute;
use crate::settings;

/// In whose terms a mail is converted for a connector; `None` where it goes whole.
#[must_use]
pub fn conversion(connector: &X400, old: bool) -> Option<Edition> {
    match connector.content {
        MailContent::Rfc822 => None,
        MailContent::P22 if old => Some(Edition::Of1984),
        MailContent::P22 => Some(Edition::Of1988),
    }
}

/// Reads and encodes what is to be handed over, a mail converted where `edition` says so.
///
/// # Errors
/// The store cannot be read, or what it holds; in words, for the queue.
pub async fn apdu(
    node: &Arc<Node>,
    work: &Work,
    edition: Option<Edition>,
) -> Result<Vec<u8>, String> {
    let record = node.queue.record(work.id);
    let Some(record) = record else { return Err(format!("message {} is gone", work.id)) };
    let own = record.recipients.iter().find(|one| work.recipients.contains(&one.number));
    let attempted = own.and_then(|one| reroute::attempted(node, work, &one.next_hop));
    let (queue, work) = (node.queue.clone(), work.clone());
    let id = work.id;
    let site = edition.map(|edition| (settings::site(&node.config()), edition));
    let encode = move || read(&queue, &record, &work, attempted.as_deref(), site.as_ref());
    let read = process(node, id, "encoding", encode).await;
    read.unwrap_or_else(|crashed| Err(crashed.0))
}

/// Event 271, if it is logged; to be called before the queue hears that the work is done, and forgets the message.
pub fn note_sent(node: &Node, work: &Work) {
    if !node.events.admits(own::id::OBJECT_SENT) {
        return;
    }
    let Some(record) = node.queue.record(work.id) else { return };
    let mut hops = record.recipients.iter().filter(|one| work.recipients.contains(&one.number));
    let Some(hop) = hops.next().map(|one| &one.next_hop) else { return };
    let entity_kind = if matches!(hop, NextHop::Peer(_)) { "MTA" } else { "connector" };
    node.log(own::object_sent(&own::Object {
        object: &work.id.to_string(),
        entity: &hop_name(hop),
        entity_kind,
        priority: priority(record.head.priority),
        kind: kind(record.head.kind),
        mts_id: &record.head.mts_id,
        length: record.head.size,
    }));
}

/// As the field's events spell a priority.
pub const fn priority(priority: Priority) -> &'static str {
    match priority {
        Priority::Urgent => "Urgent",
        Priority::Normal => "Normal",
        Priority::NonUrgent => "Non-urgent",
    }
}

/// As the field's events spell what an object is.
pub const fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Message => "Message",
        Kind::Report => "Report",
    }
}

fn read(
    queue: &MailQueue,
    record: &MessageRecord,
    work: &Work,
    attempted: Option<&str>,
    conversion: Option<&(Site, Edition)>,
) -> Result<Vec<u8>, String> {
    match record.head.kind {
        Kind::Message => {
            let opened = queue.open_message(work.id)?;
            let rerouted = attempted.map(|attempted| mta::rerouted(&opened.subject, attempted));
            let subject = rerouted.as_ref().unwrap_or(&opened.subject);
            let converted = conversion.and_then(|(site, edition)| {
                mta::converted(subject, &opened.content, &site.base_address(), *edition)
            });
            Ok(match &converted {
                Some((subject, content)) => mta::transfer(subject, content, &work.recipients),
                None => mta::transfer(subject, &opened.content, &work.recipients),
            })
        }
        // A report is stored as the APDU that it is.
        Kind::Report => {
            let envelope = queue.store().envelope(work.id).map_err(|error| error.to_string())?;
            envelope.ok_or_else(|| format!("report {} is missing in the store", work.id))
        }
    }
}

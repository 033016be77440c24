//! Operations that need only the queue.

use std::collections::BTreeSet;

use admin::OperationError;
use admin::api::{MessageQuery, MessageRow, QueueRow, RecipientRow, Retried, RetrySelector};
use queue::{MessageFilter, MessageId, NextHop};

use crate::mail_queue::MailQueue;

/// Messages that one answer shows unless it is asked for fewer.
const MAX_MESSAGES: usize = 10_000;

/// The next hop of recipients on this server.
const LOCAL: &str = "local";

/// `queue list`.
pub fn queues(queue: &MailQueue) -> Vec<QueueRow> {
    let hops = queue.view(|queue, now| queue.hops(now));
    let shown = hops.into_iter().map(|hop| QueueRow {
        next_hop: hop_name(&hop.next_hop),
        state: word(&hop.state),
        messages: hop.messages,
        bytes: hop.bytes,
        oldest: hop.oldest,
        next_attempt: hop.next_attempt,
        last_error: hop.last_error,
        finding: None,
        line: None,
    });
    shown.collect()
}

/// `queue show`.
pub fn messages(
    queue: &MailQueue,
    query: &MessageQuery,
) -> Result<Vec<MessageRow>, OperationError> {
    let asked = query.limit.and_then(|limit| usize::try_from(limit).ok());
    let filter = MessageFilter {
        id: query.id.as_deref().map(message_id).transpose()?,
        next_hop: query.next_hop.as_deref().map(|text| next_hop(queue, text)),
        address: None,
        after: query.after.as_deref().map(message_id).transpose()?,
        limit: Some(asked.unwrap_or(MAX_MESSAGES).min(MAX_MESSAGES)),
    };
    if let (Some(text), Some(id)) = (&query.after, filter.after)
        && query.next_hop.is_some()
        && queue.record(id).is_none()
    {
        let text = format!("message {text} has gone meanwhile; list from the beginning");
        return Err(OperationError::Invalid(text));
    }
    let found =
        queue.messages(&filter).map_err(|error| OperationError::Internal(net::chain(&error)))?;
    if let (Some(id), true) = (&query.id, found.is_empty()) {
        return Err(not_queued(id));
    }
    let rows = found.into_iter().map(|message| MessageRow {
        id: message.id.to_string(),
        from: message.from,
        recipients: message
            .recipients
            .into_iter()
            .map(|recipient| RecipientRow {
                address: recipient.address,
                state: recipient.state.to_owned(),
                next_hop: Some(hop_name(&recipient.next_hop)),
                attempts: recipient.attempts,
                last_error: recipient.last_error,
            })
            .collect(),
        priority: word(&message.priority),
        size: message.size,
        submitted: message.submitted,
        expires: message.expires,
    });
    Ok(rows.collect())
}

/// `queue retry`.
pub fn retry(queue: &MailQueue, selector: &RetrySelector) -> Result<Retried, OperationError> {
    if let RetrySelector::Message(text) = selector {
        let id = message_id(text)?;
        let hops: BTreeSet<String> = queue
            .record(id)
            .ok_or_else(|| not_queued(text))?
            .recipients
            .iter()
            .map(|recipient| hop_name(&recipient.next_hop))
            .collect();
        queue.retry(id).map_err(|error| OperationError::NotFound(error.to_string()))?;
        return Ok(Retried { messages: 1, next_hops: hops.into_iter().collect() });
    }
    let only = match selector {
        RetrySelector::NextHop(text) => Some(next_hop(queue, text)),
        _ => None,
    };
    let mut retried = Retried::default();
    for hop in queue.view(|queue, now| queue.hops(now)) {
        if only.as_ref().is_none_or(|only| *only == hop.next_hop) {
            retried.messages += hop.messages;
            retried.next_hops.push(hop_name(&hop.next_hop));
            queue.wake(&hop.next_hop);
        }
    }
    match only {
        Some(only) if retried.next_hops.is_empty() => {
            let text = format!("nothing is queued for {}", hop_name(&only));
            Err(OperationError::NotFound(text))
        }
        _ => Ok(retried),
    }
}

/// `queue delete`.
pub fn delete(queue: &MailQueue, id: &str) -> Result<(), OperationError> {
    queue.delete(message_id(id)?).map_err(|error| OperationError::NotFound(error.to_string()))
}

pub(super) fn message_id(text: &str) -> Result<MessageId, OperationError> {
    text.parse().map_err(|_| {
        let text = format!("{text:?} is no message number; `bindback queue show` lists them");
        OperationError::Invalid(text)
    })
}

/// A next hop as operators call it: `local`, the MTA name of a peer, the name of a connector, or a
/// mail domain and its connector as `domain/connector`.
pub fn hop_name(hop: &NextHop) -> String {
    match hop {
        NextHop::Local => LOCAL.to_owned(),
        NextHop::Peer(name) | NextHop::Connector(name) => name.clone(),
        NextHop::Domain { connector, domain } => format!("{domain}/{connector}"),
    }
}

/// The next hop that an operator means: one that the queue knows, else a peer of that name.
pub(super) fn next_hop(queue: &MailQueue, text: &str) -> NextHop {
    let mut known = queue.view(|queue, now| queue.hops(now)).into_iter().map(|hop| hop.next_hop);
    known
        .find(|hop| hop_name(hop).eq_ignore_ascii_case(text))
        .unwrap_or_else(|| NextHop::Peer(text.to_owned()))
}

fn not_queued(id: &str) -> OperationError {
    OperationError::NotFound(format!("message {id} is not in the queue"))
}

/// A unit variant as serde spells it.
pub(super) fn word(value: &impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}

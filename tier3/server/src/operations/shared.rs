//! Operations that need only the queue.

use std::collections::BTreeSet;

use admin::OperationError;
use admin::api::{MessageQuery, MessageRow, QueueRow, RecipientRow, Retried, RetrySelector};
use config::Config;
use queue::{HopState, HopView, MessageFilter, MessageId};

use super::hops::{hop_name, next_hop};
use crate::mail_queue::MailQueue;

/// Messages that one answer shows unless it is asked for fewer.
const MAX_MESSAGES: usize = 10_000;

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
    config: &Config,
    query: &MessageQuery,
) -> Result<Vec<MessageRow>, OperationError> {
    let asked = query.limit.and_then(|limit| usize::try_from(limit).ok());
    let filter = MessageFilter {
        id: query.id.as_deref().map(message_id).transpose()?,
        next_hop: query
            .next_hop
            .as_deref()
            .map(|text| next_hop(queue, config, text))
            .transpose()?,
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

/// `queue retry`: of what is asked for, all that is not held.
pub fn retry(
    queue: &MailQueue,
    config: &Config,
    selector: &RetrySelector,
) -> Result<Retried, OperationError> {
    let hops = queue.view(|queue, now| queue.hops(now)).into_iter();
    let mut retried = Retried::default();
    if let RetrySelector::Message(text) = selector {
        let id = message_id(text)?;
        let record = queue.record(id).ok_or_else(|| not_queued(text))?;
        let its: BTreeSet<_> = record.recipients.iter().map(|one| &one.next_hop).collect();
        queue.retry(id).map_err(|error| OperationError::NotFound(error.to_string()))?;
        for hop in hops.filter(|hop| its.contains(&hop.next_hop)) {
            note(&mut retried, &hop);
        }
        retried.messages = u64::from(!retried.next_hops.is_empty());
        return Ok(retried);
    }
    let only = match selector {
        RetrySelector::NextHop(text) => Some(next_hop(queue, config, text)?),
        _ => None,
    };
    for hop in hops.filter(|hop| only.as_ref().is_none_or(|only| *only == hop.next_hop)) {
        note(&mut retried, &hop);
        queue.wake(&hop.next_hop);
    }
    Ok(retried)
}

fn note(retried: &mut Retried, hop: &HopView) {
    let name = hop_name(&hop.next_hop);
    match hop.state {
        HopState::Held if hop.messages > 0 => retried.held.push(name),
        HopState::Held => {}
        HopState::Scheduled if hop.messages > 0 => retried.scheduled.push(name),
        _ => {
            retried.messages += hop.messages;
            retried.next_hops.push(name);
        }
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

//! Operations that need only the queue and the accounts.

use std::collections::BTreeSet;

use admin::OperationError;
use admin::api::{
    AccountAdd, AccountPassword, AccountRole, AccountRow, MessageQuery, MessageRow, QueueRow,
    RecipientRow, Retried, RetrySelector,
};
use identity::{Account, AccountName, Role};
use jiff::Timestamp;
use queue::{MessageFilter, MessageId, NextHop};

use crate::account_table::{AccountError, AccountTable};
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
        limit: Some(asked.unwrap_or(MAX_MESSAGES).min(MAX_MESSAGES)),
    };
    let found = queue.view(|queue, _| queue.messages(&filter));
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
            .view(|queue, _| queue.record(id))
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

/// `account list`.
pub fn accounts(accounts: &AccountTable) -> Vec<AccountRow> {
    accounts.list().iter().map(account_row).collect()
}

/// `account add`.
pub fn account_add(
    accounts: &AccountTable,
    order: &AccountAdd,
) -> Result<AccountRow, OperationError> {
    let name = account_name(&order.name)?;
    let account = Account {
        nt_hash: security::ntlm::nt_hash(&order.password),
        roles: order.roles.iter().map(|text| role(text)).collect::<Result<_, _>>()?,
        enabled: true,
        password_set_ms: Timestamp::now().as_millisecond(),
        name: name.clone(),
    };
    accounts.add(account).map_err(account_error)?;
    changed(accounts, &name)
}

/// `account set-password`.
pub fn account_set_password(
    accounts: &AccountTable,
    order: &AccountPassword,
) -> Result<AccountRow, OperationError> {
    let name = account_name(&order.name)?;
    let hash = security::ntlm::nt_hash(&order.password);
    let change = |account: &mut Account| {
        account.nt_hash = hash;
        account.password_set_ms = Timestamp::now().as_millisecond();
    };
    accounts.change(&name, change).map_err(account_error)?;
    changed(accounts, &name)
}

/// `account grant` and `account revoke`.
pub fn account_role(
    accounts: &AccountTable,
    order: &AccountRole,
    granted: bool,
) -> Result<AccountRow, OperationError> {
    let (name, role) = (account_name(&order.name)?, role(&order.role)?);
    let change = |account: &mut Account| {
        if granted {
            account.roles.insert(role);
        } else {
            account.roles.remove(&role);
        }
    };
    accounts.change(&name, change).map_err(account_error)?;
    changed(accounts, &name)
}

/// `account remove`.
pub fn account_remove(accounts: &AccountTable, name: &str) -> Result<(), OperationError> {
    accounts.remove(&account_name(name)?).map_err(account_error)
}

fn changed(accounts: &AccountTable, name: &AccountName) -> Result<AccountRow, OperationError> {
    let account = accounts.find(name);
    account
        .as_ref()
        .map(account_row)
        .ok_or_else(|| OperationError::Conflict(format!("account {name} was removed meanwhile")))
}

fn account_row(account: &Account) -> AccountRow {
    AccountRow {
        name: account.name.to_string(),
        enabled: account.enabled,
        roles: account.roles.iter().map(ToString::to_string).collect(),
        password_set: Timestamp::from_millisecond(account.password_set_ms).unwrap_or_default(),
    }
}

fn account_name(text: &str) -> Result<AccountName, OperationError> {
    text.parse().map_err(|error: identity::NameError| OperationError::Invalid(error.to_string()))
}

fn role(text: &str) -> Result<Role, OperationError> {
    text.parse().map_err(|error: identity::UnknownRole| OperationError::Invalid(error.to_string()))
}

fn account_error(error: AccountError) -> OperationError {
    match error {
        AccountError::Exists(_) => OperationError::Conflict(error.to_string()),
        AccountError::Unknown(_) => OperationError::NotFound(error.to_string()),
        AccountError::Store(inner) => {
            OperationError::Internal(format!("the account store: {inner}"))
        }
    }
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

//! What a server can be asked to do, and why it may not.

use std::future::Future;

use diagnosis::{ProbeFact, ServerFacts};
use event::Event;
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;

use crate::api::{
    AccountAdd, AccountPassword, AccountRole, AccountRow, EventLevels, EventQuery, LevelOrder,
    LtabEntry, MessageQuery, MessageRow, ProbeOrder, QueueRow, Reloaded, Retried, RetrySelector,
    RouteAnswer, RouteQuery, RouteTable, SendOrder,
};
use crate::caller::Caller;
use crate::directory_api::{AccountOrder, AccountView, DirectoryAnswer, DirectoryOrder};
use crate::queue_api::{QueueAnswer, QueueOrder};
use crate::role::AdminRole;

/// Why an operation was not done. The text is for a person: what, why, and the way out; it never holds a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(tag = "kind", content = "text", rename_all = "kebab-case")]
pub enum OperationError {
    /// The message, account, peer or next hop does not exist.
    #[error("{0}")]
    NotFound(String),
    /// Whoever asks has no role that allows it.
    #[error("{0}")]
    Denied(String),
    /// The request itself is wrong.
    #[error("{0}")]
    Invalid(String),
    /// It cannot be done in the present state, for example an account that exists already.
    #[error("{0}")]
    Conflict(String),
    /// Not now, or not here: the server stops, or the operation needs a running one.
    #[error("{0}")]
    Unavailable(String),
    /// The server's own fault, or its disk's.
    #[error("{0}")]
    Internal(String),
}

/// The operations of a server, running or not. A server that does not run answers [`OperationError::Unavailable`] where it would have to.
pub trait Operations: Send + Sync + 'static {
    /// The role of a caller; nothing is done for one without.
    fn role(&self, caller: &Caller) -> Option<AdminRole>;

    /// Writes down that a caller was refused.
    fn note_refusal(&self, caller: &Caller, text: &str);

    /// One row for each next hop.
    fn queues(&self) -> impl Future<Output = Result<Vec<QueueRow>, OperationError>> + Send;

    /// The messages that the query asks for, oldest first; `NotFound` when it names a message that is not there.
    fn messages(
        &self,
        query: MessageQuery,
    ) -> impl Future<Output = Result<Vec<MessageRow>, OperationError>> + Send;

    /// Tries again now.
    fn retry(
        &self,
        selector: RetrySelector,
    ) -> impl Future<Output = Result<Retried, OperationError>> + Send;

    /// Takes a message out of the queue without a report; returns when that is on disk.
    fn delete(&self, id: String) -> impl Future<Output = Result<(), OperationError>> + Send;

    /// Holds, tracks and copies.
    fn queue_order(
        &self,
        order: QueueOrder,
    ) -> impl Future<Output = Result<QueueAnswer, OperationError>> + Send;

    /// The locality table.
    fn ltab(&self) -> impl Future<Output = Result<Vec<LtabEntry>, OperationError>> + Send;

    /// The events that the query asks for, oldest first.
    fn events(
        &self,
        query: EventQuery,
    ) -> impl Future<Output = Result<Vec<Event>, OperationError>> + Send;

    /// The logging levels, after one was set if that was asked for.
    fn event_levels(
        &self,
        order: LevelOrder,
    ) -> impl Future<Output = Result<EventLevels, OperationError>> + Send;

    /// Every event from now on.
    ///
    /// # Errors
    /// `Unavailable` when nothing runs that could log one.
    fn follow(&self) -> Result<broadcast::Receiver<Event>, OperationError>;

    /// The accounts that the server accepts.
    fn accounts(&self) -> impl Future<Output = Result<Vec<AccountRow>, OperationError>> + Send;

    /// Makes an account; `Conflict` when it exists. Returns it, as all changes do, once it is on disk.
    fn account_add(
        &self,
        account: AccountAdd,
    ) -> impl Future<Output = Result<AccountRow, OperationError>> + Send;

    /// Sets a password.
    fn account_set_password(
        &self,
        change: AccountPassword,
    ) -> impl Future<Output = Result<AccountRow, OperationError>> + Send;

    /// Gives a role; done already is no error.
    fn account_grant(
        &self,
        change: AccountRole,
    ) -> impl Future<Output = Result<AccountRow, OperationError>> + Send;

    /// Takes a role; done already is no error.
    fn account_revoke(
        &self,
        change: AccountRole,
    ) -> impl Future<Output = Result<AccountRow, OperationError>> + Send;

    /// Removes an account.
    fn account_remove(
        &self,
        name: String,
    ) -> impl Future<Output = Result<(), OperationError>> + Send;

    /// Does what is asked of one account.
    fn account(
        &self,
        order: AccountOrder,
    ) -> impl Future<Output = Result<AccountView, OperationError>> + Send;

    /// Does what is asked of the directory.
    fn directory(
        &self,
        order: DirectoryOrder,
    ) -> impl Future<Output = Result<DirectoryAnswer, OperationError>> + Send;

    /// What the server knows, for the doctor.
    fn facts(&self) -> impl Future<Output = Result<ServerFacts, OperationError>> + Send;

    /// Resolves a peer, asks its endpoint mapper and connects to its port: read-only, nothing is logged on.
    fn probe(
        &self,
        order: ProbeOrder,
    ) -> impl Future<Output = Result<Vec<ProbeFact>, OperationError>> + Send;

    /// The way of a recipient as the table and the queue stand now.
    fn route(
        &self,
        query: RouteQuery,
    ) -> impl Future<Output = Result<RouteAnswer, OperationError>> + Send;

    /// The routing table in force.
    fn route_table(&self) -> impl Future<Output = Result<RouteTable, OperationError>> + Send;

    /// Accepts a message; returns its identifier once it is on disk.
    fn send(&self, order: SendOrder)
    -> impl Future<Output = Result<String, OperationError>> + Send;

    /// Reads the configuration file again.
    fn reload(&self) -> impl Future<Output = Result<Reloaded, OperationError>> + Send;

    /// The metrics in the text format of Prometheus, version 0.0.4.
    fn metrics(&self) -> impl Future<Output = Result<String, OperationError>> + Send;
}

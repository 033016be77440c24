//! The operations of a server behind the role that each needs: nothing reaches the server that its caller may not do.

use std::sync::Arc;

use diagnosis::{ProbeFact, ServerFacts};
use event::Event;
use tokio::sync::broadcast;

use crate::api::{
    AccountAdd, AccountPassword, AccountRole, AccountRow, EventLevels, EventQuery, LevelOrder,
    LtabEntry, MessageQuery, MessageRow, ProbeOrder, QueueRow, Reloaded, Retried, RetrySelector,
    RouteAnswer, RouteQuery, RouteTable, SendOrder,
};
use crate::caller::{Caller, identity};
use crate::directory_api::{AccountOrder, AccountView, DirectoryAnswer, DirectoryOrder};
use crate::operations::{OperationError, Operations};
use crate::queue_api::{QueueAnswer, QueueOrder};
use crate::role::AdminRole;

/// The operations, asked for by whoever [`crate::caller`] is.
pub(crate) struct Guard<O> {
    inner: Arc<O>,
}

impl<O: Operations> Guard<O> {
    pub(crate) fn new(inner: Arc<O>) -> Arc<Self> {
        Arc::new(Self { inner })
    }

    /// The operations, if the caller has this role.
    fn with(&self, needed: AdminRole, what: &str) -> Result<&O, OperationError> {
        let caller = identity();
        let role = self.inner.role(&caller);
        if role.is_some_and(|role| role >= needed) {
            return Ok(&self.inner);
        }
        let has = role.map_or("none".to_owned(), |role| role.to_string());
        let text = format!(
            "{what} needs the role {needed} on this server, and {} has {has}; admin.roles_file names who has which",
            caller.who
        );
        self.inner.note_refusal(&caller, &text);
        Err(OperationError::Denied(text))
    }
}

use AdminRole::{Admin, PermissionsAdmin, ServiceAccountAdmin, ViewOnlyAdmin};

impl<O: Operations> Operations for Guard<O> {
    fn role(&self, caller: &Caller) -> Option<AdminRole> {
        self.inner.role(caller)
    }

    fn note_refusal(&self, caller: &Caller, text: &str) {
        self.inner.note_refusal(caller, text);
    }

    async fn queues(&self) -> Result<Vec<QueueRow>, OperationError> {
        self.with(ViewOnlyAdmin, "looking at the queue")?.queues().await
    }

    async fn messages(&self, query: MessageQuery) -> Result<Vec<MessageRow>, OperationError> {
        self.with(ViewOnlyAdmin, "looking at the queue")?.messages(query).await
    }

    async fn retry(&self, selector: RetrySelector) -> Result<Retried, OperationError> {
        self.with(Admin, "a retry")?.retry(selector).await
    }

    async fn delete(&self, id: String) -> Result<(), OperationError> {
        self.with(Admin, "deleting a message")?.delete(id).await
    }

    async fn queue_order(&self, order: QueueOrder) -> Result<QueueAnswer, OperationError> {
        self.with(order.needs(), "this order to the queue")?.queue_order(order).await
    }

    async fn ltab(&self) -> Result<Vec<LtabEntry>, OperationError> {
        self.with(ViewOnlyAdmin, "looking at the locality table")?.ltab().await
    }

    async fn events(&self, query: EventQuery) -> Result<Vec<Event>, OperationError> {
        self.with(ViewOnlyAdmin, "looking at events")?.events(query).await
    }

    async fn event_levels(&self, order: LevelOrder) -> Result<EventLevels, OperationError> {
        let (needed, what) = match order.level {
            Some(_) => (Admin, "setting a logging level"),
            None => (ViewOnlyAdmin, "looking at the logging levels"),
        };
        self.with(needed, what)?.event_levels(order).await
    }

    fn follow(&self) -> Result<broadcast::Receiver<Event>, OperationError> {
        self.with(ViewOnlyAdmin, "following events")?.follow()
    }

    async fn accounts(&self) -> Result<Vec<AccountRow>, OperationError> {
        self.with(ViewOnlyAdmin, "looking at accounts")?.accounts().await
    }

    async fn account_add(&self, account: AccountAdd) -> Result<AccountRow, OperationError> {
        self.with(ServiceAccountAdmin, "making an account")?.account_add(account).await
    }

    async fn account_set_password(
        &self,
        change: AccountPassword,
    ) -> Result<AccountRow, OperationError> {
        self.with(ServiceAccountAdmin, "setting a password")?.account_set_password(change).await
    }

    async fn account_grant(&self, change: AccountRole) -> Result<AccountRow, OperationError> {
        self.with(PermissionsAdmin, "granting a role")?.account_grant(change).await
    }

    async fn account_revoke(&self, change: AccountRole) -> Result<AccountRow, OperationError> {
        self.with(PermissionsAdmin, "taking a role away")?.account_revoke(change).await
    }

    async fn account_remove(&self, name: String) -> Result<(), OperationError> {
        self.with(ServiceAccountAdmin, "removing an account")?.account_remove(name).await
    }

    async fn account(&self, order: AccountOrder) -> Result<AccountView, OperationError> {
        self.with(order.action.needs(), "this order to an account")?.account(order).await
    }

    async fn directory(&self, order: DirectoryOrder) -> Result<DirectoryAnswer, OperationError> {
        self.with(order.needs(), "this order to the directory")?.directory(order).await
    }

    async fn facts(&self) -> Result<ServerFacts, OperationError> {
        self.with(ViewOnlyAdmin, "reading what the server knows")?.facts().await
    }

    async fn probe(&self, order: ProbeOrder) -> Result<Vec<ProbeFact>, OperationError> {
        self.with(ViewOnlyAdmin, "a probe")?.probe(order).await
    }

    async fn route(&self, query: RouteQuery) -> Result<RouteAnswer, OperationError> {
        self.with(ViewOnlyAdmin, "asking for a route")?.route(query).await
    }

    async fn route_table(&self) -> Result<RouteTable, OperationError> {
        self.with(ViewOnlyAdmin, "looking at the routes")?.route_table().await
    }

    async fn send(&self, order: SendOrder) -> Result<String, OperationError> {
        self.with(Admin, "sending")?.send(order).await
    }

    async fn reload(&self) -> Result<Reloaded, OperationError> {
        self.with(Admin, "reloading the configuration")?.reload().await
    }

    async fn metrics(&self) -> Result<String, OperationError> {
        self.with(ViewOnlyAdmin, "reading the metrics")?.metrics().await
    }
}

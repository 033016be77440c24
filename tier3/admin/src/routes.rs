//! The operations as HTTP routes, all of them: for the Unix socket only.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use axum::routing::{get, post};
use jiff::Timestamp;
use serde::Deserialize;
use tokio::sync::watch;

use crate::api::{
    AccountAdd, AccountChanged, AccountNamed, AccountPassword, AccountRemoved, AccountRole,
    Accounts, Deleted, EventQuery, Events, Facts, LevelOrder, LtabEntries, MessageNamed,
    MessageQuery, Messages, ProbeOrder, Probes, Queues, RetrySelector, RouteQuery, SendOrder, Sent,
};
use crate::directory_api::{AccountOrder, DirectoryOrder};
use crate::follow;
use crate::operations::{OperationError, Operations};
use crate::parameters::{body, long_order, order, query};
use crate::queue_api::QueueOrder;
use crate::reply::{PROMETHEUS, refuse, refuse_with, reply, response};

/// Octets of a message that is sent over the socket; it is held in memory once. The server's own limit is lower as a rule.
pub(crate) const MAX_CONTENT: usize = 256 * 1024 * 1024;

/// What every route works with.
pub(crate) struct Shared<O> {
    pub(crate) operations: Arc<O>,
    /// Becomes true when the server stops, so that nobody is followed any longer.
    pub(crate) stopping: watch::Receiver<bool>,
}

impl<O> Clone for Shared<O> {
    fn clone(&self) -> Self {
        Self { operations: Arc::clone(&self.operations), stopping: self.stopping.clone() }
    }
}

/// An answer, or the refusal of a request that could not be read.
type Answer = Result<Response, Response>;

/// Everything.
pub(crate) fn all<O: Operations>(shared: Shared<O>) -> Router {
    Router::new()
        .route("/v1/queue", get(queues::<O>))
        .route("/v1/messages", get(messages::<O>))
        .route("/v1/queue/retry", post(retry::<O>))
        .route("/v1/queue/delete", post(delete::<O>))
        .route("/v1/queue/order", post(queue_order::<O>))
        .route("/v1/ltab", get(ltab::<O>))
        .route("/v1/events", get(events_or_follow::<O>))
        .route("/v1/events/levels", post(event_levels::<O>))
        .route("/v1/accounts", get(accounts::<O>))
        .route("/v1/accounts/add", post(account_add::<O>))
        .route("/v1/accounts/set-password", post(account_set_password::<O>))
        .route("/v1/accounts/grant", post(account_grant::<O>))
        .route("/v1/accounts/revoke", post(account_revoke::<O>))
        .route("/v1/accounts/remove", post(account_remove::<O>))
        .route("/v1/account", post(account::<O>))
        .route("/v1/directory", post(directory::<O>))
        .route("/v1/facts", get(facts::<O>))
        .route("/v1/probe", post(probe::<O>))
        .route("/v1/route", get(route::<O>))
        .route("/v1/route/table", get(route_table::<O>))
        .route("/v1/send", post(send::<O>))
        .route("/v1/reload", post(reload::<O>))
        .route("/metrics", get(metrics::<O>))
        .fallback(nothing_here)
        .method_not_allowed_fallback(wrong_method)
        .with_state(shared)
}

pub(crate) async fn nothing_here(uri: Uri) -> Response {
    refuse(OperationError::NotFound(format!("there is nothing at {}", uri.path())))
}

pub(crate) async fn wrong_method(uri: Uri) -> Response {
    let error = OperationError::Invalid(format!("{} takes another method", uri.path()));
    refuse_with(StatusCode::METHOD_NOT_ALLOWED, error)
}

pub(crate) async fn queues<O: Operations>(State(shared): State<Shared<O>>) -> Response {
    reply(shared.operations.queues().await.map(|queues| Queues { queues }))
}

async fn messages<O: Operations>(State(shared): State<Shared<O>>, uri: Uri) -> Answer {
    let asked: MessageQuery = query(&uri).map_err(refuse)?;
    Ok(reply(shared.operations.messages(asked).await.map(|messages| Messages { messages })))
}

async fn retry<O: Operations>(State(shared): State<Shared<O>>, request: Body) -> Answer {
    let selector: RetrySelector = order(request).await?;
    Ok(reply(shared.operations.retry(selector).await))
}

async fn delete<O: Operations>(State(shared): State<Shared<O>>, request: Body) -> Answer {
    let MessageNamed { id } = order(request).await?;
    Ok(reply(shared.operations.delete(id.clone()).await.map(|()| Deleted { id })))
}

async fn queue_order<O: Operations>(State(shared): State<Shared<O>>, request: Body) -> Answer {
    let asked: QueueOrder = order(request).await?;
    Ok(reply(shared.operations.queue_order(asked).await))
}

pub(crate) async fn ltab<O: Operations>(State(shared): State<Shared<O>>) -> Response {
    reply(shared.operations.ltab().await.map(|entries| LtabEntries { entries }))
}

async fn event_levels<O: Operations>(State(shared): State<Shared<O>>, request: Body) -> Answer {
    let asked: LevelOrder = order(request).await?;
    Ok(reply(shared.operations.event_levels(asked).await))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EventParameters {
    since: Option<Timestamp>,
    id: Option<u32>,
    limit: Option<u32>,
    #[serde(default)]
    follow: bool,
}

async fn events_or_follow<O: Operations>(State(shared): State<Shared<O>>, uri: Uri) -> Answer {
    let EventParameters { since, id, limit, follow } = query(&uri).map_err(refuse)?;
    let asked = EventQuery { since, id, limit };
    if follow {
        return Ok(follow::stream(shared, asked).await);
    }
    Ok(reply(shared.operations.events(asked).await.map(page)))
}

/// The events, without following: a neighbour has no business to stay.
pub(crate) async fn events<O: Operations>(State(shared): State<Shared<O>>, uri: Uri) -> Answer {
    let asked: EventQuery = query(&uri).map_err(refuse)?;
    Ok(reply(shared.operations.events(asked).await.map(page)))
}

fn page(events: Vec<event::Event>) -> Events {
    Events { events, missed: 0 }
}

async fn accounts<O: Operations>(State(shared): State<Shared<O>>) -> Response {
    reply(shared.operations.accounts().await.map(|accounts| Accounts { accounts }))
}

async fn account_add<O: Operations>(State(shared): State<Shared<O>>, request: Body) -> Answer {
    let account: AccountAdd = order(request).await?;
    let made = shared.operations.account_add(account).await;
    Ok(reply(made.map(|account| AccountChanged { account })))
}

async fn account_set_password<O: Operations>(
    State(shared): State<Shared<O>>,
    request: Body,
) -> Answer {
    let change: AccountPassword = order(request).await?;
    let changed = shared.operations.account_set_password(change).await;
    Ok(reply(changed.map(|account| AccountChanged { account })))
}

async fn account_grant<O: Operations>(State(shared): State<Shared<O>>, request: Body) -> Answer {
    let change: AccountRole = order(request).await?;
    let changed = shared.operations.account_grant(change).await;
    Ok(reply(changed.map(|account| AccountChanged { account })))
}

async fn account_revoke<O: Operations>(State(shared): State<Shared<O>>, request: Body) -> Answer {
    let change: AccountRole = order(request).await?;
    let changed = shared.operations.account_revoke(change).await;
    Ok(reply(changed.map(|account| AccountChanged { account })))
}

async fn account_remove<O: Operations>(State(shared): State<Shared<O>>, request: Body) -> Answer {
    let AccountNamed { name } = order(request).await?;
    let removed = shared.operations.account_remove(name.clone()).await;
    Ok(reply(removed.map(|()| AccountRemoved { removed: name })))
}

async fn account<O: Operations>(State(shared): State<Shared<O>>, request: Body) -> Answer {
    let asked: AccountOrder = order(request).await?;
    Ok(reply(shared.operations.account(asked).await))
}

async fn directory<O: Operations>(State(shared): State<Shared<O>>, request: Body) -> Answer {
    let asked: DirectoryOrder = long_order(request).await?;
    Ok(reply(shared.operations.directory(asked).await))
}

pub(crate) async fn facts<O: Operations>(State(shared): State<Shared<O>>) -> Response {
    reply(shared.operations.facts().await.map(|facts| Facts { facts }))
}

pub(crate) async fn probe<O: Operations>(State(shared): State<Shared<O>>, request: Body) -> Answer {
    let asked: ProbeOrder = order(request).await?;
    Ok(reply(shared.operations.probe(asked).await.map(|checks| Probes { checks })))
}

async fn route<O: Operations>(State(shared): State<Shared<O>>, uri: Uri) -> Answer {
    let asked: RouteQuery = query(&uri).map_err(refuse)?;
    Ok(reply(shared.operations.route(asked).await))
}

async fn route_table<O: Operations>(State(shared): State<Shared<O>>) -> Response {
    reply(shared.operations.route_table().await)
}

async fn send<O: Operations>(State(shared): State<Shared<O>>, uri: Uri, request: Body) -> Answer {
    let parameters: Vec<(String, String)> = query(&uri).map_err(refuse)?;
    let mut asked = SendOrder::default();
    for (name, value) in parameters {
        match name.as_str() {
            "from" if asked.from.is_none() => asked.from = Some(value),
            "to" => asked.to.push(value),
            _ => {
                let text =
                    format!("the query string takes one from and any number of to, not {name}");
                return Err(refuse(OperationError::Invalid(text)));
            }
        }
    }
    asked.content = body(request, MAX_CONTENT).await?;
    Ok(reply(shared.operations.send(asked).await.map(|id| Sent { id })))
}

async fn reload<O: Operations>(State(shared): State<Shared<O>>) -> Response {
    reply(shared.operations.reload().await)
}

pub(crate) async fn metrics<O: Operations>(State(shared): State<Shared<O>>) -> Response {
    match shared.operations.metrics().await {
        Ok(text) => response(StatusCode::OK, PROMETHEUS, Body::from(text)),
        Err(error) => refuse(error),
    }
}

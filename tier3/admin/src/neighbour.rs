//! What a neighbour may ask for over TCP, with the token.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::{get, post};
use identity::Password;
use subtle::ConstantTimeEq;

use crate::operations::{OperationError, Operations};
use crate::reply::refuse_with;
use crate::routes::{self, Shared};

/// Facts, probes, events, tables, metrics: nothing that changes anything. The token is asked for in front of every path, known or not.
pub(crate) fn read_only<O: Operations>(shared: Shared<O>, token: Password) -> Router {
    Router::new()
        .route("/v1/facts", get(routes::facts::<O>))
        .route("/v1/probe", post(routes::probe::<O>))
        .route("/v1/events", get(routes::events::<O>))
        .route("/v1/ltab", get(routes::ltab::<O>))
        .route("/v1/queue", get(routes::queues::<O>))
        .route("/metrics", get(routes::metrics::<O>))
        .fallback(routes::nothing_here)
        .method_not_allowed_fallback(routes::wrong_method)
        .with_state(shared)
        .layer(from_fn_with_state(Arc::new(token), authenticated))
}

async fn authenticated(
    State(token): State<Arc<Password>>,
    request: Request,
    next: Next,
) -> Response {
    if presents(request.headers(), &token) {
        return next.run(request).await;
    }
    let text =
        "the token is missing or wrong; send the one in admin.token_file as Authorization: Bearer";
    let mut response =
        refuse_with(StatusCode::UNAUTHORIZED, OperationError::Invalid(text.to_owned()));
    response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    response
}

/// True for exactly one `Authorization: Bearer TOKEN` (RFC 6750, 2.1) with the right token; how much of a wrong one was right takes no different time.
fn presents(headers: &HeaderMap, token: &Password) -> bool {
    let mut given = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (given.next(), given.next()) else {
        return false;
    };
    let octets = value.as_bytes();
    let Some((scheme, rest)) = octets.split_at_checked("Bearer ".len()) else {
        return false;
    };
    scheme.eq_ignore_ascii_case(b"Bearer ") && rest.ct_eq(token.expose().as_bytes()).into()
}

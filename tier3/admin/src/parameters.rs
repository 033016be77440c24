//! Requests as they arrive: bodies with a limit, query strings, and the latter's other direction.

use axum::body::{Body, to_bytes};
use axum::extract::Query;
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use serde::de::DeserializeOwned;

use crate::operations::OperationError;
use crate::reply::{refuse, refuse_with};

/// Octets of an order in JSON: a name, a password and a few roles need far less.
pub(crate) const MAX_ORDER: usize = 64 * 1024;

/// The body, if it is not longer than `limit` octets.
pub(crate) async fn body(body: Body, limit: usize) -> Result<Vec<u8>, Response> {
    match to_bytes(body, limit).await {
        Ok(octets) => Ok(octets.into()),
        Err(_) => Err(refuse_with(
            StatusCode::PAYLOAD_TOO_LARGE,
            OperationError::Invalid(format!(
                "the request's body is longer than {limit} octets, or broke off; send less"
            )),
        )),
    }
}

/// Octets of an order to the directory: an LDIF file may be part of it.
const MAX_LONG_ORDER: usize = 256 * 1024 * 1024;

/// An order that may be long.
pub(crate) async fn long_order<T: DeserializeOwned>(request: Body) -> Result<T, Response> {
    parsed(&body(request, MAX_LONG_ORDER).await?).map_err(refuse)
}

/// An order in JSON. The error tells the place and not the text, which may be a password.
pub(crate) async fn order<T: DeserializeOwned>(request: Body) -> Result<T, Response> {
    parsed(&body(request, MAX_ORDER).await?).map_err(refuse)
}

fn parsed<T: DeserializeOwned>(octets: &[u8]) -> Result<T, OperationError> {
    serde_json::from_slice(octets).map_err(|error| {
        OperationError::Invalid(format!(
            "the request's body is not the JSON that this operation takes, from line {} column {} on",
            error.line(),
            error.column()
        ))
    })
}

/// The query string.
pub(crate) fn query<T: DeserializeOwned>(uri: &Uri) -> Result<T, OperationError> {
    Query::try_from_uri(uri).map(|Query(parameters)| parameters).map_err(|error| {
        OperationError::Invalid(format!("the query string is wrong: {}", error.body_text()))
    })
}

/// A path with a query string, without the parameters that are not set.
pub(crate) fn with_query(path: &str, parameters: &[(&str, Option<String>)]) -> String {
    let mut out = path.to_owned();
    let set = parameters.iter().filter_map(|(name, value)| Some((*name, value.as_ref()?)));
    for (index, (name, value)) in set.enumerate() {
        out.push(if index == 0 { '?' } else { '&' });
        out.push_str(name);
        out.push('=');
        escape(value, &mut out);
    }
    out
}

/// Percent-encodes all but the unreserved characters (RFC 3986, 2.3).
fn escape(value: &str, out: &mut String) {
    for octet in value.bytes() {
        if octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(octet));
        } else {
            out.push_str(&format!("%{octet:02X}"));
        }
    }
}

//! Answers and errors as HTTP responses, and errors back out of them.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

use crate::envelope::{Shape, enveloped};
use crate::operations::OperationError;

impl OperationError {
    const fn status(&self) -> StatusCode {
        match self {
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::Denied(_) => StatusCode::FORBIDDEN,
            Self::Invalid(_) => StatusCode::BAD_REQUEST,
            Self::Conflict(_) => StatusCode::CONFLICT,
            Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

/// A refusal: `{"schema":"bindback.error/1","error":{"kind","text"}}`.
#[derive(Debug, Serialize, Deserialize)]
pub struct Refusal {
    pub error: OperationError,
}

impl Shape for Refusal {
    const NAME: &'static str = "error";
}

/// An answer on its way out.
pub(crate) fn reply<T: Shape + Serialize>(answer: Result<T, OperationError>) -> Response {
    match answer.and_then(|body| text(&body)) {
        Ok(line) => response(StatusCode::OK, JSON, Body::from(line)),
        Err(error) => refuse(error),
    }
}

/// An error on its way out, with the status of its kind.
pub(crate) fn refuse(error: OperationError) -> Response {
    refuse_with(error.status(), error)
}

/// An error on its way out, with a status of its own.
pub(crate) fn refuse_with(status: StatusCode, error: OperationError) -> Response {
    match text(&Refusal { error }) {
        Ok(line) => response(status, JSON, Body::from(line)),
        Err(_) => status.into_response(),
    }
}

fn text<T: Shape + Serialize>(body: &T) -> Result<String, OperationError> {
    enveloped(body).map_err(|error| {
        OperationError::Internal(format!("the answer is not expressible: {error}"))
    })
}

pub(crate) const JSON: &str = "application/json";
/// One JSON object a line, as long as the reader stays.
pub(crate) const JSON_LINES: &str = "application/x-ndjson";
pub(crate) const PROMETHEUS: &str = "text/plain; version=0.0.4";

pub(crate) fn response(status: StatusCode, media_type: &'static str, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}

//! Responses with JSON that is serialized already, and with the freshness of what they contain.

use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};

use crate::domain::cache::Answer;
use crate::domain::connection::Freshness;

const STATE_HEADER: HeaderName = HeaderName::from_static("tradeops-state");

/// A response with this JSON.
pub(super) fn json_response(json: impl Into<axum::body::Body>) -> Response {
    ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], json.into()).into_response()
}

/// The response with the headers `Age` and `tradeops-state`.
pub(super) fn with_freshness(freshness: Freshness, mut response: Response) -> Response {
    let (state, age) = match freshness {
        Freshness::Live => ("live", 0),
        Freshness::Stale { age } => ("stale", age.as_secs()),
    };
    let headers = response.headers_mut();
    headers.insert(header::AGE, HeaderValue::from(age));
    headers.insert(STATE_HEADER, HeaderValue::from_static(state));
    response
}

/// A response with JSON and its freshness.
pub(super) fn fresh_json(answer: Answer<String>) -> Response {
    with_freshness(answer.freshness, json_response(answer.value))
}

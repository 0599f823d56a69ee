//! Responses with JSON that is serialized already, and with the freshness of what they contain.

use std::convert::Infallible;

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;

use crate::domain::cache::Answer;
use crate::domain::connection::Freshness;
use crate::domain::json_array::JsonArray;

const STATE_HEADER: HeaderName = HeaderName::from_static("tradeops-state");

/// A response with this JSON.
pub(super) fn json_response(json: impl Into<Body>) -> Response {
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

/// A response with an array and its freshness. The body is made while it is sent, because the bodies of concurrent requests
/// would need much memory.
pub(super) fn fresh_array(answer: Answer<JsonArray>) -> Response {
    let length = answer.value.text_length();
    let chunks = stream::iter(answer.value.into_chunks().map(Ok::<_, Infallible>));
    let mut response = json_response(Body::from_stream(chunks));
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    with_freshness(answer.freshness, response)
}

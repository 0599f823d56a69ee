//! What is known of every request: its id, its span, how long it took, and what became of it.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use common::telemetry;
use futures_util::FutureExt;
use tokio::time::Instant;
use tracing::Instrument;

use super::Api;
use super::api_error::{ApiError, Internal, ProblemKind};
use super::request_id::{self, RequestId};

/// Goes around every request.
pub(super) async fn observe(State(api): State<Arc<Api>>, mut request: Request, next: Next) -> Response {
    let id = RequestId::of(request.headers());
    let route =
        request.extensions().get::<MatchedPath>().map_or("unmatched", |path| path.as_str()).to_owned();
    let method = request.method().clone();
    let span =
        tracing::info_span!("request", http.route = route, http.request.method = %method, request.id = id.0);
    telemetry::continue_trace(&span, request.headers());
    request.extensions_mut().insert(id.clone());
    let began = Instant::now();
    let answer = AssertUnwindSafe(next.run(request)).catch_unwind();
    let answer =
        request_id::CURRENT.scope(id.clone(), answer.map(|answer| answer.unwrap_or_else(|_| panicked())));
    let mut response = answer.instrument(span.clone()).await;
    if let Ok(value) = HeaderValue::try_from(&id.0) {
        response.headers_mut().insert(request_id::HEADER, value);
    }
    let took = began.elapsed();
    api.metrics.answered(&route, &method, response.status(), took);
    let duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    span.in_scope(|| log(&method, &route, &id, &response, duration_ms));
    response
}

/// The panic's own words are in the log already.
fn panicked() -> Response {
    ApiError::internal("a handler panicked".to_owned()).into_response()
}

fn log(method: &Method, route: &str, id: &RequestId, response: &Response, duration_ms: u64) {
    let status = response.status().as_u16();
    let problem = response.extensions().get::<ProblemKind>().map(|ProblemKind(slug)| *slug);
    let because = response.extensions().get::<Internal>().map(|Internal(text)| text.as_str());
    let id = &id.0;
    if response.status().is_server_error() && response.status() != StatusCode::INTERNAL_SERVER_ERROR {
        tracing::warn!(%method, route, status, problem, because, duration_ms, request.id = id, "request not served");
    } else if response.status().is_server_error() {
        tracing::error!(%method, route, status, problem, because, duration_ms, request.id = id, "request failed");
    } else if problem.is_some() {
        tracing::info!(%method, route, status, problem, because, duration_ms, request.id = id, "request refused");
    } else {
        tracing::debug!(%method, route, status, duration_ms, request.id = id, "request served");
    }
}

/// The trace context that a Job goes on with: the current span's where traces are kept, else the caller's own.
pub(super) fn traceparent(headers: &HeaderMap) -> Option<String> {
    let ours = telemetry::trace_headers()
        .into_iter()
        .find(|(name, _)| name == "traceparent")
        .map(|(_, value)| value);
    ours.or_else(|| {
        let given = headers.get("traceparent")?.to_str().ok()?;
        is_traceparent(given).then(|| given.to_owned())
    })
}

/// Whether a text is a `traceparent` of version 00 (W3C Trace Context, 3.2).
fn is_traceparent(text: &str) -> bool {
    let lengths = text.split('-').map(str::len);
    let hexadecimal = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte) || byte == b'-';
    text.starts_with("00-") && lengths.eq([2, 32, 16, 2]) && text.bytes().all(hexadecimal)
}

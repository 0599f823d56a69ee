//! The outer layer: gives each request an id and a span, logs it and counts it.

use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use tokio::time::Instant;
use tracing::Instrument;

use super::error::ErrorReport;
use super::metrics::HttpMetrics;
use super::refusal_lines::RefusalLines;
use super::request_id::{CURRENT_REQUEST_ID, REQUEST_ID_HEADER, RequestId};
use crate::telemetry;

/// The state of [`observe`].
pub(super) struct RequestLog {
    metrics: HttpMetrics,
    refusals: RefusalLines,
    /// The `WWW-Authenticate` header of responses with the status 401.
    challenge: HeaderValue,
}

impl RequestLog {
    /// # Panics
    /// When the service's name has characters that a header can't contain.
    pub(super) fn new(service: &str, metrics: HttpMetrics) -> Self {
        let challenge = HeaderValue::try_from(format!("Bearer realm=\"{service}\""));
        Self {
            metrics,
            refusals: RefusalLines::new(),
            challenge: challenge.expect("the name of a service is visible ASCII"),
        }
    }

    fn write_line(
        &self,
        method: &Method,
        route: &str,
        RequestId(id): &RequestId,
        status: StatusCode,
        report: Option<&ErrorReport>,
        duration_ms: u64,
    ) {
        let problem = report.map(|report| report.slug);
        let error = report.and_then(|report| report.internal_cause.as_deref());
        let is_internal = status == StatusCode::INTERNAL_SERVER_ERROR;
        let (is_server_error, status) = (status.is_server_error(), status.as_u16());
        if is_internal {
            tracing::error!(%method, route, status, problem, error, duration_ms, request.id = id, "request failed");
        } else if problem.is_none() && !is_server_error {
            tracing::debug!(%method, route, status, duration_ms, request.id = id, "request served");
        } else if let Some(omitted) = self.refusals.admit() {
            if is_server_error {
                tracing::warn!(%method, route, status, problem, error, duration_ms, request.id = id, omitted, "request not served");
            } else {
                tracing::info!(%method, route, status, problem, error, duration_ms, request.id = id, omitted, "request refused");
            }
        }
    }
}

pub(super) async fn observe(
    State(log): State<Arc<RequestLog>>,
    mut request: Request,
    next: Next,
) -> Response {
    let id = RequestId::from_headers(request.headers());
    let route =
        request.extensions().get::<MatchedPath>().map_or("unmatched", |path| path.as_str()).to_owned();
    let method = request.method().clone();
    let span =
        tracing::info_span!("request", http.route = route, http.request.method = %method, request.id = id.0);
    telemetry::continue_trace(&span, request.headers());
    request.extensions_mut().insert(id.clone());
    let started = Instant::now();
    let response = CURRENT_REQUEST_ID.scope(id.clone(), next.run(request));
    let mut response = response.instrument(span.clone()).await;
    if response.status() == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, log.challenge.clone());
    }
    if let Ok(value) = HeaderValue::try_from(&id.0) {
        response.headers_mut().insert(REQUEST_ID_HEADER, value);
    }
    let duration = started.elapsed();
    log.metrics.count_response(&route, &method, response.status(), duration);
    let report = response.extensions().get::<ErrorReport>();
    if let Some(reason) = report.and_then(|report| report.refusal_reason) {
        log.metrics.count_refusal(reason);
    }
    let duration_ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    span.in_scope(|| log.write_line(&method, &route, &id, response.status(), report, duration_ms));
    response
}

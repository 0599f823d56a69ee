//! Whether the program lives, and whether it can work.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::Api;

/// What a probe answers.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ProbeDocument {
    /// `ok`, or `not ready`.
    status: &'static str,
    /// What is not ready, and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    waiting_for: Vec<String>,
}

/// Ask whether the program lives
#[utoipa::path(
    get, path = "/healthz", operation_id = "healthz", tag = "probes", security(()),
    responses((status = 200, description = "It lives", body = ProbeDocument)),
)]
pub(super) async fn healthz() -> Json<ProbeDocument> {
    Json(ProbeDocument { status: "ok", waiting_for: Vec::new() })
}

/// Ask whether the program can work
///
/// It can as soon as it has seen its targets' Jobs once and its store answers. When the cluster goes away later it stays ready:
/// the history is still served, and requests for runs get an answer that says what is the matter.
#[utoipa::path(
    get, path = "/readyz", operation_id = "readyz", tag = "probes", security(()),
    responses(
        (status = 200, description = "It can", body = ProbeDocument),
        (status = 503, description = "It can't yet", body = ProbeDocument),
    ),
)]
pub(super) async fn readyz(State(api): State<Arc<Api>>) -> (StatusCode, Json<ProbeDocument>) {
    let mut waiting_for = Vec::new();
    if let Err(not_ready) = api.executor.readiness() {
        waiting_for.push(not_ready.to_string());
    }
    if let Err(error) = api.store.event_range().await {
        tracing::warn!(%error, "not ready");
        waiting_for.push("the store; the log says why".to_owned());
    }
    if waiting_for.is_empty() {
        (StatusCode::OK, Json(ProbeDocument { status: "ok", waiting_for }))
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, Json(ProbeDocument { status: "not ready", waiting_for }))
    }
}

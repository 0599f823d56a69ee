//! Whether the program lives, and whether it can work.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use tokio::time::timeout;
use utoipa::ToSchema;

use super::Api;

/// How long the store may take to answer. A kubelet waits for a second.
const STORE_TIMEOUT: Duration = Duration::from_millis(700);

/// What a probe answers.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ProbeDocument {
    /// `ok`, `degraded`, or `not ready`.
    status: &'static str,
    /// What is not ready, and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    waiting_for: Vec<String>,
    /// Why the program is degraded.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// Ask whether the program lives
#[utoipa::path(
    get, path = "/healthz", operation_id = "healthz", tag = "probes", security(()),
    responses((status = 200, description = "It lives", body = ProbeDocument)),
)]
pub(super) async fn healthz() -> Json<ProbeDocument> {
    Json(ProbeDocument { status: "ok", waiting_for: Vec::new(), reason: None })
}

/// Ask whether the program can work
///
/// It can as soon as it has seen its targets' Jobs once. When the cluster goes away later it stays ready: the history is
/// still served, and requests for runs get an answer that says what is the matter. While the history can't be read or
/// written, the program is `degraded`: it is still ready when it has targets whose Jobs can be started, as what happens to
/// them is stored later.
#[utoipa::path(
    get, path = "/readyz", operation_id = "readyz", tag = "probes", security(()),
    responses(
        (status = 200, description = "It can; `degraded` when the history can't be read or written", body = ProbeDocument),
        (status = 503, description = "It can't", body = ProbeDocument),
    ),
)]
pub(super) async fn readyz(State(api): State<Arc<Api>>) -> (StatusCode, Json<ProbeDocument>) {
    let mut waiting_for = Vec::new();
    if let Err(not_ready) = api.executor.readiness() {
        waiting_for.push(not_ready.to_string());
    }
    // The state after the read, which takes note of a database that is gone.
    let read = timeout(STORE_TIMEOUT, api.store.event_range()).await;
    let (is_read, fails) = (matches!(read, Ok(Ok(_))), matches!(read, Ok(Err(_))));
    let unwritable = api.store.unwritable();
    let reason = match unwritable {
        Some(unwritable) if fails => Some(format!("the history can't be read or written: {unwritable}")),
        // A slow read says nothing about reading.
        Some(unwritable) => Some(format!("the history can't be written: {unwritable}")),
        None if is_read => None,
        None => Some("the history does not answer".to_owned()),
    };
    // Tasks are queued in the store.
    if !is_read && api.dispatcher.targets().next().is_none() {
        waiting_for.push("the history".to_owned());
    }
    let (code, status) = match (&waiting_for[..], &reason) {
        ([], None) => (StatusCode::OK, "ok"),
        ([], Some(_)) => (StatusCode::OK, "degraded"),
        _ => (StatusCode::SERVICE_UNAVAILABLE, "not ready"),
    };
    (code, Json(ProbeDocument { status, waiting_for, reason }))
}

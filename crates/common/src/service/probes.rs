//! The routes `/healthz`, `/readyz` and `/metrics`.
#![expect(unused_qualifications, reason = "utoipa's macro qualifies the query's type")]

use std::sync::Arc;

use async_trait::async_trait;
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use prometheus_client::encoding::text;
use prometheus_client::registry::Registry;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::error::ServiceError;
use super::extract::QueryParams;

/// The paths that no limit applies to and that need no credential.
pub(super) const PROBE_PATHS: [&str; 3] = ["/healthz", "/readyz", "/metrics"];

/// What a service reports about itself.
#[async_trait]
pub trait ServiceStatus: Send + Sync {
    /// Whether the service can work. A kubelet waits for a second by default.
    async fn readiness(&self) -> Readiness;

    /// Sets the gauges that are read from elsewhere, before the metrics are written.
    async fn update_gauges(&self) {}
}

/// Whether a service can work.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Readiness {
    /// What the service waits for and why. It is ready when there is nothing.
    pub waiting_for: Vec<String>,
    /// Why a ready service is degraded.
    pub degraded: Option<String>,
    /// What an operator should know, although the service works. Only `/readyz?verbose` shows it.
    pub notices: Vec<String>,
}

/// The state of the probes' handlers.
#[derive(Clone)]
pub struct ProbeState {
    pub(super) status: Arc<dyn ServiceStatus>,
    pub(super) registry: Arc<Registry>,
}

/// The response of a probe.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProbeDocument {
    /// `ok`, `degraded`, or `not ready`.
    status: &'static str,
    /// What is not ready, and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    waiting_for: Vec<String>,
    /// Why the service is degraded.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// With `verbose`: what an operator should know, although the service works.
    #[serde(skip_serializing_if = "Option::is_none")]
    notices: Option<Vec<String>>,
}

/// Options of a probe.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ProbeQuery {
    /// Show notices too. The value does not matter, as in the probes of Kubernetes.
    #[param(value_type = Option<String>)]
    verbose: Option<IgnoredAny>,
}

/// The routes of the probes, with their OpenAPI documentation.
pub fn probe_routes() -> OpenApiRouter<ProbeState> {
    OpenApiRouter::new().routes(routes!(healthz)).routes(routes!(readyz)).routes(routes!(metrics))
}

/// Check whether the service is alive
#[utoipa::path(
    get, path = "/healthz", operation_id = "healthz", tag = "probes", security(()),
    responses((status = 200, description = "It is alive", body = ProbeDocument)),
)]
async fn healthz() -> Json<ProbeDocument> {
    Json(ProbeDocument { status: "ok", waiting_for: Vec::new(), reason: None, notices: None })
}

/// Check whether the service can work
#[utoipa::path(
    get, path = "/readyz", operation_id = "readyz", tag = "probes", security(()),
    params(ProbeQuery),
    responses(
        (status = 200, description = "It is ready, or `degraded`", body = ProbeDocument),
        (status = 503, description = "It is not ready", body = ProbeDocument),
    ),
)]
async fn readyz(
    State(state): State<ProbeState>,
    QueryParams(query): QueryParams<ProbeQuery>,
) -> (StatusCode, Json<ProbeDocument>) {
    let Readiness { waiting_for, degraded: reason, notices } = state.status.readiness().await;
    let (code, status) = match (&waiting_for[..], &reason) {
        ([], None) => (StatusCode::OK, "ok"),
        ([], Some(_)) => (StatusCode::OK, "degraded"),
        _ => (StatusCode::SERVICE_UNAVAILABLE, "not ready"),
    };
    let notices = query.verbose.is_some().then_some(notices);
    (code, Json(ProbeDocument { status, waiting_for, reason, notices }))
}

/// Read the metrics
#[utoipa::path(
    get, path = "/metrics", operation_id = "metrics", tag = "probes", security(()),
    responses((status = 200, description = "Metrics in the OpenMetrics text format", body = String,
               content_type = "application/openmetrics-text")),
)]
async fn metrics(
    State(state): State<ProbeState>,
) -> Result<([(HeaderName, &'static str); 1], String), ServiceError> {
    state.status.update_gauges().await;
    let mut page = String::new();
    text::encode(&mut page, &state.registry).map_err(|error| ServiceError::internal(error.to_string()))?;
    Ok(([(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], page))
}

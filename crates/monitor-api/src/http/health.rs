//! The routes about the service itself.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use common::service::ServiceError;
use serde::Serialize;
use utoipa::ToSchema;

use super::api::Api;
use super::error_format::{ErrorDocument, HEALTH_CHECK_FAILED};
use crate::domain::clock::utc_text;
use crate::domain::state::RegistryState;
use crate::system_load::SystemLoad;

/// The name of the replaced service, which clients look for.
const SERVICE: &str = "management-service";
const VERSION: &str = env!("CARGO_PKG_VERSION");

#[derive(Serialize, ToSchema)]
pub(super) struct WelcomeDocument {
    message: &'static str,
}

#[derive(Serialize, ToSchema)]
pub(super) struct HealthDocument {
    /// `healthy`; `degraded` while NATS is unavailable, the bucket is missing, or definitions can't be copied to it.
    status: &'static str,
    service: &'static str,
    version: &'static str,
    /// The address of NATS without credentials.
    nats_url: String,
}

#[derive(Serialize, ToSchema)]
pub(super) struct ReadyDocument {
    status: &'static str,
}

#[derive(Serialize, ToSchema)]
pub(super) struct StatusDocument {
    /// The current time in UTC.
    timestamp: String,
    uptime_seconds: f64,
    /// `development`, `staging` or `production`.
    environment: &'static str,
    /// The number of services with an instance that is not stale.
    connected_services: usize,
    deployment_version: String,
}

#[derive(Serialize, ToSchema)]
pub(super) struct DetailedHealthDocument {
    /// `healthy`; `degraded` while NATS is unavailable, the bucket is missing, or definitions can't be copied to it.
    status: &'static str,
    service: &'static str,
    version: &'static str,
    system_metrics: SystemLoad,
    dependencies: Dependencies,
}

#[derive(Serialize, ToSchema)]
struct Dependencies {
    nats: NatsHealth,
}

#[derive(Serialize, ToSchema)]
struct NatsHealth {
    /// `healthy` or `unhealthy`.
    status: &'static str,
    /// The time of a round trip; null when NATS does not answer.
    latency_ms: Option<f64>,
    /// Why it is unhealthy, as far as known, and the subjects that it denies to this service. Absent if there is no problem.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    problems: Vec<String>,
}

/// Be welcomed
#[utoipa::path(
    get, path = "/", operation_id = "welcome", tag = "health", security(()),
    responses((status = 200, description = "A message", body = WelcomeDocument)),
)]
pub(super) async fn welcome() -> Json<WelcomeDocument> {
    Json(WelcomeDocument { message: "Welcome to AegisTrader Management Service" })
}

/// Check whether the service is alive
#[utoipa::path(
    get, path = "/health", operation_id = "health", tag = "health", security(()),
    responses((status = 200, description = "It is alive", body = HealthDocument)),
)]
pub(super) async fn health(State(api): State<Arc<Api>>) -> Json<HealthDocument> {
    let nats_url = api.deployment.nats_url.clone();
    Json(HealthDocument { status: api.health_word(), service: SERVICE, version: VERSION, nats_url })
}

/// Check whether the service can work
#[utoipa::path(
    get, path = "/ready", operation_id = "ready", tag = "health", security(()),
    responses(
        (status = 200, description = "NATS answers", body = ReadyDocument),
        (status = 503, description = "NATS does not answer, or can't be used; the message has the reasons", body = ErrorDocument),
    ),
)]
pub(super) async fn ready(State(api): State<Arc<Api>>) -> Result<Json<ReadyDocument>, ServiceError> {
    if api.connection().is_available() {
        return Ok(Json(ReadyDocument { status: "ready" }));
    }
    let problems = api.backend.problems();
    let message = if problems.is_empty() {
        "NATS is unavailable".to_owned()
    } else {
        format!("NATS is unavailable: {}", problems.join("; "))
    };
    Err(ServiceError::new(HEALTH_CHECK_FAILED, message))
}

/// Get the state of the deployment
#[utoipa::path(
    get, path = "/status", operation_id = "status", tag = "health",
    responses((status = 200, description = "The state", body = StatusDocument)),
)]
pub(super) async fn status(State(api): State<Arc<Api>>) -> Json<StatusDocument> {
    Json(StatusDocument {
        timestamp: utc_text(api.clock.now()),
        uptime_seconds: api.uptime().as_secs_f64(),
        environment: api.deployment.environment,
        connected_services: api.cache.inspect(RegistryState::counts).services,
        deployment_version: api.deployment.version.clone(),
    })
}

/// Get the health of the service and of NATS
#[utoipa::path(
    get, path = "/health/detailed", operation_id = "detailedHealth", tag = "health",
    responses((status = 200, description = "The health", body = DetailedHealthDocument)),
)]
pub(super) async fn detailed(State(api): State<Arc<Api>>) -> Json<DetailedHealthDocument> {
    let latency = api.backend.latency().await;
    let latency_ms = latency.map(|latency| (latency.as_secs_f64() * 100_000.0).round() / 100.0);
    // An account without JetStream, or without the permissions, answers pings.
    let is_usable = latency.is_some() && api.connection().is_available();
    let nats_status = if is_usable { "healthy" } else { "unhealthy" };
    let problems = api.backend.problems();
    Json(DetailedHealthDocument {
        status: if latency.is_some() { api.health_word() } else { "degraded" },
        service: SERVICE,
        version: VERSION,
        system_metrics: api.system_load.read(),
        dependencies: Dependencies { nats: NatsHealth { status: nats_status, latency_ms, problems } },
    })
}

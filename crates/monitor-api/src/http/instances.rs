//! The routes of instances.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use common::service::PathSegment;
use registry_client::instance::InstanceStatus;
use serde::Serialize;
use utoipa::ToSchema;

use super::answers::{fresh_array, json_response, with_freshness};
use super::api::Api;
use super::api_error::ApiError;
use super::error_format::ErrorDocument;
use super::instance_document::InstanceDocument;
use crate::domain::connection::Bucket;
use crate::domain::queries::InstanceFilter;
use crate::domain::state::RegistryState;

/// The statuses that can be listed.
pub(super) const STATUSES: [InstanceStatus; 4] =
    [InstanceStatus::Active, InstanceStatus::Standby, InstanceStatus::Unhealthy, InstanceStatus::Shutdown];

/// Counts of instances.
#[derive(Serialize, ToSchema)]
pub(super) struct HealthSummary {
    /// Instances, whatever their status is.
    total: usize,
    active: usize,
    unhealthy: usize,
    standby: usize,
}

/// List the instances
///
/// Those whose last heartbeat is not older than the threshold, ordered by service and id.
#[utoipa::path(
    get, path = "/api/instances", operation_id = "listInstances", tag = "instances",
    responses((status = 200, description = "The instances", body = [InstanceDocument])),
)]
pub(super) async fn list(State(api): State<Arc<Api>>) -> Result<Response, ApiError> {
    filtered(&api, InstanceFilter::All)
}

/// List the instances of a service
#[utoipa::path(
    get, path = "/api/instances/{service}", operation_id = "listInstancesOfService", tag = "instances",
    params(("service" = String, Path, description = "The service's name")),
    responses((status = 200, description = "The instances; none for an unknown service", body = [InstanceDocument])),
)]
pub(super) async fn list_of_service(
    State(api): State<Arc<Api>>,
    PathSegment(service): PathSegment<String>,
) -> Result<Response, ApiError> {
    filtered(&api, InstanceFilter::Service(&service))
}

/// List the instances with a status
#[utoipa::path(
    get, path = "/api/instances/status/{status}", operation_id = "listInstancesByStatus", tag = "instances",
    params(("status" = String, Path, description = "ACTIVE, STANDBY, UNHEALTHY or SHUTDOWN")),
    responses(
        (status = 200, description = "The instances", body = [InstanceDocument]),
        (status = 400, description = "There is no such status", body = ErrorDocument),
    ),
)]
pub(super) async fn list_by_status(
    State(api): State<Arc<Api>>,
    PathSegment(word): PathSegment<String>,
) -> Result<Response, ApiError> {
    let status = STATUSES.into_iter().find(|status| status.as_str() == word).ok_or_else(|| {
        let words = STATUSES.map(|status| format!("'{}'", status.as_str())).join(", ");
        ApiError::bad_request(format!("Invalid status: {word}. Must be one of {{{words}}}"))
    })?;
    filtered(&api, InstanceFilter::Status(status))
}

/// Count the instances by status
#[utoipa::path(
    get, path = "/api/instances/health/summary", operation_id = "summarizeInstances", tag = "instances",
    responses((status = 200, description = "The counts", body = HealthSummary)),
)]
pub(super) async fn summary(State(api): State<Arc<Api>>) -> Result<Response, ApiError> {
    let answer = api.cache.read(Bucket::Instances, RegistryState::counts)?;
    let counts = answer.value;
    let summary = HealthSummary {
        total: counts.visible,
        active: counts.active,
        unhealthy: counts.unhealthy,
        standby: counts.standby,
    };
    Ok(with_freshness(answer.freshness, Json(summary).into_response()))
}

/// Get an instance
#[utoipa::path(
    get, path = "/api/instances/{service}/{id}", operation_id = "getInstance", tag = "instances",
    params(
        ("service" = String, Path, description = "The service's name"),
        ("id" = String, Path, description = "The instance's id"),
    ),
    responses(
        (status = 200, description = "The instance", body = InstanceDocument),
        (status = 404, description = "There is no such instance, or it is stale", body = ErrorDocument),
    ),
)]
pub(super) async fn get(
    State(api): State<Arc<Api>>,
    PathSegment((service, id)): PathSegment<(String, String)>,
) -> Result<Response, ApiError> {
    let answer = api.cache.read(Bucket::Instances, |state, now| state.instance_json(&service, &id, now))?;
    let json = answer.value.ok_or_else(|| ApiError::unknown_instance(&service, &id))?;
    Ok(with_freshness(answer.freshness, json_response(json.to_string())))
}

fn filtered(api: &Api, filter: InstanceFilter<'_>) -> Result<Response, ApiError> {
    Ok(fresh_array(api.cache.read(Bucket::Instances, |state, now| state.instances_json(filter, now))?))
}

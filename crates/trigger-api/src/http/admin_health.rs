//! The health of the service for the administrators' page of the replaced system.

use std::sync::Arc;

use axum::extract::State;
use axum::{Extension, Json};
use common::auth::Caller;
use common::service::{Readiness, ServiceStatus};
use jiff::Timestamp;
use serde::Serialize;
use trigger_core::access::{Action, authorize};
use trigger_core::target_name::TargetKind;
use utoipa::ToSchema;
use utoipa::openapi::schema::Object;

use super::Api;
use super::api_error::ApiError;
use super::documents::string_enum;
use super::status::access_of;

/// The tag of the routes that always require an administrator's credential.
pub(super) const ADMIN_TAG: &str = "admin";

/// The health of the service.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AdminHealth {
    /// `degraded` while the history can't be written or read, `unhealthy` while the service can't work.
    #[schema(schema_with = health_schema)]
    status: &'static str,
    /// The version of the service.
    version: &'static str,
    /// The time of the response.
    #[schema(value_type = String, format = DateTime)]
    timestamp: Timestamp,
    /// What is not healthy, and why.
    problems: Vec<String>,
}

/// Check the service as an administrator
///
/// It always requires an administrator's credential, so it also shows whether the credential is valid. `/readyz` needs none.
#[utoipa::path(
    get, path = "/api/admin/health", operation_id = "adminHealth", tag = ADMIN_TAG,
    responses((status = 200, description = "The health, also if the service is not healthy", body = AdminHealth)),
)]
pub(super) async fn admin_health(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
) -> Result<Json<AdminHealth>, ApiError> {
    authorize(&access_of(&caller), Action::ReadResult, TargetKind::Task)?;
    let Readiness { waiting_for, degraded, notices } = api.readiness().await;
    let status = match (waiting_for.is_empty(), &degraded) {
        (true, None) => "healthy",
        (true, Some(_)) => "degraded",
        (false, _) => "unhealthy",
    };
    let problems = waiting_for.into_iter().chain(degraded).chain(notices).collect();
    Ok(Json(AdminHealth {
        status,
        version: env!("CARGO_PKG_VERSION"),
        timestamp: Timestamp::now(),
        problems,
    }))
}

fn health_schema() -> Object {
    string_enum(&["healthy", "degraded", "unhealthy"])
}

//! Errors in the format of the clients: `{"error":{"code","message","details"}}`.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use common::service::{Problem, ProblemKind};
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

const fn kind(slug: &'static str, status: StatusCode, title: &'static str) -> ProblemKind {
    ProblemKind::new(slug, status, title)
}

/// The request has no field to update, or an unknown status.
pub(super) const HTTP_400: ProblemKind = kind("http-400", StatusCode::BAD_REQUEST, "The request is wrong");
/// No instance has the name.
pub(super) const HTTP_404: ProblemKind = kind("http-404", StatusCode::NOT_FOUND, "There is no such instance");
/// No definition has the name.
pub(super) const SERVICE_NOT_FOUND: ProblemKind =
    kind("service-not-found", StatusCode::NOT_FOUND, "There is no such service");
/// A definition has the name.
pub(super) const SERVICE_ALREADY_EXISTS: ProblemKind =
    kind("service-already-exists", StatusCode::CONFLICT, "The service exists already");
/// The definition was changed by another request.
pub(super) const CONCURRENT_UPDATE: ProblemKind =
    kind("concurrent-update", StatusCode::CONFLICT, "The service was changed by another request");
/// A field violates a rule.
pub(super) const VALIDATION_ERROR: ProblemKind =
    kind("validation-error", StatusCode::UNPROCESSABLE_ENTITY, "A field is not valid");
/// NATS rejected the request.
pub(super) const KV_STORE_ERROR: ProblemKind =
    kind("kv-store-error", StatusCode::INTERNAL_SERVER_ERROR, "The store failed");
/// NATS does not answer, so the service is not ready.
pub(super) const HEALTH_CHECK_FAILED: ProblemKind =
    kind("health-check-failed", StatusCode::SERVICE_UNAVAILABLE, "The service is not ready");
/// NATS does not answer.
pub(super) const SERVICE_UNAVAILABLE: ProblemKind =
    kind("service-unavailable", StatusCode::SERVICE_UNAVAILABLE, "NATS is unavailable");

/// The kinds whose code is their slug.
const OWN_KINDS: [ProblemKind; 9] = [
    HTTP_400,
    HTTP_404,
    SERVICE_NOT_FOUND,
    SERVICE_ALREADY_EXISTS,
    CONCURRENT_UPDATE,
    VALIDATION_ERROR,
    KV_STORE_ERROR,
    HEALTH_CHECK_FAILED,
    SERVICE_UNAVAILABLE,
];

/// An error.
#[derive(Serialize, ToSchema)]
pub(super) struct ErrorDocument {
    error: ErrorBody,
}

#[derive(Serialize, ToSchema)]
struct ErrorBody {
    /// The kind of error, which never changes.
    #[schema(example = "SERVICE_NOT_FOUND")]
    code: String,
    /// What happened, to which thing.
    message: String,
    /// What belongs to the kind, such as `service_name`.
    #[schema(value_type = Option<Object>)]
    details: Option<Map<String, Value>>,
}

/// Makes the response to a request that failed.
pub fn format_error(problem: &Problem) -> Response {
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    // Errors of routing have the short form of the framework that the clients are used to.
    if [ProblemKind::UNKNOWN_ROUTE, ProblemKind::METHOD_NOT_ALLOWED]
        .map(|kind| kind.slug)
        .contains(&problem.slug())
    {
        return (status, Json(json!({ "detail": status.canonical_reason() }))).into_response();
    }
    let details = Some(problem.extensions.clone()).filter(|details| !details.is_empty());
    let error = ErrorBody { code: code(problem, status), message: problem.detail.clone(), details };
    (status, Json(ErrorDocument { error })).into_response()
}

fn code(problem: &Problem, status: StatusCode) -> String {
    match status {
        _ if OWN_KINDS.iter().any(|kind| kind.slug == problem.slug()) => {
            problem.slug().to_ascii_uppercase().replace('-', "_")
        }
        StatusCode::INTERNAL_SERVER_ERROR => "INTERNAL_ERROR".to_owned(),
        StatusCode::SERVICE_UNAVAILABLE => "SERVICE_UNAVAILABLE".to_owned(),
        status => format!("HTTP_{}", status.as_u16()),
    }
}

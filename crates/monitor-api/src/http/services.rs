//! The routes of definitions.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use common::service::PathSegment;
use serde::Serialize;
use utoipa::ToSchema;

use super::answers::{fresh_array, with_freshness};
use super::api::Api;
use super::api_error::ApiError;
use super::definition_bodies::{ChangeRequest, CreateRequest, NewServiceDocument, ServiceChangesDocument};
use super::error_format::ErrorDocument;
use crate::domain::cache::Answer;
use crate::domain::connection::Bucket;
use crate::domain::definition::{Definition, StoredDefinition};

/// A definition with its revision.
#[derive(Serialize, ToSchema)]
pub(super) struct ServiceWithRevision {
    service: Definition,
    /// For `revision` of a change.
    revision: u64,
}

/// List the definitions
#[utoipa::path(
    get, path = "/api/services", operation_id = "listServices", tag = "services",
    responses((status = 200, description = "The definitions, ordered by name", body = [Definition])),
)]
pub(super) async fn list(State(api): State<Arc<Api>>) -> Result<Response, ApiError> {
    Ok(fresh_array(api.cache.read(Bucket::Definitions, |state, _| state.definitions_json())?))
}

/// Create a definition
#[utoipa::path(
    post, path = "/api/services", operation_id = "createService", tag = "services",
    request_body = NewServiceDocument,
    responses(
        (status = 201, description = "The definition", body = Definition,
         headers(("Location" = String, description = "Its path"))),
        (status = 409, description = "A service has this name", body = ErrorDocument),
        (status = 422, description = "A field is not valid", body = ErrorDocument),
        (status = 503, description = "NATS is unavailable and nothing was changed, or it did not confirm the change, which may have been \
                                      made: the message states which. Or a limit is reached", body = ErrorDocument),
    ),
)]
pub(super) async fn create(
    State(api): State<Arc<Api>>,
    CreateRequest(fields): CreateRequest,
) -> Result<Response, ApiError> {
    let name = fields.service_name.clone();
    let created = api.definitions.create(fields).await;
    let definition = created.map_err(|error| ApiError::of_definition(error, &name))?;
    let location = [(header::LOCATION, format!("/api/services/{name}"))];
    Ok((StatusCode::CREATED, location, Json(definition)).into_response())
}

/// Get a definition
#[utoipa::path(
    get, path = "/api/services/{name}", operation_id = "getService", tag = "services",
    params(("name" = String, Path, description = "The service's name")),
    responses(
        (status = 200, description = "The definition", body = Definition),
        (status = 404, description = "There is no such service", body = ErrorDocument),
    ),
)]
pub(super) async fn get(
    State(api): State<Arc<Api>>,
    PathSegment(name): PathSegment<String>,
) -> Result<Response, ApiError> {
    let Answer { value, freshness } = find(&api, &name)?;
    Ok(with_freshness(freshness, Json(value.definition).into_response()))
}

/// Get a definition with its revision
#[utoipa::path(
    get, path = "/api/services/{name}/revision", operation_id = "getServiceRevision", tag = "services",
    params(("name" = String, Path, description = "The service's name")),
    responses(
        (status = 200, description = "The definition and its revision", body = ServiceWithRevision),
        (status = 404, description = "There is no such service", body = ErrorDocument),
    ),
)]
pub(super) async fn get_revision(
    State(api): State<Arc<Api>>,
    PathSegment(name): PathSegment<String>,
) -> Result<Response, ApiError> {
    let Answer { value: StoredDefinition { definition, revision }, freshness } = find(&api, &name)?;
    let document = ServiceWithRevision { service: definition, revision };
    Ok(with_freshness(freshness, Json(document).into_response()))
}

/// Change a definition
///
/// With a `revision`, the definition is changed only if it has this revision.
#[utoipa::path(
    put, path = "/api/services/{name}", operation_id = "updateService", tag = "services",
    params(("name" = String, Path, description = "The service's name")),
    request_body = ServiceChangesDocument,
    responses(
        (status = 200, description = "The changed definition", body = Definition),
        (status = 400, description = "There are no fields to update", body = ErrorDocument),
        (status = 404, description = "There is no such service", body = ErrorDocument),
        (status = 409, description = "The definition has another revision", body = ErrorDocument),
        (status = 422, description = "A field is not valid", body = ErrorDocument),
        (status = 503, description = "NATS is unavailable and nothing was changed, or it did not confirm the change, which may have been \
                                      made: the message states which. Or a limit is reached", body = ErrorDocument),
    ),
)]
pub(super) async fn update(
    State(api): State<Arc<Api>>,
    PathSegment(name): PathSegment<String>,
    ChangeRequest { changes, expected_revision }: ChangeRequest,
) -> Result<Json<Definition>, ApiError> {
    let changed = api.definitions.change(&name, &changes, expected_revision).await;
    changed.map(Json).map_err(|error| ApiError::of_definition(error, &name))
}

/// Delete a definition
#[utoipa::path(
    delete, path = "/api/services/{name}", operation_id = "deleteService", tag = "services",
    params(("name" = String, Path, description = "The service's name")),
    responses(
        (status = 204, description = "It is deleted"),
        (status = 404, description = "There is no such service", body = ErrorDocument),
        (status = 503, description = "NATS is unavailable and nothing was changed, or it did not confirm the change, which may have been \
                                      made: the message states which. Or a limit is reached", body = ErrorDocument),
    ),
)]
pub(super) async fn delete(
    State(api): State<Arc<Api>>,
    PathSegment(name): PathSegment<String>,
) -> Result<StatusCode, ApiError> {
    let deleted = api.definitions.delete(&name).await;
    deleted.map(|()| StatusCode::NO_CONTENT).map_err(|error| ApiError::of_definition(error, &name))
}

fn find(api: &Api, name: &str) -> Result<Answer<StoredDefinition>, ApiError> {
    let Answer { value, freshness } = api.cache.definition(name)?;
    let value = value.ok_or_else(|| ApiError::unknown_service(name))?.stored;
    Ok(Answer { value, freshness })
}

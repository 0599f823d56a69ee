//! What can be started.

use std::sync::Arc;

use axum::extract::State;
use axum::{Extension, Json};
use common::auth::Caller;
use common::service::{PathSegment, RequestId};
use futures_util::future::{join, join_all};
use trigger_core::request::RunRequest;
use trigger_core::target::Target;
use trigger_core::target_name::TargetName;

use super::Api;
use super::api_error::ApiError;
use super::body::StartBody;
use super::problem_document::ProblemDocument;
use super::status::access_of;
use super::target_documents::{PreviewDocument, TargetDocument, TargetPage};

/// List the targets
#[utoipa::path(
    get, path = "/v1/targets", operation_id = "listTargets", tag = "targets",
    responses((status = 200, description = "The targets", body = TargetPage)),
)]
pub(super) async fn list_targets(State(api): State<Arc<Api>>) -> Json<TargetPage> {
    // Read first, so that no event is missed between the list and the stream.
    let event = api.runs.last_event().await.ok();
    let targets = api.runs.targets().iter().map(|target| describe(&api, target));
    Json(TargetPage { targets: join_all(targets).await, event })
}

/// Get a target
#[utoipa::path(
    get, path = "/v1/targets/{target}", operation_id = "getTarget", tag = "targets",
    params(("target" = String, Path, description = "The target's name")),
    responses(
        (status = 200, description = "The target", body = TargetDocument),
        (status = 404, description = "There is no such target", body = ProblemDocument, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn get_target(
    State(api): State<Arc<Api>>,
    PathSegment(name): PathSegment<TargetName>,
) -> Result<Json<TargetDocument>, ApiError> {
    let target = api.runs.target(&name)?;
    Ok(Json(describe(&api, target).await))
}

/// Preview a run
///
/// The Job that would be created, and whether a start by this caller would be accepted now. Nothing is started. A task has no Job.
#[utoipa::path(
    get, path = "/v1/targets/{target}/preview", operation_id = "previewRun", tag = "targets",
    params(("target" = String, Path, description = "The target's name")),
    responses(
        (status = 200, description = "What a start would do", body = PreviewDocument),
        (status = 404, description = "There is no such target, or no such CronJob", body = ProblemDocument, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn preview(
    State(api): State<Arc<Api>>,
    PathSegment(name): PathSegment<TargetName>,
    Extension(caller): Extension<Caller>,
    Extension(RequestId(request_id)): Extension<RequestId>,
) -> Result<Json<PreviewDocument>, ApiError> {
    previewed(&api, &name, &caller, request_id, StartBody::default()).await
}

/// Preview a run with parameters
///
/// Like `GET`, for a start with that body.
#[utoipa::path(
    post, path = "/v1/targets/{target}/preview", operation_id = "previewRunWithParameters", tag = "targets",
    request_body(content = Option<StartBody>, content_type = "application/json"),
    params(("target" = String, Path, description = "The target's name")),
    responses(
        (status = 200, description = "What a start would do", body = PreviewDocument),
        (status = 404, description = "There is no such target, or no such CronJob", body = ProblemDocument, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn preview_with_parameters(
    State(api): State<Arc<Api>>,
    PathSegment(name): PathSegment<TargetName>,
    Extension(caller): Extension<Caller>,
    Extension(RequestId(request_id)): Extension<RequestId>,
    body: StartBody,
) -> Result<Json<PreviewDocument>, ApiError> {
    previewed(&api, &name, &caller, request_id, body).await
}

async fn previewed(
    api: &Api,
    name: &TargetName,
    caller: &Caller,
    request_id: String,
    body: StartBody,
) -> Result<Json<PreviewDocument>, ApiError> {
    let target = api.runs.target(name)?;
    let caller = access_of(caller);
    let request = RunRequest {
        caller: caller.requester().to_owned(),
        via: caller.via().map(str::to_owned),
        request_id,
        reason: body.reason,
        parameters: body.parameters.0,
        ..RunRequest::default()
    };
    let preview = api.runs.preview(&caller, target, &request).await?;
    let problem = preview.rejection.map(|rejection| ApiError::from(rejection).problem());
    Ok(Json(PreviewDocument { allowed: problem.is_none(), problem, job: preview.job }))
}

async fn describe(api: &Api, target: &Target) -> TargetDocument {
    let (status, history) = join(api.runs.status(target), api.runs.history(target)).await;
    let history = history.inspect_err(|error| {
        tracing::warn!(%error, target = %target.name(), "cannot read the latest runs of a target");
    });
    TargetDocument::new(target, status.map_err(ApiError::from), history.ok())
}

//! What can be started.

use std::sync::Arc;

use axum::extract::State;
use axum::{Extension, Json};

use super::Api;
use super::api_error::ApiError;
use super::documents::{PreviewDocument, TargetDocument, TargetPage};
use super::extract::Segment;
use super::gate::Caller;
use super::problem::Problem;
use super::request_id::RequestId;
use trigger_core::request::RunRequest;
use trigger_core::target::{Target, TargetName};
use trigger_core::task::TaskTarget;

/// List the targets
#[utoipa::path(
    get, path = "/v1/targets", operation_id = "listTargets", tag = "targets",
    responses((status = 200, description = "What can be started", body = TargetPage)),
)]
pub(super) async fn list_targets(State(api): State<Arc<Api>>) -> Json<TargetPage> {
    let jobs = api.dispatcher.targets().map(|target| describe(&api, target));
    let mut targets = futures_util::future::join_all(jobs).await;
    let tasks = api.queue.targets().map(|target| describe_task(&api, target));
    targets.extend(futures_util::future::join_all(tasks).await);
    Json(TargetPage { targets })
}

/// Look at a target
#[utoipa::path(
    get, path = "/v1/targets/{target}", operation_id = "getTarget", tag = "targets",
    params(("target" = String, Path, description = "The target's name")),
    responses(
        (status = 200, description = "The target", body = TargetDocument),
        (status = 404, description = "There is no such target", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn get_target(
    State(api): State<Arc<Api>>,
    Segment(name): Segment<TargetName>,
) -> Result<Json<TargetDocument>, ApiError> {
    if let Some(task) = api.queue.target(&name) {
        return Ok(Json(describe_task(&api, task).await));
    }
    let target = api.dispatcher.target(&name)?;
    Ok(Json(describe(&api, target).await))
}

/// See what a run would be
///
/// The Job that would be made, and whether it would be allowed now. Nothing is started. A task makes no Job.
#[utoipa::path(
    get, path = "/v1/targets/{target}/preview", operation_id = "previewRun", tag = "targets",
    params(("target" = String, Path, description = "The target's name")),
    responses(
        (status = 200, description = "What would be started", body = PreviewDocument),
        (status = 404, description = "There is no such target, or no such CronJob", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn preview(
    State(api): State<Arc<Api>>,
    Segment(name): Segment<TargetName>,
    Extension(caller): Extension<Caller>,
    Extension(RequestId(request_id)): Extension<RequestId>,
) -> Result<Json<PreviewDocument>, ApiError> {
    if let Some(task) = api.queue.target(&name) {
        let problem = api.queue.rejection(task).await?.map(|rejection| ApiError::from(rejection).problem());
        return Ok(Json(PreviewDocument { allowed: problem.is_none(), problem, job: None }));
    }
    let target = api.dispatcher.target(&name)?;
    let request = RunRequest { caller: caller.name, request_id, ..RunRequest::default() };
    let preview = api.dispatcher.preview(target, &request).await?;
    let problem = preview.rejection.map(|rejection| ApiError::from(rejection).problem());
    Ok(Json(PreviewDocument { allowed: problem.is_none(), problem, job: Some(preview.job) }))
}

async fn describe(api: &Api, target: &Target) -> TargetDocument {
    let snapshot = api.dispatcher.inspect(target).await;
    TargetDocument::new(target, snapshot.map_err(|error| ApiError::from(error).problem()))
}

async fn describe_task(api: &Api, target: &TaskTarget) -> TargetDocument {
    let active = api.store.unfinished(&target.name).await;
    TargetDocument::of_task(target, active.map_err(|error| ApiError::from(error).problem()))
}

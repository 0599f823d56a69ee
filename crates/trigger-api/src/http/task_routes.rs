//! The routes that tasks have of their own, made from their definitions.

mod body;
mod documents;
mod openapi;

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json};
use common::auth::Caller;
use common::service::{PathSegment, Representation, read_json};
use trigger_core::access::{Action, authorize};
use trigger_core::run::{RunId, State as RunState};
use trigger_core::runs::RunError;
use trigger_core::target::Target;
use trigger_core::target_name::TargetKind;
use trigger_core::task::TaskDefinition;
use utoipa_axum::router::OpenApiRouter;

use self::body::start_body;
use self::documents::{TaskStarted, TaskStatus};
use super::Api;
use super::api_error::ApiError;
use super::headers::{poll_again, response_headers};
use super::problem_kinds::UNKNOWN_TARGET;
use super::results::{html, page_of, private};
use super::sender::Sender;
use super::starting;
use super::status::access_of;

/// Adds the routes of those tasks.
pub(super) fn add(
    mut routes: OpenApiRouter<Arc<Api>>,
    tasks: &[&'static TaskDefinition],
) -> OpenApiRouter<Arc<Api>> {
    for task in tasks {
        if let Some(own) = &task.routes {
            let handlers = start_route(task);
            routes = routes.routes((openapi::schemas(), openapi::start_path(task, own), handlers));
            let handlers = status_route(task);
            routes = routes.routes((openapi::schemas(), openapi::status_path(own), handlers));
        }
    }
    routes
}

fn start_route(task: &'static TaskDefinition) -> axum::routing::MethodRouter<Arc<Api>> {
    post(move |State(api): State<Arc<Api>>, sender, headers, request| {
        start(api, task, sender, headers, request)
    })
}

fn status_route(task: &'static TaskDefinition) -> axum::routing::MethodRouter<Arc<Api>> {
    get(move |State(api): State<Arc<Api>>, Extension(caller), PathSegment(id), headers| {
        status(api, task, caller, id, headers)
    })
}

async fn start(
    api: Arc<Api>,
    task: &'static TaskDefinition,
    sender: Sender,
    headers: HeaderMap,
    request: Request,
) -> Result<Response, ApiError> {
    // The body of a caller that may not start the task is not read.
    authorize(&access_of(&sender.caller), Action::Start, TargetKind::Task)?;
    start_task(&api, target_of(&api, task)?, task, sender, &headers, request).await
}

/// Starts a run of the task, and responds as the task's own route does.
pub(super) async fn start_task(
    api: &Api,
    target: &Target,
    task: &'static TaskDefinition,
    sender: Sender,
    headers: &HeaderMap,
    request: Request,
) -> Result<Response, ApiError> {
    let body = start_body(task, read_json(request).await?)?;
    let (started, waited) = starting::start(api, target, sender, headers, body, None).await?;
    let (location, message) = match &task.routes {
        Some(own) => (format!("{}/{}", own.status.path, started.run.id), own.started_message),
        None => (starting::location(&started.run), "The run is queued"),
    };
    let headers = response_headers(&started.run, &location, waited);
    Ok((StatusCode::ACCEPTED, headers, Json(TaskStarted::new(&started.run, message))).into_response())
}

async fn status(
    api: Arc<Api>,
    task: &'static TaskDefinition,
    caller: Caller,
    id: RunId,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let caller = access_of(&caller);
    authorize(&caller, Action::ReadResult, TargetKind::Task)?;
    let representation = Representation::preferred(&headers)?;
    let run = api.runs.find(&id).await?;
    if run.target != *target_of(&api, task)?.name() {
        return Err(RunError::UnknownRun(id).into());
    }
    if representation == Representation::Html {
        return Ok(html(page_of(&api, &caller, &run).await?));
    }
    let result = match run.state {
        RunState::Succeeded => api.runs.result(&caller, &run).await?,
        _ => None,
    };
    let mut response = (private(), Json(TaskStatus::new(&run, result))).into_response();
    response.headers_mut().extend(poll_again(&run));
    Ok(response)
}

fn target_of<'a>(api: &'a Api, task: &TaskDefinition) -> Result<&'a Target, ApiError> {
    let target = api.runs.target_of_task(task.name);
    target.ok_or_else(|| ApiError::new(UNKNOWN_TARGET, task.not_configured))
}

//! Routes that the configuration adds: each path starts one target.
//!
//! The path of a CronJob is answered as `/trigger-sync` is, and the path of a task as the task's own route.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{FromRequest, Request, State};
use axum::http::HeaderMap;
use axum::routing::{MethodRouter, post};
use common::config::ConfigError;
use trigger_core::access::{Action, authorize};
use trigger_core::target::{Target, Targets};
use trigger_core::target_name::{TargetKind, TargetName};
use trigger_core::task::{TaskDefinition, TaskTarget};
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use super::Api;
use super::body::StartBody;
use super::sender::Sender;
use super::status::access_of;
use super::{document, starting, task_routes};
use crate::config::invalid_alias;

/// The paths and their targets.
#[derive(Default)]
pub struct Aliases(Vec<(String, Target)>);

impl Aliases {
    /// The paths, for these targets.
    ///
    /// # Errors
    /// When there is no target of a name, or a path is that of another route.
    pub fn new(
        paths: &BTreeMap<String, TargetName>,
        targets: &Targets,
        tasks: &[&'static TaskDefinition],
    ) -> Result<Self, ConfigError> {
        let document = document(tasks, &Self::default());
        let aliases = paths.iter().map(|(path, name)| {
            if let Some(route) = document.paths.paths.keys().find(|route| matches(route, path)) {
                return Err(invalid_alias(format!(
                    "{path} is the route {route} already; choose another path"
                )));
            }
            let target = targets.get(name).cloned().ok_or_else(|| {
                invalid_alias(format!("{path}: there is no target {name}; `targets` lists all of them"))
            })?;
            Ok((path.clone(), target))
        });
        aliases.collect::<Result<_, _>>().map(Self)
    }

    /// Adds the routes.
    pub(super) fn add(&self, routes: OpenApiRouter<Arc<Api>>) -> OpenApiRouter<Arc<Api>> {
        self.0.iter().fold(routes, |routes, (path, target)| routes.route(path, start_route(target.clone())))
    }

    /// Describes the routes: each is a copy of the route that it is answered as.
    pub(super) fn describe(&self, document: &mut OpenApi) {
        for (number, (path, target)) in self.0.iter().enumerate() {
            let original = match target {
                Target::CronJob(_) => Some("/trigger-sync"),
                Target::Task(target) => target.task.definition().routes.as_ref().map(|own| own.start.path),
            };
            let item = original.and_then(|original| document.paths.paths.get(original)).cloned();
            if let Some(mut item) = item {
                if let Some(operation) = &mut item.post {
                    operation.operation_id = Some(format!("alias{}", number + 1));
                    operation.summary = Some(format!("Start {}", target.name()));
                }
                document.paths.paths.insert(path.clone(), item);
            }
        }
    }
}

/// Whether the path is one of the route's, whose parameters match any segment.
fn matches(route: &str, path: &str) -> bool {
    let (mut segments, mut of_path) = (route.split('/'), path.split('/'));
    loop {
        match (segments.next(), of_path.next()) {
            (None, None) => return true,
            (Some(segment), Some(text)) if segment == text || segment.starts_with('{') => {}
            _ => return false,
        }
    }
}

fn start_route(target: Target) -> MethodRouter<Arc<Api>> {
    let start =
        async |target: Target, api: Arc<Api>, sender: Sender, headers: HeaderMap, request: Request| {
            match &target {
                Target::CronJob(_) => {
                    let body = StartBody::from_request(request, &()).await?;
                    starting::start_job(&api, &target, sender, &headers, body).await
                }
                Target::Task(TaskTarget { task, .. }) => {
                    authorize(&access_of(&sender.caller), Action::Start, TargetKind::Task)?;
                    let task = task.definition();
                    task_routes::start_task(&api, &target, task, sender, &headers, request).await
                }
            }
        };
    post(move |State(api): State<Arc<Api>>, sender, headers, request| {
        start(target.clone(), api, sender, headers, request)
    })
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn a_path_is_compared_with_a_route_segment_by_segment() {
        for (route, path, expected) in [
            ("/trigger-sync", "/trigger-sync", true),
            ("/trigger-sync", "/trigger-sync-2", false),
            ("/v1/runs/{run}", "/v1/runs/latest", true),
            ("/v1/runs/{run}", "/v1/runs", false),
            ("/v1/runs/{run}/logs", "/v1/runs/latest/logs", true),
            ("/v1/runs/{run}/logs", "/v1/runs/latest/text", false),
        ] {
            assert_eq!(matches(route, path), expected, "{route} {path}");
        }
    }
}

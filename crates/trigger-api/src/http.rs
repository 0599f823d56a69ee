//! The HTTP interface: routes, their documents, and the mapping of errors to problems.
//!
//! [`common::service`] has all other parts of the service. Handlers call only [`Runs`].

pub mod metrics;
pub mod problem_kinds;

mod admin_health;
mod aliases;
mod api_error;
mod body;
mod documents;
mod events;
mod headers;
mod links;
mod list_query;
mod logs;
mod openapi;
mod page;
mod problem_document;
mod results;
mod run_page;
mod runs;
mod sender;
mod starting;
mod status;
mod target_documents;
mod target_history;
mod targets;
mod task_routes;
mod viewing;
mod whoami;

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn;
use common::service::{ServiceRoutes, probe_routes, trailing_slash_redirects};
use trigger_core::task::TaskDefinition;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use self::aliases::Aliases;
pub use self::status::Api;

/// All routes, including those of the tasks and those that the configuration adds.
pub fn service_routes(api: &Arc<Api>, tasks: &[&'static TaskDefinition], aliases: &Aliases) -> ServiceRoutes {
    let document = document(tasks, aliases);
    let redirects = trailing_slash_redirects(&document);
    let open =
        Router::new().route("/openapi.json", openapi::route(to_json(&document).into())).merge(redirects);
    let protected = aliases.add(protected_routes(tasks)).layer(from_fn(viewing::require_view));
    let (protected, _) = protected.with_state(Arc::clone(api)).split_for_parts();
    ServiceRoutes { open, protected }
}

/// The OpenAPI document of the routes, without those that the configuration adds.
pub fn openapi_json(tasks: &[&'static TaskDefinition]) -> String {
    to_json(&document(tasks, &Aliases::default()))
}

fn document(tasks: &[&'static TaskDefinition], aliases: &Aliases) -> OpenApi {
    let mut document = protected_routes(tasks).into_openapi();
    document.merge(probe_routes().into_openapi());
    document.merge(openapi::own_route());
    let mut document = openapi::complete(document, tasks);
    aliases.describe(&mut document);
    document
}

fn to_json(document: &OpenApi) -> String {
    document.to_pretty_json().expect("an OpenAPI document is JSON")
}

/// The routes that require a credential as soon as one is configured.
fn protected_routes(tasks: &[&'static TaskDefinition]) -> OpenApiRouter<Arc<Api>> {
    let routes = OpenApiRouter::new()
        .routes(routes!(starting::trigger_sync))
        .routes(routes!(starting::start_run))
        .routes(routes!(targets::list_targets))
        .routes(routes!(targets::get_target))
        .routes(routes!(targets::preview, targets::preview_with_parameters))
        .routes(routes!(runs::list_runs))
        .routes(routes!(runs::get_run, runs::cancel_run))
        .routes(routes!(starting::retry_run))
        .routes(routes!(logs::get_logs))
        .routes(routes!(results::get_result))
        .routes(routes!(events::run_events))
        .routes(routes!(events::all_events))
        .routes(routes!(whoami::whoami))
        .routes(routes!(admin_health::admin_health));
    task_routes::add(routes, tasks)
}

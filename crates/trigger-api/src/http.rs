//! The HTTP interface: routes, what they take and give, and what stands before them.
//!
//! It knows the domain and nothing of what is behind it. [`server`] reads connections, [`gate`] lets requests
//! in, the modules named after resources answer them, and [`problem`] has the one shape that errors take.

pub mod gate;
pub mod metrics;
pub mod server;
pub mod streams;

mod accept;
mod api_error;
mod documents;
mod events;
mod extract;
mod links;
mod logs;
mod openapi;
mod page;
mod portfolio;
mod probes;
mod problem;
mod request_id;
mod results;
mod runs;
mod starting;
mod targets;
mod trace;

use std::sync::Arc;

use axum::{Router, middleware};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use self::api_error::ApiError;
use self::gate::Gate;
use self::metrics::Metrics;
use self::streams::Streams;
use trigger_core::dispatcher::Dispatcher;
use trigger_core::feed::Feed;
use trigger_core::log_buffers::LogBuffers;
use trigger_core::ports::{Executor, RunStore};
use trigger_core::recorder::Recorder;
use trigger_core::task_queue::TaskQueue;

/// What the handlers share.
pub struct Api {
    /// Starts and ends runs.
    pub dispatcher: Dispatcher,
    /// Takes requests for tasks.
    pub queue: Arc<TaskQueue>,
    /// Says whether it is ready.
    pub executor: Arc<dyn Executor>,
    /// Remembers runs.
    pub store: Arc<dyn RunStore>,
    /// Knows runs, also those that are not stored yet.
    pub recorder: Arc<Recorder>,
    /// Tells what changes.
    pub feed: Arc<Feed>,
    /// The logs that grow.
    pub book: Arc<LogBuffers>,
    /// Counts.
    pub metrics: Arc<Metrics>,
    /// The answers that go on.
    pub streams: Streams,
}

/// The whole interface.
pub fn router(api: Arc<Api>, gate: Arc<Gate>) -> Router {
    let open = open_routes().with_state(Arc::clone(&api));
    let guarded = guarded_routes().with_state(Arc::clone(&api));
    let guarded = guarded.layer(middleware::from_fn_with_state(Arc::clone(&gate), gate::admit));
    let (router, _) = open.merge(guarded).split_for_parts();
    router
        .fallback(|| async { ApiError::unknown_route() })
        .method_not_allowed_fallback(|| async { ApiError::method_not_allowed() })
        .layer(middleware::from_fn_with_state(gate, gate::bound))
        .layer(middleware::from_fn_with_state(api, trace::observe))
}

/// The OpenAPI document, as `/openapi.json` has it.
///
/// # Panics
/// When it can't be written as JSON, which a test rules out.
pub fn openapi_json() -> String {
    let api = openapi::described(open_routes().merge(guarded_routes()));
    api.to_pretty_json().expect("an OpenAPI document is JSON")
}

/// Routes that need no credential.
fn open_routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(probes::healthz))
        .routes(routes!(probes::readyz))
        .routes(routes!(metrics::metrics))
        .routes(routes!(openapi::openapi))
}

/// Routes that need a credential as soon as one is configured.
fn guarded_routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(starting::trigger_sync))
        .routes(routes!(starting::start_run))
        .routes(routes!(targets::list_targets))
        .routes(routes!(targets::get_target))
        .routes(routes!(targets::preview))
        .routes(routes!(runs::list_runs))
        .routes(routes!(runs::get_run, runs::cancel_run))
        .routes(routes!(logs::get_logs))
        .routes(routes!(results::get_result))
        .routes(routes!(events::run_events))
        .routes(routes!(events::all_events))
        .routes(routes!(portfolio::trigger_analysis))
        .routes(routes!(portfolio::analysis_status))
}

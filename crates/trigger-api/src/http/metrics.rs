//! Counts, as Prometheus reads them.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderName, Method, StatusCode, header};
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use tokio::time::timeout;

use super::Api;
use super::api_error::ApiError;
use trigger_core::dispatcher::{StartError, Started};
use trigger_core::run::Run;
use trigger_core::target::TargetName;
use trigger_core::task_queue::QueueDepth;

/// Upper bounds of the duration's buckets, in seconds.
const BUCKETS: [f64; 10] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.5, 10.0];

/// How long the store may take to count the runs of tasks: a scrape must not wait for it.
const STORE_TIMEOUT: Duration = Duration::from_millis(300);

/// What is counted.
pub struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    durations: Family<RouteLabels, Histogram, fn() -> Histogram>,
    runs_requested: Family<OutcomeLabels, Counter>,
    runs_ended: Family<EndLabels, Counter>,
    refusals: Family<RefusalLabels, Counter>,
    task_runs: Family<TaskLabels, Gauge>,
    store_writable: Gauge,
    pub(super) open_streams: Gauge,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct RequestLabels {
    route: String,
    method: &'static str,
    status: u16,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct RouteLabels {
    route: String,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct OutcomeLabels {
    target: String,
    outcome: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct EndLabels {
    target: String,
    state: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct TaskLabels {
    target: String,
    state: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct RefusalLabels {
    reason: &'static str,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("trigger_api");
        let metrics = Self {
            requests: Family::default(),
            durations: Family::new_with_constructor(|| Histogram::new(BUCKETS)),
            runs_requested: Family::default(),
            runs_ended: Family::default(),
            refusals: Family::default(),
            task_runs: Family::default(),
            store_writable: Gauge::default(),
            open_streams: Gauge::default(),
            registry: Registry::default(),
        };
        registry.register("http_requests", "Requests answered", metrics.requests.clone());
        registry.register(
            "http_request_duration_seconds",
            "Time until the head of the answer",
            metrics.durations.clone(),
        );
        registry.register(
            "runs_requested",
            "Requests for a run, by what became of them",
            metrics.runs_requested.clone(),
        );
        registry.register(
            "runs_ended",
            "Runs that ended, scheduled and manual alike",
            metrics.runs_ended.clone(),
        );
        registry.register(
            "credentials_refused",
            "Requests refused for their credential",
            metrics.refusals.clone(),
        );
        registry.register(
            "task_runs",
            "Runs of tasks that wait or go on, in all replicas",
            metrics.task_runs.clone(),
        );
        registry.register(
            "store_writable",
            "1 while the history can be written, 0 while it can't",
            metrics.store_writable.clone(),
        );
        registry.register(
            "open_streams",
            "Answers that go on: logs and events",
            metrics.open_streams.clone(),
        );
        Self { registry, ..metrics }
    }
}

impl Metrics {
    /// Counts a run that ended.
    pub fn run_ended(&self, run: &Run) {
        let labels = EndLabels { target: run.target.to_string(), state: run.state.as_str() };
        self.runs_ended.get_or_create(&labels).inc();
    }

    pub(super) fn run_requested(&self, target: &TargetName, outcome: &Result<Started, StartError>) {
        let outcome = match outcome {
            Ok(Started { found: false, .. }) => "started",
            Ok(Started { found: true, .. }) => "found",
            Err(StartError::ConflictingRun(_)) => "in_the_way",
            Err(StartError::Suspended(_)) => "suspended",
            Err(StartError::KeyReused(_)) => "key_reused",
            Err(StartError::Contended(_)) => "contended",
            Err(StartError::BadParameters(_)) => "bad_parameters",
            Err(StartError::QueueFull { .. }) => "queue_full",
            Err(StartError::UnknownTarget(_) | StartError::NoDefaultTarget) => "unknown",
            Err(StartError::Executor(_) | StartError::Store(_)) => "failed",
        };
        let labels = OutcomeLabels { target: target.to_string(), outcome };
        self.runs_requested.get_or_create(&labels).inc();
    }

    pub(super) fn answered(&self, route: &str, method: &Method, status: StatusCode, took: Duration) {
        let method = match *method {
            Method::GET => "GET",
            Method::HEAD => "HEAD",
            Method::POST => "POST",
            Method::DELETE => "DELETE",
            // A caller may invent methods; a label for each would grow for ever.
            _ => "other",
        };
        let labels = RequestLabels { route: route.to_owned(), method, status: status.as_u16() };
        self.requests.get_or_create(&labels).inc();
        self.durations.get_or_create(&RouteLabels { route: route.to_owned() }).observe(took.as_secs_f64());
    }

    fn tasks(&self, depths: &BTreeMap<TargetName, QueueDepth>) {
        self.task_runs.clear();
        for (target, depth) in depths {
            for (state, runs) in [("pending", depth.waiting), ("running", depth.running)] {
                let labels = TaskLabels { target: target.to_string(), state };
                self.task_runs.get_or_create(&labels).set(runs.cast_signed());
            }
        }
    }

    pub(super) fn refused(&self, reason: &'static str) {
        self.refusals.get_or_create(&RefusalLabels { reason }).inc();
    }
}

/// Read the metrics
#[utoipa::path(
    get, path = "/metrics", operation_id = "metrics", tag = "probes", security(()),
    responses((status = 200, description = "Counts in the OpenMetrics text format", body = String,
               content_type = "application/openmetrics-text")),
)]
pub(super) async fn metrics(
    State(api): State<Arc<Api>>,
) -> Result<([(HeaderName, &'static str); 1], String), ApiError> {
    // A count that is not known now is absent, rather than old; the others do not depend on the store.
    let depths = match timeout(STORE_TIMEOUT, api.queue.depths()).await {
        Ok(Ok(depths)) => depths,
        Ok(Err(error)) => {
            tracing::warn!(%error, "the waiting runs can't be counted");
            BTreeMap::new()
        }
        Err(_) => BTreeMap::new(),
    };
    api.metrics.tasks(&depths);
    // The state after the query above, which takes note of a database that is gone.
    api.metrics.store_writable.set(i64::from(api.store.unwritable().is_none()));
    let mut page = String::new();
    text::encode(&mut page, &api.metrics.registry).map_err(|error| ApiError::internal(error.to_string()))?;
    Ok(([(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], page))
}

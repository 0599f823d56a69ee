//! The metrics that every service has.

use std::time::Duration;

use axum::http::{Method, StatusCode};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// The upper bounds of the duration's buckets, in seconds.
const DURATION_BUCKETS: [f64; 10] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.5, 10.0];

/// Counters of requests, refused credentials and open streams. Clones share their values.
#[derive(Clone)]
pub(super) struct HttpMetrics {
    requests: Family<RequestLabels, Counter>,
    durations: Family<RouteLabels, Histogram, fn() -> Histogram>,
    refusals: Family<RefusalLabels, Counter>,
    open_streams: Gauge,
    closed_connections: Counter,
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
struct RefusalLabels {
    reason: &'static str,
}

impl HttpMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            requests: Family::default(),
            durations: Family::new_with_constructor(|| Histogram::new(DURATION_BUCKETS)),
            refusals: Family::default(),
            open_streams: Gauge::default(),
            closed_connections: Counter::default(),
        };
        let Self { requests, durations, refusals, open_streams, closed_connections } = metrics.clone();
        registry.register("http_requests", "Requests", requests);
        registry.register(
            "http_request_duration_seconds",
            "Time from the head of the request to the head of the response",
            durations,
        );
        registry.register("credentials_refused", "Requests that were refused for their credential", refusals);
        registry.register(
            "open_streams",
            "Open streams of logs and events, and requests that wait for the end of a run",
            open_streams,
        );
        registry.register(
            "connections_closed_for_memory",
            "Connections that were closed because all of them held too much memory",
            closed_connections,
        );
        metrics
    }

    pub(super) fn count_response(
        &self,
        route: &str,
        method: &Method,
        status: StatusCode,
        duration: Duration,
    ) {
        let method = match *method {
            Method::GET => "GET",
            Method::HEAD => "HEAD",
            Method::POST => "POST",
            Method::PUT => "PUT",
            Method::DELETE => "DELETE",
            // A caller can invent methods, and each label takes memory until the program ends.
            _ => "other",
        };
        let labels = RequestLabels { route: route.to_owned(), method, status: status.as_u16() };
        self.requests.get_or_create(&labels).inc();
        let labels = RouteLabels { route: route.to_owned() };
        self.durations.get_or_create(&labels).observe(duration.as_secs_f64());
    }

    pub(super) fn count_refusal(&self, reason: &'static str) {
        self.refusals.get_or_create(&RefusalLabels { reason }).inc();
    }

    pub(super) fn closed_connections(&self) -> Counter {
        self.closed_connections.clone()
    }

    pub(super) fn open_streams(&self) -> Gauge {
        self.open_streams.clone()
    }
}

//! A service: its routes behind the shared layers, on a listener.

use std::sync::Arc;

use axum::http::{HeaderName, header};
use axum::response::{IntoResponse, Response};
use axum::{Router, middleware};
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::sensitive_headers::SetSensitiveRequestHeadersLayer;

use super::admission::{self, Admission, ConcurrencyLimit};
use super::config::ServiceConfig;
use super::connections::Connections;
use super::credential_metrics;
use super::cross_site::{self, SiteRules};
use super::error::ServiceError;
use super::error_format::{ErrorFormat, format_errors};
use super::memory::MemoryPlan;
use super::metrics::HttpMetrics;
use super::probes::{self, ProbeState, ServiceStatus};
use super::problem::ProblemKind;
use super::request_log::{self, RequestLog};
use super::server;
use super::streams::Streams;
use crate::auth::{ADMIN_SECRET_HEADER, Authenticator, INTERNAL_TOKEN_HEADER, READ_TOKEN_HEADER};

/// The shared parts of an HTTP service.
pub struct HttpService {
    config: ServiceConfig,
    registry: Arc<Registry>,
    request_log: Arc<RequestLog>,
    authenticator: Arc<Authenticator>,
    admission: Arc<Admission>,
    streams: Streams,
    connections: Arc<Connections>,
    stop: watch::Sender<bool>,
    error_format: Option<ErrorFormat>,
    own_probes: &'static [&'static str],
}

/// The routes of a service.
pub struct ServiceRoutes {
    /// Routes that need no credential.
    pub open: Router,
    /// Routes that need a credential when one is configured. Their handlers get the caller as an extension.
    pub protected: Router,
}

impl HttpService {
    /// A service. Its name is the realm of its credentials; the registry contains the metrics of its own.
    pub fn new(
        name: &str,
        config: ServiceConfig,
        authenticator: Authenticator,
        mut registry: Registry,
    ) -> Self {
        let metrics = HttpMetrics::register(&mut registry);
        let authenticator = Arc::new(authenticator);
        credential_metrics::register(&mut registry, &authenticator);
        let memory = MemoryPlan::of(config.memory_limit);
        let max_streams = config.max_streams.min(memory.max_streams());
        tracing::info!(
            memory.limit = config.memory_limit.bytes(),
            memory.connections = memory.connections,
            max_requests = config.max_requests,
            max_streams,
            "connections have a memory budget"
        );
        let (stop, stopping) = watch::channel(false);
        Self {
            connections: Connections::new(memory.connections, metrics.closed_connections()),
            registry: Arc::new(registry),
            admission: Arc::new(Admission::new(
                Arc::clone(&authenticator),
                metrics.clone(),
                config.rate_limit,
                config.max_requests,
            )),
            streams: Streams::new(max_streams, stopping, metrics.open_streams()),
            request_log: Arc::new(RequestLog::new(name, metrics)),
            config,
            authenticator,
            stop,
            error_format: None,
            own_probes: &[],
        }
    }

    /// The service with errors in another format than problem documents, also for the errors of the layers.
    #[must_use]
    pub fn with_error_format(mut self, format: ErrorFormat) -> Self {
        self.error_format = Some(format);
        self
    }

    /// The service with further probes: these paths of its open routes are exempt from the limit of concurrent requests.
    #[must_use]
    pub fn with_probes(mut self, paths: &'static [&'static str]) -> Self {
        self.own_probes = paths;
        self
    }

    /// Opens the streams of handlers.
    pub fn streams(&self) -> Streams {
        self.streams.clone()
    }

    /// Becomes true when the program was asked to stop.
    pub fn stopping(&self) -> watch::Receiver<bool> {
        self.stop.subscribe()
    }

    /// The routes and the probes behind the layers. The last layer is the outermost.
    pub fn router(&self, routes: ServiceRoutes, status: Arc<dyn ServiceStatus>) -> Router {
        let state = ProbeState { status, registry: Arc::clone(&self.registry) };
        let (probes, _) = probes::probe_routes().with_state(state).split_for_parts();
        let authenticate =
            middleware::from_fn_with_state(Arc::clone(&self.admission), admission::authenticate);
        let limit = ConcurrencyLimit { admission: Arc::clone(&self.admission), own_probes: self.own_probes };
        let limit_concurrency = middleware::from_fn_with_state(limit, admission::limit_concurrency);
        let rules =
            SiteRules { allowed_hosts: self.config.allowed_hosts.clone(), own_probes: self.own_probes };
        let reject_cross_site = middleware::from_fn_with_state(rules, cross_site::reject_cross_site);
        let observe = middleware::from_fn_with_state(Arc::clone(&self.request_log), request_log::observe);
        let secret_headers = [
            header::AUTHORIZATION,
            HeaderName::from_static(READ_TOKEN_HEADER),
            HeaderName::from_static(INTERNAL_TOKEN_HEADER),
            HeaderName::from_static(ADMIN_SECRET_HEADER),
        ];
        let limited = probes
            .merge(routes.open)
            .merge(routes.protected.layer(authenticate))
            .fallback(unknown_route)
            .method_not_allowed_fallback(method_not_allowed)
            .layer(limit_concurrency)
            .layer(reject_cross_site)
            .layer(CatchPanicLayer::custom(panicked));
        let formatted = match self.error_format {
            Some(format) => limited.layer(middleware::from_fn_with_state(format, format_errors)),
            None => limited,
        };
        formatted.layer(observe).layer(SetSensitiveRequestHeadersLayer::new(secret_headers))
    }

    /// Serves until `shutdown` completes. Streams then end, and other requests have the grace period to complete.
    pub async fn serve(&self, listener: TcpListener, router: Router, shutdown: impl Future<Output = ()>) {
        let stop = async {
            shutdown.await;
            self.stop.send_replace(true);
        };
        let connections = Arc::clone(&self.connections);
        let served = server::serve(listener, router, connections, stop, self.config.shutdown_grace);
        tokio::select! {
            () = served => {}
            () = self.admission.remove_idle_callers() => {}
            () = self.authenticator.keep_current() => {}
        }
    }
}

/// The panic's message is in the log already.
fn panicked(_: Box<dyn std::any::Any + Send>) -> Response {
    ServiceError::internal("a handler panicked").into_response()
}

async fn unknown_route() -> ServiceError {
    ServiceError::new(
        ProblemKind::UNKNOWN_ROUTE,
        "There is no such route; the API documentation of the service lists all routes.",
    )
}

async fn method_not_allowed() -> ServiceError {
    ServiceError::new(
        ProblemKind::METHOD_NOT_ALLOWED,
        "The route does not support this method; see the Allow header.",
    )
}

//! A small service on a listener of its own: what it gets from `common::service`.

mod admission;
mod connections;
mod credentials;
mod cross_site;
mod error_format;
mod errors;
mod on_behalf_of;
mod probes;
mod requests;
mod shutdown;
mod streams;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use common::auth::{self, Authenticator, Caller, Role};
use common::config::Settings;
use common::service::{
    self, HttpService, ProblemKind, Readiness, RequestSlot, ServiceConfig, ServiceError, ServiceRoutes,
    ServiceStatus,
};
use prometheus_client::registry::Registry;
use reqwest::{Client, RequestBuilder, StatusCode};
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

const TIMEOUT: Duration = Duration::from_secs(20);
const SECRETS: [(&str, &str); 2] =
    [("INTERNAL_TOKEN", "the-internal-token-7d1f"), ("ADMIN_SECRET", "the-admin-secret-93ab")];

/// A running service. Its task is aborted when this is dropped.
struct TestService {
    url: String,
    client: Client,
    ready: Arc<AtomicBool>,
    shutdown: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

struct TestStatus(Arc<AtomicBool>);

#[async_trait]
impl ServiceStatus for TestStatus {
    async fn readiness(&self) -> Readiness {
        let ready = self.0.load(Ordering::Relaxed);
        let waiting_for = if ready { Vec::new() } else { vec!["the database".to_owned()] };
        Readiness { waiting_for, ..Readiness::default() }
    }
}

fn routes(service: &HttpService) -> ServiceRoutes {
    let streams = service.streams();
    let protected = Router::new()
        .route("/hello", get(|Extension(caller): Extension<Caller>| async move { caller.name }))
        .route(
            "/person",
            get(|Extension(caller): Extension<Caller>| async move { caller.requester().to_owned() }),
        )
        .route("/admin", get(administrators_only))
        .route("/echo", post(|request| async { service::read_json::<Value>(request).await.map(Json) }))
        .route("/large", get(|| async { vec![0; 8 << 20] }))
        .route("/slow", get(|| tokio::time::sleep(Duration::from_hours(1))))
        .route("/second", get(|| tokio::time::sleep(Duration::from_secs(1))))
        .route("/panic", get(panicking))
        .route("/taken", get(taken))
        .route(
            "/events",
            get(|slot: RequestSlot| async move {
                service::event_stream(&streams, &slot, futures_util::stream::pending(), service::ping)
            }),
        );
    ServiceRoutes { open: Router::new().route("/open", get(|| async { "open" })), protected }
}

/// A rule of access that is the service's own.
async fn administrators_only(Extension(caller): Extension<Caller>) -> Result<(), ServiceError> {
    let (kind, reason) = match caller.role {
        Role::Admin => return Ok(()),
        Role::Reader | Role::Operator => (ProblemKind::NOT_ALLOWED, "not_admin"),
        Role::Anonymous => (ProblemKind::MISSING_CREDENTIAL, "missing"),
    };
    Err(ServiceError::new(kind, "This is for administrators.").with_refusal_reason(reason))
}

async fn panicking() -> &'static str {
    panic!("a secret of the handler")
}

async fn taken() -> ServiceError {
    const NAME_TAKEN: ProblemKind = ProblemKind::new("name-taken", StatusCode::CONFLICT, "The name is taken");
    ServiceError::new(NAME_TAKEN, "Choose another name.")
        .with_extension("name", "kraken")
        .with_retry_after(Duration::from_millis(1))
        .with_internal_cause("a secret of the handler")
}

/// Settings of a file with these values.
fn settings(values: &[(&str, &str)]) -> Settings {
    let values: Map<String, Value> =
        values.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
    let file = tempfile::Builder::new().suffix(".json").tempfile().unwrap();
    std::fs::write(file.path(), Value::Object(values).to_string()).unwrap();
    let variables = [&auth::VARIABLES[..], &service::VARIABLES[..]].concat();
    Settings::load(Some(file.path()), &variables).unwrap()
}

impl TestService {
    async fn start(values: &[(&str, &str)]) -> Self {
        Self::start_changed(values, |service| service).await
    }

    async fn start_changed(values: &[(&str, &str)], change: impl FnOnce(HttpService) -> HttpService) -> Self {
        // The client of the tests has TLS, although none of them uses it.
        common::tls::install_provider();
        let settings = settings(values);
        let config = ServiceConfig::from_settings(&settings).unwrap();
        let authenticator = Authenticator::from_settings(&settings, None).await.unwrap();
        let service = HttpService::new("greeter", config, authenticator, Registry::with_prefix("greeter"));
        let service = change(service);
        let ready = Arc::new(AtomicBool::new(true));
        let router = service.router(routes(&service), Arc::new(TestStatus(Arc::clone(&ready))));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (shutdown, requested) = oneshot::channel();
        let task = tokio::spawn(async move {
            service.serve(listener, router, async { drop(requested.await) }).await;
        });
        let client = Client::builder().tls_certs_only([]).no_proxy().build().unwrap();
        Self { url, client, ready, shutdown: Some(shutdown), task }
    }

    fn get(&self, path: &str) -> RequestBuilder {
        self.client.get(format!("{}{path}", self.url)).timeout(TIMEOUT)
    }

    fn post(&self, path: &str) -> RequestBuilder {
        self.client.post(format!("{}{path}", self.url)).timeout(TIMEOUT)
    }

    fn request_shutdown(&mut self) {
        self.shutdown.take().expect("a shutdown is requested once").send(()).unwrap();
    }

    /// The value of a metric's line, by its name and labels.
    async fn metric(&self, line: &str) -> Option<u64> {
        let page = self.get("/metrics").send().await.unwrap().text().await.unwrap();
        page.lines().find_map(|text| text.strip_prefix(line)?.trim().parse().ok())
    }

    /// The response, which must be this problem.
    async fn problem(&self, request: RequestBuilder, status: u16, slug: &str) -> Value {
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), status, "{slug}");
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        let id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
        let problem: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
        assert_eq!(problem["type"], format!("https://tradeops.dev/problems/{slug}"));
        assert_eq!((&problem["status"], &problem["request_id"]), (&status.into(), &id.into()));
        problem
    }

    /// Waits until the response to `path` has this status.
    async fn wait_for_status(&self, path: &str, status: u16) {
        let wait = async {
            while self.get(path).send().await.unwrap().status() != status {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(TIMEOUT, wait).await.expect("the status is reached");
    }
}

impl Drop for TestService {
    fn drop(&mut self) {
        self.task.abort();
    }
}

//! The service under test.

use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use common::auth::{self, Authenticator};
use common::config::Settings;
use common::service::{self, HttpService, ServiceConfig, ServiceStatus};
use http_body_util::BodyExt;
use jiff::{SignedDuration, Timestamp};
use monitor_api::domain::cache::RegistryCache;
use monitor_api::domain::clock::Clock;
use monitor_api::domain::connection::{Bucket, Connection};
use monitor_api::domain::definitions::Definitions;
use monitor_api::domain::state::Write;
use monitor_api::http;
use monitor_api::http::api::{Api, Deployment};
use monitor_api::http::metrics::RegistryMetrics;
use monitor_api::system_load::SystemLoadReader;
use prometheus_client::registry::Registry;
use serde_json::{Map, Value, json};
use tokio::time::Instant;
use tower::ServiceExt;

use crate::memory_store::{FixedBackend, MemoryStore};

/// The time at which the tests begin.
pub(crate) const START: &str = "2026-02-10T08:00:00Z";
/// The threshold of stale instances in seconds.
pub(crate) const THRESHOLD: i64 = 35;

/// The service under test, whose clock the test sets.
pub(crate) struct TestApi {
    pub(crate) cache: Arc<RegistryCache>,
    pub(crate) store: Arc<MemoryStore>,
    router: Router,
    now: Arc<Mutex<Timestamp>>,
    _service: HttpService,
}

/// A response.
#[derive(Debug)]
pub(crate) struct TestResponse {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl TestApi {
    /// A service that has just started.
    pub(crate) async fn start(values: &[(&str, &str)]) -> Self {
        let now: Arc<Mutex<Timestamp>> = Arc::new(Mutex::new(START.parse().unwrap()));
        let shown = Arc::clone(&now);
        let clock = Clock::new(move || *shown.lock().unwrap_or_else(PoisonError::into_inner));
        let threshold = SignedDuration::from_secs(THRESHOLD);
        let cache = Arc::new(RegistryCache::new(threshold, clock.clone()));
        let store = Arc::new(MemoryStore::new(&cache));
        let settings = settings(values);
        let config = ServiceConfig::from_settings(&settings).unwrap();
        let authenticator = Authenticator::from_settings(&settings, None).await.unwrap();
        let mut registry = Registry::with_prefix("monitor_api");
        let metrics = RegistryMetrics::register(&mut registry);
        let service = HttpService::new("monitor-api", config, authenticator, registry)
            .with_error_format(http::format_error)
            .with_probes(http::PROBES);
        let api = Arc::new(Api {
            cache: Arc::clone(&cache),
            definitions: Definitions::new(store.clone(), Arc::clone(&cache), clock.clone()),
            backend: Arc::new(FixedBackend),
            metrics,
            streams: service.streams(),
            deployment: Deployment {
                nats_url: "nats://nats:4222".to_owned(),
                environment: "staging",
                version: "v1.2.3-test".to_owned(),
            },
            system_load: SystemLoadReader::new(),
            clock,
            started: Instant::now(),
        });
        let router = service.router(http::service_routes(&api), api as Arc<dyn ServiceStatus>);
        let router = http::with_normalized_paths(router);
        Self { cache, store, router, now, _service: service }
    }

    /// A service whose connection to NATS is live.
    pub(crate) async fn live() -> Self {
        let api = Self::start(&[]).await;
        api.connect(Connection::Live);
        api
    }

    pub(crate) fn connect(&self, connection: Connection) {
        self.cache.set_connection(Bucket::Instances, connection);
        self.cache.set_connection(Bucket::Definitions, connection);
    }

    pub(crate) fn disconnect(&self) {
        self.connect(Connection::Unavailable { since: self.now() });
    }

    pub(crate) fn now(&self) -> Timestamp {
        *self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn advance(&self, seconds: i64) {
        *self.now.lock().unwrap_or_else(PoisonError::into_inner) += SignedDuration::from_secs(seconds);
    }

    /// Registers an instance whose last heartbeat is `age` seconds old, and returns its JSON.
    pub(crate) fn register(&self, service: &str, id: &str, status: &str, age: i64) -> String {
        let heartbeat = self.now() - SignedDuration::from_secs(age);
        let json = format!(
            "{{\"serviceName\":\"{service}\",\"instanceId\":\"{id}\",\"version\":\"1.0.0\",\"status\":\"{status}\",\
             \"lastHeartbeat\":\"{heartbeat}\",\"stickyActiveGroup\":null,\"metadata\":{{\"start_time\":\"x\"}}}}"
        );
        self.put(&format!("service-instances__{service}__{id}"), &json);
        json
    }

    pub(crate) fn put(&self, key: &str, value: &str) {
        let stored_at = self.now();
        self.cache.put_instance(Write { key, value: value.as_bytes(), revision: 7, stored_at });
    }

    /// Defines a service.
    pub(crate) async fn define(&self, name: &str) {
        let body = json!({ "service_name": name, "owner": "o", "description": "d", "version": "1.0.0" });
        let response = self.send_json("POST", "/api/services", &body.to_string()).await;
        assert_eq!(response.status, StatusCode::CREATED, "{response:?}");
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> TestResponse {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let body = String::from_utf8(body.to_vec()).unwrap();
        TestResponse { status: parts.status, headers: parts.headers, body }
    }

    /// The response, whose body may not end.
    pub(crate) async fn open(&self, request: Request<Body>) -> axum::response::Response {
        self.router.clone().oneshot(request).await.unwrap()
    }

    pub(crate) async fn request(&self, method: &str, path: &str) -> TestResponse {
        self.send(request(method, path, Body::empty())).await
    }

    pub(crate) async fn get(&self, path: &str) -> TestResponse {
        self.request("GET", path).await
    }

    pub(crate) async fn send_json(&self, method: &str, path: &str, body: &str) -> TestResponse {
        let mut request = request(method, path, Body::from(body.to_owned()));
        request.headers_mut().insert("content-type", "application/json".parse().unwrap());
        self.send(request).await
    }
}

impl TestResponse {
    /// Checks the status and the exact body.
    #[track_caller]
    pub(crate) fn is(&self, status: u16, body: &str) {
        assert_eq!((self.status.as_u16(), self.body.as_str()), (status, body));
    }

    /// Checks that the response is this error.
    #[track_caller]
    pub(crate) fn is_error(&self, status: u16, code: &str, message: &str, details: &Value) {
        let error = json!({ "error": { "code": code, "message": message, "details": details } });
        self.is(status, &error.to_string());
        assert_eq!(self.headers["content-type"], "application/json");
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
}

pub(crate) fn request(method: &str, path: &str, body: Body) -> Request<Body> {
    Request::builder().method(method).uri(path).header("host", "localhost").body(body).unwrap()
}

fn settings(values: &[(&str, &str)]) -> Settings {
    let values: Map<String, Value> =
        values.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
    let file = tempfile::Builder::new().suffix(".json").tempfile().unwrap();
    std::fs::write(file.path(), Value::Object(values).to_string()).unwrap();
    let variables = [&auth::VARIABLES[..], &service::VARIABLES[..]].concat();
    Settings::load(Some(file.path()), &variables).unwrap()
}

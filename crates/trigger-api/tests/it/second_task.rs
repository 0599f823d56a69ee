//! A second task beside the portfolio analysis: a definition and an implementation are all that the interface needs.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use common::auth::Authenticator;
use common::config::Settings;
use common::service::{HttpService, ServiceConfig};
use http_body_util::BodyExt;
use prometheus_client::registry::Registry;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinSet;
use tower::ServiceExt;
use trigger_api::config::VARIABLES;
use trigger_api::http::metrics::RunMetrics;
use trigger_api::http::{Aliases, Api, openapi_json, service_routes};
use trigger_core::feed::Feed;
use trigger_core::log_buffers::LogBuffers;
use trigger_core::parameters::Parameters;
use trigger_core::recorder::Recorder;
use trigger_core::run_store::RunStore;
use trigger_core::runner::{Runner, RunnerConfig};
use trigger_core::runs::{Parts, Runs};
use trigger_core::target::{Target, Targets};
use trigger_core::task::{Task, TaskDefinition, TaskError, TaskRoute, TaskRoutes, TaskTarget};
use trigger_core::task_context::TaskContext;
use trigger_core::task_queue::TaskQueue;
use trigger_core::task_store::TaskStore;
use trigger_local::LocalExecutor;
use trigger_store::SqlStore;

use crate::support::PATIENCE;

static ECHO: TaskDefinition = TaskDefinition {
    name: "echo",
    parameters: || match json!({ "text": { "type": "string", "description": "The text to repeat." } }) {
        Value::Object(schemas) => schemas,
        _ => unreachable!("the literal is an object"),
    },
    not_configured: "The echo is not configured.",
    routes: Some(TaskRoutes {
        tag: "echo",
        start: TaskRoute { path: "/api/echo/start", operation: "startEcho", summary: "Start an echo" },
        status: TaskRoute { path: "/api/echo/status", operation: "echoStatus", summary: "Get an echo" },
        started_message: "Echo started",
    }),
};

struct Echo;

#[async_trait]
impl Task for Echo {
    fn definition(&self) -> &'static TaskDefinition {
        &ECHO
    }

    fn resumable(&self) -> bool {
        true
    }

    fn check(&self, parameters: &Parameters) -> Result<(), String> {
        parameters
            .get("text")
            .is_some_and(Value::is_string)
            .then_some(())
            .ok_or("text must be a string".into())
    }

    async fn run(&self, parameters: &Parameters, _: &TaskContext) -> Result<Value, TaskError> {
        Ok(json!({ "echo": parameters["text"] }))
    }

    fn page(&self, result: &Value) -> Option<String> {
        Some(format!("<p>{}</p>", result["echo"].as_str()?))
    }
}

/// The interface over a SQLite file, with the echo as its only target. Neither it nor the tests bind a port.
struct TestService {
    router: Router,
    _background: JoinSet<()>,
    _folder: TempDir,
}

impl TestService {
    async fn start() -> Self {
        let folder = tempfile::tempdir().expect("the test environment works");
        let path = |name: &str| folder.path().join(name).display().to_string();
        std::fs::write(path("settings.json"), json!({ "admin_secret": "the administrator's" }).to_string())
            .expect("the test environment works");
        std::fs::write(path("none.yaml"), "").expect("the test environment works");
        let settings = Settings::load(Some(&folder.path().join("settings.json")), &VARIABLES)
            .expect("the test environment works");

        let sql = SqlStore::connect(&format!("sqlite:{}", path("history.sqlite")).into())
            .await
            .expect("the test environment works");
        let store = Arc::new(sql.clone()) as Arc<dyn RunStore>;
        let tasks = Arc::new(sql) as Arc<dyn TaskStore>;
        let feed = Arc::new(Feed::new(Arc::clone(&store)));
        let recorder = Arc::new(Recorder::new(Arc::clone(&store), Arc::clone(&feed), 8 << 20));
        let logs = Arc::new(LogBuffers::default());
        let target = TaskTarget {
            name: "echo".parse().expect("the test environment works"),
            task: Arc::new(Echo),
            max_concurrent: 1,
            max_queued: 10,
            timeout: PATIENCE,
            resume: true,
        };
        let queue = TaskQueue::new(
            [target.clone()],
            "local",
            Arc::clone(&tasks),
            Arc::clone(&store),
            Arc::clone(&feed),
        );
        let queue = Arc::new(queue);
        let config = serde_json::from_value(json!({ "manifests": path("none.yaml") }))
            .expect("the test environment works");
        let (for_executor, log_buffers) = (Arc::clone(&recorder), Arc::clone(&logs));
        let executor = LocalExecutor::start(config, &[], for_executor, log_buffers, Arc::clone(&store))
            .await
            .expect("the test environment works");

        let mut registry = Registry::default();
        let metrics = Arc::new(RunMetrics::register(&mut registry));
        let authenticator =
            Authenticator::from_settings(&settings, None).await.expect("the test environment works");
        let config = ServiceConfig::from_settings(&settings).expect("the test environment works");
        let service = HttpService::new("test", config, authenticator, registry);
        let runner = Runner::new(
            RunnerConfig { workers: 1, lease: PATIENCE },
            Arc::clone(&queue),
            tasks,
            Arc::clone(&recorder),
            Arc::clone(&feed),
            Arc::clone(&logs),
        );
        let mut background = JoinSet::new();
        background.spawn(runner.run(service.stopping()));
        let publishing = Arc::clone(&feed);
        background.spawn(async move { publishing.run().await });
        let runs = Runs::new(Parts {
            targets: Targets::new([Target::Task(target)], None),
            executor: Arc::new(executor),
            queue,
            store,
            recorder,
            feed,
            logs,
        });
        let api = Arc::new(Api { runs, metrics, streams: service.streams(), default_waits: BTreeMap::new() });
        let routes = service_routes(&api, &[&portfolio_analysis::DEFINITION, &ECHO], &Aliases::default());
        // The sender of `stopping` belongs to the service.
        let http_router = service.router(routes, api);
        background.spawn(async move {
            let _service = service;
            std::future::pending::<()>().await;
        });
        Self { router: http_router, _background: background, _folder: folder }
    }

    async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Value,
    ) -> (StatusCode, String) {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "localhost")
            .header("content-type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        let response = self
            .router
            .clone()
            .oneshot(request.body(body).expect("the test environment works"))
            .await
            .expect("the test environment works");
        let (status, body) = (
            response.status(),
            response.into_body().collect().await.expect("the test environment works").to_bytes(),
        );
        (status, String::from_utf8(body.to_vec()).expect("the test environment works"))
    }

    /// The JSON of a response.
    async fn json(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Value) -> (u16, Value) {
        let (status, text) = self.send(method, path, headers, body).await;
        (status.as_u16(), serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}")))
    }
}

const ADMIN: (&str, &str) = ("x-admin-secret", "the administrator's");
const START: &str = "/api/echo/start";

#[tokio::test]
async fn a_second_task_is_started_and_read_on_its_own_routes_and_on_those_of_every_target() {
    let service = TestService::start().await;
    let wait = ("prefer", "wait=30");
    let (status, started) = service.json("POST", START, &[ADMIN, wait], json!({ "text": "hello" })).await;
    assert_eq!((status, &started["message"]), (202, &json!("Echo started")), "{started}");
    let id = started["run_id"].as_str().unwrap();
    let (_, state) = service.json("GET", &format!("/api/echo/status/{id}"), &[ADMIN], Value::Null).await;
    assert_eq!((&state["status"], &state["result"]), (&json!("completed"), &json!({ "echo": "hello" })));
    let result = format!("/v1/runs/{id}/result");
    let (_, page) = service.send("GET", &result, &[ADMIN, ("accept", "text/html")], Value::Null).await;
    assert_eq!(page, "<p>hello</p>");
    let (_, targets) = service.json("GET", "/v1/targets", &[ADMIN], Value::Null).await;
    assert_eq!(targets["targets"][0]["task"]["name"], "echo", "{targets}");
    let schema = &targets["targets"][0]["parameters"];
    assert_eq!(
        (&schema["properties"]["text"]["type"], &schema["required"]),
        (&json!("string"), &json!(["text"]))
    );
    let body = json!({ "parameters": { "text": "again" } });
    let (status, run) = service.json("POST", "/v1/targets/echo/runs", &[ADMIN, wait], body).await;
    assert_eq!((status, &run["state"]), (200, &json!("succeeded")), "{run}");
    assert_eq!(run["parameters"], json!({ "text": "again" }), "{run}");
    for (body, allowed) in [(json!({ "parameters": { "text": "x" } }), true), (json!({}), false)] {
        let (_, preview) = service.json("POST", "/v1/targets/echo/preview", &[ADMIN], body).await;
        assert_eq!(preview["allowed"], allowed, "{preview}");
    }
}

#[tokio::test]
async fn the_parameters_and_the_rule_of_access_of_a_second_task_apply() {
    let service = TestService::start().await;
    let (status, problem) = service.json("POST", START, &[ADMIN], json!({ "words": "hello" })).await;
    assert!(status == 400 && problem["detail"].as_str().unwrap().contains("words"), "{problem}");
    let (status, problem) = service.json("POST", START, &[ADMIN], json!({ "text": 1 })).await;
    assert!(
        status == 400 && problem["detail"].as_str().unwrap().contains("text has the wrong type"),
        "{problem}"
    );
    let (status, problem) = service.json("POST", START, &[ADMIN], json!({})).await;
    assert!(status == 422 && problem["detail"].as_str().unwrap().contains("text must be"), "{problem}");
    let (status, _) = service.json("POST", START, &[], json!({ "text": "hello" })).await;
    assert_eq!(status, 401);
    let analysis = "/api/admin/portfolio/trigger-analysis";
    let (status, problem) = service.json("POST", analysis, &[ADMIN], Value::Null).await;
    assert!(
        status == 404 && problem["detail"].as_str().unwrap().contains("SOURCE_DATABASE_URL"),
        "{problem}"
    );
}

#[tokio::test]
async fn a_run_of_a_task_is_repeated_with_its_parameters_or_with_others() {
    let service = TestService::start().await;
    let wait = ("prefer", "wait=30");
    let (_, first) = service.json("POST", START, &[ADMIN, wait], json!({ "text": "hello" })).await;
    let retry = format!("/v1/runs/{}/retry", first["run_id"].as_str().unwrap());
    for (body, text) in [
        (Value::Null, "hello"),
        (json!({ "reason": "again" }), "hello"),
        (json!({ "parameters": { "text": "other" } }), "other"),
    ] {
        let (status, run) = service.json("POST", &retry, &[ADMIN, wait], body).await;
        assert_eq!((status, &run["state"]), (200, &json!("succeeded")), "{run}");
        assert_eq!(run["retry_of"], first["run_id"]);
        let (_, result) =
            service.json("GET", run["links"]["result"].as_str().unwrap(), &[ADMIN], Value::Null).await;
        assert_eq!(result, json!({ "echo": text }));
    }
    let (_, target) = service.json("GET", "/v1/targets/echo", &[ADMIN], Value::Null).await;
    let history = &target["history"];
    assert_eq!(
        (&history["last_success"]["retry_of"], &history["durations"]["runs"]),
        (&first["run_id"], &json!(4))
    );
    assert!(history["durations"]["p50_seconds"].as_f64() <= history["durations"]["p95_seconds"].as_f64());
    let (status, _) = service.json("POST", &retry, &[ADMIN], json!({ "parameters": {} })).await;
    assert_eq!(status, 422, "the parameters of the request replace all others");
    let (status, _) = service.json("POST", &retry, &[], Value::Null).await;
    assert_eq!(status, 401);
}

#[test]
fn the_document_describes_the_routes_of_a_second_task() {
    let document = openapi_json(&[&portfolio_analysis::DEFINITION, &ECHO]);
    let document: Value = serde_json::from_str(&document).unwrap();
    let start = &document["paths"][START]["post"];
    assert_eq!(start["operationId"], "startEcho");
    let body = &start["requestBody"]["content"]["application/json"]["schema"]["oneOf"][1];
    assert_eq!(body["properties"]["text"]["type"], "string", "{body}");
    assert!(document["paths"]["/api/echo/status/{run_id}"]["get"].is_object());
    let admin_only = start["security"].as_array().unwrap();
    assert!(admin_only.iter().all(|scheme| scheme.get("internalToken").is_none()), "{admin_only:?}");
}

//! The OpenAPI document: the committed, the printed and the served one are the same, and match the routes.

use std::path::Path;
use std::process::Command;

use reqwest::{Method, StatusCode};
use serde_json::Value;
use tempfile::TempDir;

use crate::support::TriggerApi;

const METHODS: [Method; 5] = [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];

/// All routes.
const ROUTES: [&str; 22] = [
    "DELETE /v1/runs/{run}",
    "GET /api/admin/health",
    "GET /api/admin/portfolio/analysis-status/{run_id}",
    "GET /healthz",
    "GET /metrics",
    "GET /openapi.json",
    "GET /readyz",
    "GET /v1/events",
    "GET /v1/runs",
    "GET /v1/runs/{run}",
    "GET /v1/runs/{run}/events",
    "GET /v1/runs/{run}/logs",
    "GET /v1/runs/{run}/result",
    "GET /v1/targets",
    "GET /v1/targets/{target}",
    "GET /v1/targets/{target}/preview",
    "GET /v1/whoami",
    "POST /api/admin/portfolio/trigger-analysis",
    "POST /trigger-sync",
    "POST /v1/runs/{run}/retry",
    "POST /v1/targets/{target}/preview",
    "POST /v1/targets/{target}/runs",
];

/// Starts a trigger-api whose target's CronJob is in no file.
fn api(folder: &TempDir) -> TriggerApi {
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (manifest, config) = (path("cronjobs.yaml"), path("config.yaml"));
    std::fs::write(&manifest, "").expect("the file can be written");
    std::fs::write(&config, format!("local: {{manifests: {manifest}}}\n")).expect("the file can be written");
    let database = format!("sqlite:{}", path("history.sqlite"));
    TriggerApi::spawn(&[
        ("EXECUTOR", "local"),
        ("CONFIG_FILE", &config),
        ("CRONJOB_NAME", "none"),
        ("DATABASE_URL", &database),
    ])
}

fn printed() -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_trigger-api")).arg("openapi").output();
    String::from_utf8(output.expect("the program is built").stdout).expect("the document is text")
}

/// The routes of the document, in the format of [`ROUTES`].
fn documented(document: &Value) -> Vec<String> {
    let paths = document["paths"].as_object().expect("there are paths");
    let operations = paths.iter().flat_map(|(path, item)| {
        let methods = item.as_object().expect("a path has operations").keys();
        methods.map(move |method| format!("{} {path}", method.to_uppercase()))
    });
    let mut routes: Vec<String> = operations.collect();
    routes.sort();
    routes
}

#[tokio::test]
async fn the_committed_document_is_the_one_that_the_program_prints_and_serves() {
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
    let committed = std::fs::read_to_string(committed).expect("the document is committed");
    assert!(
        committed == printed(),
        "docs/openapi.json is outdated; update it with: trigger-api openapi > docs/openapi.json"
    );
    let folder = TempDir::new().expect("a temporary folder");
    let api = api(&folder);
    let served = api.get("/openapi.json").send().await.expect("a response");
    assert_eq!(served.headers()["content-type"], "application/json");
    assert_eq!(format!("{}\n", served.text().await.expect("a complete body")), committed);
}

#[tokio::test]
async fn the_document_has_exactly_the_routes_and_methods_that_the_program_serves() {
    let document: Value = serde_json::from_str(&printed()).expect("the document is JSON");
    assert_eq!(documented(&document), ROUTES);
    let folder = TempDir::new().expect("a temporary folder");
    let api = api(&folder);
    for (path, operations) in document["paths"].as_object().expect("there are paths") {
        let url = format!(
            "{}{}",
            api.url,
            path.replace("{run}", "none").replace("{run_id}", "none").replace("{target}", "none")
        );
        for method in METHODS {
            let documented = operations.get(method.as_str().to_lowercase()).is_some();
            let answer = api.client.request(method.clone(), &url).send().await.expect("a response");
            let served = answer.status() != StatusCode::METHOD_NOT_ALLOWED;
            assert_eq!(documented, served, "{method} {path}: {}", answer.status());
        }
    }
}

#[test]
fn operations_have_unique_ids_and_document_their_errors() {
    let document: Value = serde_json::from_str(&printed()).expect("the document is JSON");
    let paths = document["paths"].as_object().expect("there are paths");
    let operations = paths.values().flat_map(|item| item.as_object().expect("operations").values());
    let mut names = std::collections::BTreeSet::new();
    for operation in operations {
        let name = operation["operationId"].as_str().expect("an operation has an id");
        assert!(names.insert(name), "the operation id {name} is not unique");
        let open = operation["security"] == serde_json::json!([{}]);
        for status in ["401", "403", "429", "500", "503"] {
            let problem = &operation["responses"][status]["content"]["application/problem+json"];
            assert!(open || problem.is_object(), "{name} does not document the status {status}");
        }
    }
    assert_eq!(names.len(), ROUTES.len());
}

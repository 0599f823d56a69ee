//! The OpenAPI document and its page.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use crate::program::run;
use crate::support::TestApi;

/// All routes.
const ROUTES: [&str; 23] = [
    "DELETE /api/services/{name}",
    "GET /",
    "GET /api/events",
    "GET /api/instances",
    "GET /api/instances/health/summary",
    "GET /api/instances/status/{status}",
    "GET /api/instances/{service}",
    "GET /api/instances/{service}/{id}",
    "GET /api/registry",
    "GET /api/services",
    "GET /api/services/{name}",
    "GET /api/services/{name}/revision",
    "GET /docs",
    "GET /health",
    "GET /health/detailed",
    "GET /healthz",
    "GET /metrics",
    "GET /openapi.json",
    "GET /ready",
    "GET /readyz",
    "GET /status",
    "POST /api/services",
    "PUT /api/services/{name}",
];

fn document() -> Value {
    serde_json::from_str(&run(&["openapi"], &[]).output).expect("the document is JSON")
}

#[tokio::test]
async fn the_committed_document_is_the_one_that_the_program_prints_and_serves() {
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi-monitor.json");
    let committed = std::fs::read_to_string(committed).expect("the document is committed");
    assert!(
        committed == run(&["openapi"], &[]).output,
        "docs/openapi-monitor.json is outdated; update it with: monitor-api openapi > docs/openapi-monitor.json"
    );
    let served = TestApi::start(&[]).await.get("/openapi.json").await;
    assert_eq!(served.header("content-type"), Some("application/json"));
    assert_eq!(format!("{}\n", served.body), committed);
}

#[tokio::test]
async fn the_document_has_exactly_the_routes_and_methods_that_the_program_serves() {
    let document = document();
    assert_eq!(document["openapi"].as_str().map(|version| &version[..3]), Some("3.1"));
    let paths = document["paths"].as_object().unwrap();
    let routes: BTreeSet<String> = paths
        .iter()
        .flat_map(|(path, item)| {
            item.as_object().unwrap().keys().map(move |method| format!("{} {path}", method.to_uppercase()))
        })
        .collect();
    assert_eq!(routes.iter().collect::<Vec<_>>(), ROUTES.iter().collect::<Vec<_>>());
    let api = TestApi::live().await;
    for (path, operations) in paths {
        let url = path.replace("{service}", "none").replace("{id}", "none").replace("{name}", "none");
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
            let documented = operations.get(method.to_lowercase()).is_some();
            let request = crate::support::request(method, &url, axum::body::Body::empty());
            let served = api.open(request).await.status() != 405;
            assert_eq!(documented, served, "{method} {path}");
        }
    }
}

#[test]
fn operations_have_unique_ids_and_document_their_errors() {
    let document = document();
    let mut names = BTreeSet::new();
    for operation in
        document["paths"].as_object().unwrap().values().flat_map(|item| item.as_object().unwrap().values())
    {
        let name = operation["operationId"].as_str().expect("an operation has an id");
        assert!(names.insert(name), "the operation id {name} is not unique");
        let open = operation["security"] == serde_json::json!([{}]);
        for status in ["400", "401", "429", "500", "503"] {
            let schema = &operation["responses"][status]["content"]["application/json"]["schema"]["$ref"];
            assert!(
                open || schema == "#/components/schemas/ErrorDocument",
                "{name} does not document {status}"
            );
        }
    }
    assert_eq!(names.len(), ROUTES.len());
}

#[test]
fn every_schema_that_is_referred_to_exists() {
    let document = document();
    let text = document.to_string();
    for reference in text.split("\"#/components/schemas/").skip(1) {
        let name = reference.split('"').next().unwrap();
        assert!(document["components"]["schemas"][name].is_object(), "{name}");
    }
}

#[tokio::test]
async fn the_page_has_every_operation_and_loads_nothing() {
    let page = TestApi::start(&[]).await.get("/docs").await;
    assert_eq!((page.status.as_u16(), page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    for route in ROUTES {
        let (method, path) = route.split_once(' ').unwrap();
        assert!(page.body.contains(&format!(">{method}</span> {path}<")), "{route}");
    }
    for forbidden in ["<script", "src=", "<link", "http://", "https://", "@import", "url("] {
        assert!(!page.body.contains(forbidden), "{forbidden}");
    }
}

//! Who may call.

use axum::body::Body;
use monitor_api::domain::connection::Connection;
use serde_json::Value;

use crate::support::{TestApi, TestResponse, request};

const SECRETS: [(&str, &str); 2] =
    [("INTERNAL_TOKEN", "the-internal-token-7d1f"), ("ADMIN_SECRET", "the-admin-secret-93ab")];
const NEW: &str =
    "{\"service_name\":\"risk-engine\",\"owner\":\"o\",\"description\":\"d\",\"version\":\"1.0.0\"}";

async fn send(api: &TestApi, method: &str, path: &str, credential: Option<(&str, &str)>) -> TestResponse {
    let body = if method == "POST" { Body::from(NEW) } else { Body::empty() };
    let mut request = request(method, path, body);
    if let Some((name, value)) = credential {
        let name = axum::http::HeaderName::try_from(name).unwrap();
        request.headers_mut().insert(name, value.parse().unwrap());
    }
    api.send(request).await
}

#[tokio::test]
async fn with_a_configured_credential_only_probes_and_the_documentation_are_open() {
    let api = TestApi::start(&SECRETS).await;
    api.connect(Connection::Live);
    for path in ["/", "/health", "/ready", "/healthz", "/readyz", "/metrics", "/docs", "/openapi.json"] {
        assert_eq!(send(&api, "GET", path, None).await.status, 200, "{path}");
    }
    for (method, path) in [
        ("GET", "/status"),
        ("GET", "/health/detailed"),
        ("GET", "/api/instances"),
        ("GET", "/api/services"),
        ("GET", "/api/events"),
        ("GET", "/api/registry"),
        ("POST", "/api/services"),
        ("PUT", "/api/services/risk-engine"),
        ("DELETE", "/api/services/risk-engine"),
    ] {
        let response = send(&api, method, path, None).await;
        let message = "Send X-Read-Token, X-Internal-Token, X-Admin-Secret or Authorization: Bearer.";
        response.is_error(401, "HTTP_401", message, &Value::Null);
        assert_eq!(response.header("www-authenticate"), Some("Bearer realm=\"monitor-api\""));
        let wrong = send(&api, method, path, Some(("x-internal-token", "wrong"))).await;
        wrong.is_error(401, "HTTP_401", "The credential of the request is not valid.", &Value::Null);
    }
}

#[tokio::test]
async fn services_and_administrators_may_read_and_write() {
    let api = TestApi::start(&SECRETS).await;
    api.connect(Connection::Live);
    for credential in [("x-internal-token", SECRETS[0].1), ("x-admin-secret", SECRETS[1].1)] {
        assert_eq!(send(&api, "GET", "/api/services", Some(credential)).await.status, 200);
        assert_eq!(send(&api, "POST", "/api/services", Some(credential)).await.status, 201);
        let path = "/api/services/risk-engine";
        assert_eq!(send(&api, "DELETE", path, Some(credential)).await.status, 204);
    }
}

#[tokio::test]
async fn readers_may_read_and_change_nothing() {
    let api = TestApi::start(&[&SECRETS[..], &[("READ_TOKEN", "the-read-token-5e0b")]].concat()).await;
    api.connect(Connection::Live);
    let reader = Some(("x-read-token", "the-read-token-5e0b"));
    for path in ["/status", "/api/instances", "/api/services", "/api/registry"] {
        assert_eq!(send(&api, "GET", path, reader).await.status, 200, "{path}");
    }
    for (method, path) in [
        ("POST", "/api/services"),
        ("PUT", "/api/services/risk-engine"),
        ("DELETE", "/api/services/risk-engine"),
    ] {
        let response = send(&api, method, path, reader).await;
        assert_eq!(response.status, 403, "{method}");
        assert_eq!(response.json()["error"]["code"], "HTTP_403", "{method}");
    }
}

#[tokio::test]
async fn without_a_configured_credential_everything_is_open() {
    let api = TestApi::live().await;
    assert_eq!(send(&api, "POST", "/api/services", None).await.status, 201);
    assert_eq!(send(&api, "DELETE", "/api/services/risk-engine", None).await.status, 204);
}

//! A service with errors in a format of its own, and with a probe of its own.

use axum::Json;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use common::service::Problem;
use serde_json::{Value, json};

use super::TestService;

const TOKEN: (&str, &str) = ("INTERNAL_TOKEN", "the-internal-token-7d1f");

fn own_format(problem: &Problem) -> Response {
    let status = StatusCode::from_u16(problem.status).unwrap();
    (status, Json(json!({ "code": problem.slug(), "id": problem.request_id }))).into_response()
}

async fn start(values: &[(&str, &str)]) -> TestService {
    TestService::start_changed(values, |service| {
        service.with_error_format(own_format).with_probes(&["/open"])
    })
    .await
}

/// Sends the request, which must fail with this status and code in the service's own format.
async fn own_error(request: reqwest::RequestBuilder, status: u16, code: &str) -> HeaderMap {
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), status, "{code}");
    let headers = response.headers().clone();
    assert_eq!(headers["content-type"], "application/json");
    let body: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
    assert_eq!(body, json!({ "code": code, "id": headers["x-request-id"].to_str().unwrap() }));
    headers
}

#[tokio::test]
async fn errors_of_the_layers_and_of_handlers_have_the_format_of_the_service() {
    let service = start(&[TOKEN]).await;
    let with_token = |request: reqwest::RequestBuilder| request.header("x-internal-token", TOKEN.1);
    let challenge = own_error(service.get("/hello"), 401, "missing-credential").await;
    assert_eq!(challenge["www-authenticate"], "Bearer realm=\"greeter\"");
    own_error(service.get("/none"), 404, "unknown-route").await;
    let not_allowed = own_error(service.post("/hello"), 405, "method-not-allowed").await;
    assert_eq!(not_allowed["allow"], "GET,HEAD");
    own_error(with_token(service.get("/panic")), 500, "internal").await;
    let taken = own_error(with_token(service.get("/taken")), 409, "name-taken").await;
    assert_eq!(taken["retry-after"], "1");
    let large = with_token(service.post("/echo")).body("x".repeat(20_000));
    own_error(large, 413, "body-too-large").await;
    let answer = with_token(service.get("/hello")).send().await.unwrap();
    assert_eq!(answer.text().await.unwrap(), "internal-token");
    let line = "greeter_credentials_refused_total{reason=\"missing\"}";
    assert_eq!(service.metric(line).await, Some(1), "the error is still counted");
}

#[tokio::test]
async fn a_probe_of_the_service_is_exempt_from_the_limit_of_concurrent_requests() {
    let service = start(&[("MAX_REQUESTS", "1")]).await;
    let slow = tokio::spawn(service.get("/slow").send());
    service.wait_for_status("/none", 503).await;
    own_error(service.get("/hello"), 503, "overloaded").await;
    assert_eq!(service.get("/open").send().await.unwrap().status(), 200);
    slow.abort();
}

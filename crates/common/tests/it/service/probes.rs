//! Probes, metrics and the health check.

use std::sync::atomic::Ordering;

use common::service::{ServiceConfig, check_health};
use serde_json::{Value, json};

use super::{TestService, settings};

#[tokio::test]
async fn the_service_decides_whether_it_is_ready() {
    let service = TestService::start(&[]).await;
    let probe = async |path: &str| {
        let response = service.get(path).send().await.unwrap();
        let status = response.status().as_u16();
        let body: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
        (status, body)
    };
    assert_eq!(probe("/readyz").await, (200, json!({ "status": "ok" })));
    service.ready.store(false, Ordering::Relaxed);
    let not_ready = json!({ "status": "not ready", "waiting_for": ["the database"] });
    assert_eq!(probe("/readyz").await, (503, not_ready));
    assert_eq!(probe("/healthz").await, (200, json!({ "status": "ok" })));
}

#[tokio::test]
async fn the_health_check_is_the_readiness_of_the_service() {
    let service = TestService::start(&[]).await;
    let address = service.url.strip_prefix("http://").unwrap().parse().unwrap();
    assert!(check_health(address).await.is_ok());
    service.ready.store(false, Ordering::Relaxed);
    let error = check_health(address).await.unwrap_err().to_string();
    assert!(error.starts_with("not ready: ") && error.contains("the database"), "{error}");
}

#[tokio::test]
async fn requests_are_counted_by_route_method_and_status() {
    let service = TestService::start(&[]).await;
    for path in ["/hello", "/hello", "/none"] {
        service.get(path).send().await.unwrap();
    }
    for (labels, count) in [
        ("route=\"/hello\",method=\"GET\",status=\"200\"", 2),
        ("route=\"unmatched\",method=\"GET\",status=\"404\"", 1),
    ] {
        let line = format!("greeter_http_requests_total{{{labels}}}");
        assert_eq!(service.metric(&line).await, Some(count), "{labels}");
    }
    let line = "greeter_http_request_duration_seconds_count{route=\"/hello\"}";
    assert_eq!(service.metric(line).await, Some(2));
}

#[test]
fn a_limit_of_zero_is_an_error_that_names_the_setting() {
    for name in ["RATE_LIMIT", "MAX_REQUESTS", "MAX_STREAMS", "SHUTDOWN_GRACE_SECONDS"] {
        let error = ServiceConfig::from_settings(&settings(&[(name, "0")])).unwrap_err().to_string();
        assert!(error.starts_with(name), "{error}");
    }
}

//! Errors of the store and of the shared layers.

use axum::body::Body;
use monitor_api::domain::definition_store::StoreError;
use serde_json::Value;

use crate::support::{TestApi, request};

#[tokio::test]
async fn an_error_of_the_store_does_not_show_its_cause() {
    let api = TestApi::live().await;
    api.define("risk-engine").await;
    let change = || api.send_json("PUT", "/api/services/risk-engine", "{\"owner\":\"x\"}");
    api.store.fail_with(StoreError::Failed("a secret of NATS".to_owned()));
    let message = "The store of the services failed; the log contains the cause.";
    change().await.is_error(500, "KV_STORE_ERROR", message, &Value::Null);
    api.store.fail_with(StoreError::Unavailable("a secret of NATS".to_owned()));
    let message = "NATS is unavailable, so nothing was changed. Retry.";
    change().await.is_error(503, "SERVICE_UNAVAILABLE", message, &Value::Null);
    api.store.fail_with(StoreError::Unconfirmed("a secret of NATS".to_owned()));
    let message = "NATS did not confirm the change of service 'risk-engine', so it may have been made. Read the service before \
                   you repeat the request.";
    change().await.is_error(503, "SERVICE_UNAVAILABLE", message, &Value::Null);
}

#[tokio::test]
async fn a_caller_above_the_rate_limit_gets_an_error_of_the_same_form() {
    let api = TestApi::start(&[("RATE_LIMIT", "1")]).await;
    let limited = async || {
        for _ in 0..50 {
            let response = api.get("/api/instances").await;
            if response.status == 429 {
                return response;
            }
        }
        panic!("the limit is not reached")
    };
    let response = limited().await;
    let message = "This caller sends too many requests. Wait, and send fewer.";
    response.is_error(429, "HTTP_429", message, &Value::Null);
    assert_eq!(response.header("retry-after"), Some("1"));
    assert_eq!(api.get("/health").await.status, 200, "probes have no limit");
}

#[tokio::test]
async fn an_event_id_that_is_not_a_number_is_an_error() {
    let api = TestApi::live().await;
    let mut request = request("GET", "/api/events", Body::empty());
    request.headers_mut().insert("last-event-id", "x".parse().unwrap());
    let message = "Last-Event-ID is not the id of an event of this stream.";
    api.send(request).await.is_error(400, "HTTP_400", message, &Value::Null);
}

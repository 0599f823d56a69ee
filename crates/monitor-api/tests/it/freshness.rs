//! The state of NATS, as reads, writes and probes show it.

use monitor_api::domain::connection::Connection;
use serde_json::Value;

use crate::support::TestApi;

const READS: [&str; 7] = [
    "/api/instances",
    "/api/instances/risk",
    "/api/instances/status/ACTIVE",
    "/api/instances/health/summary",
    "/api/instances/risk/1",
    "/api/services",
    "/api/services/risk-engine",
];

#[tokio::test]
async fn before_the_first_answer_of_nats_every_read_is_unavailable() {
    let api = TestApi::start(&[]).await;
    for _ in 0..2 {
        for path in READS {
            let response = api.get(path).await;
            let message = "NATS has not answered since this service started, so nothing is known yet. Retry.";
            response.is_error(503, "SERVICE_UNAVAILABLE", message, &Value::Null);
            assert_eq!(
                (response.header("retry-after"), response.header("tradeops-state")),
                (Some("5"), None)
            );
        }
        api.disconnect();
    }
}

#[tokio::test]
async fn reads_are_live_or_the_last_known_state_with_its_age() {
    let api = TestApi::live().await;
    let instance = api.register("risk", "1", "ACTIVE", 30);
    api.define("risk-engine").await;
    let freshness = async || {
        let mut found = Vec::new();
        for path in READS {
            let response = api.get(path).await;
            assert_eq!(response.status, 200, "{path}");
            let header = |name| response.header(name).map(str::to_owned);
            found.push((header("tradeops-state").unwrap(), header("age").unwrap()));
        }
        found.dedup();
        found
    };
    let live = [("live".to_owned(), "0".to_owned())];
    assert_eq!(freshness().await, live);
    api.disconnect();
    api.advance(600);
    assert_eq!(freshness().await, [("stale".to_owned(), "600".to_owned())]);
    api.get("/api/instances").await.is(200, &format!("[{instance}]"));
    api.connect(Connection::Live);
    api.register("risk", "1", "ACTIVE", 0);
    assert_eq!(freshness().await, live);
}

#[tokio::test]
async fn writes_are_unavailable_while_nats_is_and_nothing_is_changed() {
    let api = TestApi::live().await;
    api.define("risk-engine").await;
    api.disconnect();
    let body = "{\"service_name\":\"other\",\"owner\":\"o\",\"description\":\"d\",\"version\":\"1.0.0\"}";
    for response in [
        api.send_json("POST", "/api/services", body).await,
        api.send_json("PUT", "/api/services/risk-engine", "{\"owner\":\"x\"}").await,
        api.request("DELETE", "/api/services/risk-engine").await,
    ] {
        let message = "NATS is unavailable, so nothing was changed. Retry.";
        response.is_error(503, "SERVICE_UNAVAILABLE", message, &Value::Null);
        assert_eq!(response.header("retry-after"), Some("5"));
    }
    assert_eq!(api.send_json("POST", "/api/services", "{}").await.status, 422);
    assert_eq!(api.get("/api/services").await.json().as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn a_missing_bucket_is_an_empty_registry_and_the_service_is_ready() {
    let api = TestApi::start(&[]).await;
    api.connect(Connection::BucketMissing);
    let response = api.get("/api/instances").await;
    response.is(200, "[]");
    assert_eq!(response.header("tradeops-state"), Some("live"));
    api.get("/ready").await.is(200, "{\"status\":\"ready\"}");
    assert_eq!(api.get("/readyz").await.json()["status"], "degraded");
    assert_eq!(api.get("/health").await.json()["status"], "degraded");
}

#[tokio::test]
async fn readiness_is_that_of_nats_and_liveness_is_always_given() {
    let api = TestApi::start(&[]).await;
    let health = |status: &str| {
        let version = env!("CARGO_PKG_VERSION");
        format!(
            "{{\"status\":\"{status}\",\"service\":\"management-service\",\"version\":\"{version}\",\
             \"nats_url\":\"nats://nats:4222\"}}"
        )
    };
    let unavailable = async || {
        let response = api.get("/ready").await;
        response.is_error(503, "HEALTH_CHECK_FAILED", "NATS is unavailable", &Value::Null);
        assert_eq!(api.get("/readyz").await.status, 503);
        api.get("/health").await.is(200, &health("degraded"));
        assert_eq!(api.get("/health/detailed").await.status, 200);
    };
    unavailable().await;
    api.connect(Connection::Live);
    api.get("/ready").await.is(200, "{\"status\":\"ready\"}");
    api.get("/health").await.is(200, &health("healthy"));
    api.disconnect();
    unavailable().await;
}

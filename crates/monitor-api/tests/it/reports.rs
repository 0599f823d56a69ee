//! The service's own state: `/`, `/status`, `/health/detailed`, `/api/registry` and the metrics.

use monitor_api::domain::connection::Connection;
use serde_json::json;

use crate::support::TestApi;

#[tokio::test]
async fn the_root_is_a_welcome() {
    let api = TestApi::start(&[]).await;
    api.get("/").await.is(200, "{\"message\":\"Welcome to AegisTrader Management Service\"}");
}

#[tokio::test]
async fn the_status_counts_the_services_with_an_instance() {
    let api = TestApi::live().await;
    for (service, id, age) in [("risk", "1", 0), ("risk", "2", 0), ("gate", "1", 0), ("old", "1", 100)] {
        api.register(service, id, "ACTIVE", age);
    }
    let mut status = api.get("/status").await.json();
    let uptime = status.as_object_mut().unwrap().remove("uptime_seconds").unwrap();
    assert!(uptime.as_f64().is_some_and(|seconds| seconds >= 0.0), "{uptime}");
    assert_eq!(
        status,
        json!({
            "timestamp": "2026-02-10T08:00:00.000000Z", "environment": "staging", "connected_services": 2,
            "deployment_version": "v1.2.3-test",
        })
    );
}

#[tokio::test]
async fn the_detailed_health_measures_the_machine_and_nats() {
    let api = TestApi::live().await;
    let health = api.get("/health/detailed").await.json();
    assert_eq!((&health["status"], &health["service"]), (&"healthy".into(), &"management-service".into()));
    assert_eq!(health["dependencies"], json!({ "nats": { "status": "healthy", "latency_ms": 1.5 } }));
    for value in ["cpu_percent", "memory_percent", "disk_usage_percent"] {
        let percent = health["system_metrics"][value].as_f64();
        assert!(percent.is_some_and(|percent| (0.0..=100.0).contains(&percent)), "{health}");
    }
}

#[tokio::test]
async fn the_report_of_the_registry_has_every_entry() {
    let api = TestApi::live().await;
    api.register("risk", "1", "ACTIVE", -2);
    api.register("risk", "2", "STANDBY", 100);
    api.put("service-instances__garbage", "[]");
    api.define("risk-engine").await;
    api.disconnect();
    api.advance(10);
    let response = api.get("/api/registry").await;
    assert_eq!((response.header("tradeops-state"), response.header("age")), (Some("stale"), Some("10")));
    let mut report = response.json();
    let problem = report["unreadable"][0].as_object_mut().unwrap().remove("problem").unwrap();
    assert!(problem.is_string(), "{problem}");
    let instance = |id: &str, status: &str, age: f64, skew: f64, stale: bool| {
        json!({
            "service_name": "risk", "instance_id": id, "version": "1.0.0", "status": status, "age_seconds": age,
            "clock_skew_seconds": skew, "revision": 7, "stale": stale, "key": format!("service-instances__risk__{id}"),
        })
    };
    assert_eq!(
        report,
        json!({
            "connection": {
                "state": "unavailable", "unavailable_since": "2026-02-10T08:00:00.000000Z",
                "definitions_state": "unavailable", "nats_url": "nats://nats:4222", "problems": [],
                "reconnects": 3, "resyncs": 2, "lag": 4,
            },
            "bucket": {
                "name": "service_registry", "max_age_seconds": 30.0, "history": 1, "replicas": 3, "bytes": 4096,
                "messages": 12, "last_revision": 99,
            },
            "counts": {
                "total": 1, "active": 1, "standby": 0, "unhealthy": 0, "shutdown": 0, "stale": 1, "services": 1,
                "definitions": 1, "unreadable": 1,
            },
            "instances": [
                instance("1", "ACTIVE", 8.0, 2.0, false),
                instance("2", "STANDBY", 110.0, -100.0, true),
            ],
            "definitions": [{
                "service_name": "risk-engine", "owner": "o", "version": "1.0.0",
                "updated_at": "2026-02-10T08:00:00.000000Z", "revision": 1,
            }],
            "unreadable": [{ "key": "service-instances__garbage", "revision": 7 }],
            "copy_failure": null,
        })
    );
}

#[tokio::test]
async fn the_report_is_available_before_nats_has_answered() {
    let api = TestApi::start(&[]).await;
    let response = api.get("/api/registry").await;
    assert_eq!((response.status.as_u16(), response.header("tradeops-state")), (200, None));
    assert_eq!(response.json()["connection"]["state"], "connecting");
}

#[tokio::test]
async fn the_metrics_are_those_of_the_registry() {
    let api = TestApi::live().await;
    api.register("risk", "1", "ACTIVE", 0);
    api.register("risk", "2", "STANDBY", 0);
    api.register("risk", "3", "ACTIVE", 40);
    api.put("service-instances__garbage", "[]");
    api.define("risk-engine").await;
    let page = api.get("/metrics").await.body;
    for line in [
        "monitor_api_instances{status=\"ACTIVE\"} 1",
        "monitor_api_instances{status=\"STANDBY\"} 1",
        "monitor_api_instances{status=\"UNHEALTHY\"} 0",
        "monitor_api_instances{status=\"SHUTDOWN\"} 0",
        "monitor_api_stale_instances 1",
        "monitor_api_services 1",
        "monitor_api_definitions 1",
        "monitor_api_unreadable_entries 1",
        "monitor_api_uncopied_definitions 0",
        "monitor_api_connected 1",
        "monitor_api_watch_lag_messages 4",
        "monitor_api_max_clock_skew_seconds 40.0",
        "monitor_api_reconnects_total 3",
        "monitor_api_resyncs_total 2",
    ] {
        assert!(page.lines().any(|other| other == line), "{line} is not in\n{page}");
    }
    api.connect(Connection::Unavailable { since: api.now() });
    assert!(api.get("/metrics").await.body.contains("monitor_api_connected 0"));
}

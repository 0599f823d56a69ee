//! The routes of instances.

use serde_json::Value;

use crate::support::TestApi;

#[tokio::test]
async fn every_list_of_an_empty_registry_is_an_empty_array() {
    let api = TestApi::live().await;
    for path in ["/api/instances", "/api/instances/risk", "/api/instances/status/ACTIVE", "/api/services"] {
        api.get(path).await.is(200, "[]");
    }
    api.get("/api/instances/health/summary")
        .await
        .is(200, "{\"total\":0,\"active\":0,\"unhealthy\":0,\"standby\":0}");
}

#[tokio::test]
async fn instances_have_the_form_of_the_bucket() {
    let api = TestApi::live().await;
    let standby = api.register("risk", "risk-1f0c9a2b", "STANDBY", 1);
    let active = api.register("gate", "gate__0", "ACTIVE", 0);
    let unhealthy = api.register("risk", "risk-0", "UNHEALTHY", 2);
    let response = api.get("/api/instances").await;
    response.is(200, &format!("[{active},{unhealthy},{standby}]"));
    assert_eq!(response.header("content-type"), Some("application/json"));
    api.get("/api/instances/risk").await.is(200, &format!("[{unhealthy},{standby}]"));
    api.get("/api/instances/status/ACTIVE").await.is(200, &format!("[{active}]"));
    api.get("/api/instances/status/SHUTDOWN").await.is(200, "[]");
    api.get("/api/instances/gate/gate__0").await.is(200, &active);
    api.get("/api/instances/none").await.is(200, "[]");
    api.get("/api/instances/health/summary")
        .await
        .is(200, "{\"total\":3,\"active\":1,\"unhealthy\":1,\"standby\":1}");
}

#[tokio::test]
async fn a_list_has_its_length_although_it_is_sent_in_parts() {
    let api = TestApi::live().await;
    let instances: Vec<_> =
        (1000..2000).map(|number| api.register("risk", &number.to_string(), "ACTIVE", 0)).collect();
    let response = api.get("/api/instances").await;
    response.is(200, &format!("[{}]", instances.join(",")));
    assert_eq!(response.header("content-length"), Some(response.body.len().to_string().as_str()));
    assert_eq!(response.header("transfer-encoding"), None);
}

#[tokio::test]
async fn an_unknown_instance_is_not_found() {
    let api = TestApi::live().await;
    api.register("risk", "1", "ACTIVE", 0);
    for (service, id) in [("risk", "2"), ("gate", "1")] {
        api.get(&format!("/api/instances/{service}/{id}")).await.is_error(
            404,
            "HTTP_404",
            &format!("Service 'Instance {id} of service {service} not found' not found"),
            &Value::Null,
        );
    }
}

#[tokio::test]
async fn an_unknown_status_is_an_error() {
    let api = TestApi::live().await;
    for word in ["x", "active", "STOPPED"] {
        let message = format!(
            "Invalid status: {word}. Must be one of {{'ACTIVE', 'STANDBY', 'UNHEALTHY', 'SHUTDOWN'}}"
        );
        let response = api.get(&format!("/api/instances/status/{word}")).await;
        response.is_error(400, "HTTP_400", &message, &Value::Null);
    }
}

#[tokio::test]
async fn stale_instances_are_hidden_everywhere() {
    let api = TestApi::live().await;
    let fresh = api.register("risk", "1", "ACTIVE", 35);
    api.register("risk", "2", "ACTIVE", 36);
    let future = api.register("risk", "3", "ACTIVE", -3600);
    api.get("/api/instances").await.is(200, &format!("[{fresh},{future}]"));
    assert_eq!(api.get("/api/instances/risk/2").await.status, 404);
    assert_eq!(api.get("/api/instances/health/summary").await.json()["total"], 2);
    api.advance(1);
    api.get("/api/instances/status/ACTIVE").await.is(200, &format!("[{future}]"));
}

#[tokio::test]
async fn an_entry_that_can_not_be_read_is_skipped() {
    let api = TestApi::live().await;
    let instance = api.register("risk", "1", "ACTIVE", 0);
    api.put("service-instances__garbage", "\u{1}not JSON");
    api.get("/api/instances").await.is(200, &format!("[{instance}]"));
}

#[tokio::test]
async fn names_in_paths_are_decoded() {
    let api = TestApi::live().await;
    let instance = api.register("risk engine", "ä/1", "ACTIVE", 0);
    api.get("/api/instances/risk%20engine").await.is(200, &format!("[{instance}]"));
    api.get("/api/instances/risk%20engine/%C3%A4%2F1").await.is(200, &instance);
    api.get("/api/instances/%FF").await.is(200, "[]");
}

//! The routes of definitions.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{TestApi, TestResponse};

const CREATED: &str = "2026-02-10T08:00:00.000000Z";

fn definition(owner: &str, version: &str, updated_at: &str) -> String {
    format!(
        "{{\"service_name\":\"risk-engine\",\"owner\":\"{owner}\",\"description\":\"Checks limits\",\"version\":\"{version}\",\
         \"created_at\":\"{CREATED}\",\"updated_at\":\"{updated_at}\"}}"
    )
}

async fn create(api: &TestApi) -> TestResponse {
    let body = json!({
        "service_name": "risk-engine", "owner": "trading", "description": "Checks limits", "version": "1.0.0", "more": 1,
    });
    api.send_json("POST", "/api/services", &body.to_string()).await
}

async fn update(api: &TestApi, body: &Value) -> TestResponse {
    api.send_json("PUT", "/api/services/risk-engine", &body.to_string()).await
}

fn details() -> Value {
    json!({ "service_name": "risk-engine" })
}

#[tokio::test]
async fn a_definition_is_created_once_and_can_be_read_at_once() {
    let api = TestApi::live().await;
    let expected = definition("trading", "1.0.0", CREATED);
    let created = create(&api).await;
    created.is(201, &expected);
    assert_eq!(created.header("location"), Some("/api/services/risk-engine"));
    let message = "Service 'risk-engine' already exists";
    create(&api).await.is_error(409, "SERVICE_ALREADY_EXISTS", message, &details());
    api.get("/api/services").await.is(200, &format!("[{expected}]"));
    api.get("/api/services/risk-engine").await.is(200, &expected);
    let with_revision = format!("{{\"service\":{expected},\"revision\":1}}");
    api.get("/api/services/risk-engine/revision").await.is(200, &with_revision);
}

#[tokio::test]
async fn a_change_keeps_the_other_fields() {
    let api = TestApi::live().await;
    create(&api).await;
    api.advance(60);
    let changed = update(&api, &json!({ "owner": "risk", "version": null, "service_name": "other" })).await;
    let expected = definition("risk", "1.0.0", "2026-02-10T08:01:00.000000Z");
    changed.is(200, &expected);
    api.get("/api/services/risk-engine").await.is(200, &expected);
    update(&api, &json!({ "version": "2.0.0", "revision": 2 }))
        .await
        .is(200, &definition("risk", "2.0.0", "2026-02-10T08:01:00.000000Z"));
}

#[tokio::test]
async fn a_change_with_another_revision_is_a_concurrent_update() {
    let api = TestApi::live().await;
    create(&api).await;
    for revision in
        ["2", "0", "-0", "-1", "18446744073709551615", "18446744073709551616", "-9223372036854775809"]
    {
        let body = format!("{{\"owner\":\"x\",\"revision\":{revision}}}");
        let response = api.send_json("PUT", "/api/services/risk-engine", &body).await;
        let message = "Concurrent update detected for service 'risk-engine'";
        response.is_error(409, "CONCURRENT_UPDATE", message, &details());
    }
}

#[tokio::test]
async fn of_many_changes_of_one_revision_one_succeeds() {
    let api = TestApi::live().await;
    create(&api).await;
    let bodies: Vec<_> = (0..50).map(|n| json!({ "owner": format!("o{n}"), "revision": 1 })).collect();
    let responses = join_all(bodies.iter().map(|body| update(&api, body))).await;
    let count = |status: u16| responses.iter().filter(|response| response.status == status).count();
    assert_eq!((count(200), count(409)), (1, 49));
}

#[tokio::test]
async fn changes_without_a_revision_are_all_made() {
    let api = TestApi::live().await;
    create(&api).await;
    let bodies = [json!({ "owner": "a" }), json!({ "description": "b" }), json!({ "version": "3.0.0" })];
    for response in join_all(bodies.iter().map(|body| update(&api, body))).await {
        assert_eq!(response.status, 200, "{response:?}");
    }
    let read = api.get("/api/services/risk-engine").await.json();
    assert_eq!(
        (&read["owner"], &read["description"], &read["version"]),
        (&"a".into(), &"b".into(), &"3.0.0".into())
    );
}

#[tokio::test]
async fn a_change_without_fields_is_refused_before_the_service_is_looked_up() {
    let api = TestApi::live().await;
    for body in [json!({}), json!({ "revision": 1 }), json!({ "other": 1 }), json!({ "owner": null })] {
        update(&api, &body).await.is_error(400, "HTTP_400", "No fields to update", &Value::Null);
    }
}

#[tokio::test]
async fn a_deleted_definition_is_gone_at_once() {
    let api = TestApi::live().await;
    create(&api).await;
    let deleted = api.request("DELETE", "/api/services/risk-engine").await;
    deleted.is(204, "");
    assert_eq!(deleted.header("content-type"), None);
    api.get("/api/services").await.is(200, "[]");
    create(&api).await.is(201, &definition("trading", "1.0.0", CREATED));
}

#[tokio::test]
async fn an_unknown_service_is_not_found() {
    let api = TestApi::live().await;
    let path = "/api/services/risk-engine";
    for response in [
        api.get(path).await,
        api.get(&format!("{path}/revision")).await,
        api.request("DELETE", path).await,
        update(&api, &json!({ "owner": "x" })).await,
        update(&api, &json!({ "version": "01.0.0" })).await,
    ] {
        response.is_error(404, "SERVICE_NOT_FOUND", "Service 'risk-engine' not found", &details());
    }
}

#[tokio::test]
async fn the_key_of_an_instance_is_not_a_service() {
    let api = TestApi::live().await;
    let instance = api.register("risk", "1", "ACTIVE", 0);
    let path = "/api/services/service-instances__risk__1";
    for response in [
        api.get(path).await,
        api.request("DELETE", path).await,
        api.send_json("PUT", path, "{\"owner\":\"x\"}").await,
    ] {
        assert_eq!(
            (response.status.as_u16(), &response.json()["error"]["code"]),
            (404, &"SERVICE_NOT_FOUND".into())
        );
    }
    api.get("/api/instances").await.is(200, &format!("[{instance}]"));
}

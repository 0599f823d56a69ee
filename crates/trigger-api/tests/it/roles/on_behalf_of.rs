//! People on whose behalf a trusted caller sends requests.

use reqwest::{RequestBuilder, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{ADMIN_SECRET, CRONJOB, INTERNAL_TOKEN, READ_TOKEN, TASK, start};
use crate::support::{TriggerApi, answer, problem};

const SETTINGS: [(&str, &str); 4] = [
    ("READ_TOKEN", READ_TOKEN),
    ("INTERNAL_TOKEN", INTERNAL_TOKEN),
    ("ADMIN_SECRET", ADMIN_SECRET),
    ("TRUSTED_CALLERS", "internal-token\nadmin-secret\n"),
];

fn for_alice(request: RequestBuilder) -> RequestBuilder {
    request.header("x-internal-token", INTERNAL_TOKEN).header("x-on-behalf-of", "alice@example.com")
}

async fn run(api: &TriggerApi, id: &Value) -> Value {
    let path = format!("/v1/runs/{}", id.as_str().expect("a string"));
    answer(api.get(&path).header("x-read-token", READ_TOKEN)).await.1
}

#[tokio::test]
async fn a_run_has_the_person_and_the_caller_for_every_kind_of_target() {
    let folder = TempDir::new().unwrap();
    let api = start(&folder, &SETTINGS);
    let (_, whoami) = answer(for_alice(api.get("/v1/whoami"))).await;
    assert_eq!(
        (&whoami["name"], &whoami["role"], &whoami["on_behalf_of"]),
        (&json!("internal-token"), &json!("operator"), &json!("alice@example.com"))
    );
    let (_, started) = answer(for_alice(api.post("/trigger-sync"))).await;
    let of_job = run(&api, &started["run_id"]).await;
    assert_eq!(of_job["requested_by"], "alice@example.com", "{of_job}");
    assert_eq!(of_job["requested_via"], "internal-token");
    let request = api.post(&format!("/v1/targets/{TASK}/runs")).header("x-admin-secret", ADMIN_SECRET);
    let (status, started) = answer(request.header("x-on-behalf-of", "bob")).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{started}");
    assert_eq!(
        (&started["requested_by"], &started["requested_via"]),
        (&json!("bob"), &json!("admin-secret"))
    );
    let path = format!("/v1/runs/{}", started["run_id"].as_str().unwrap());
    let request = api.delete(&path).header("x-admin-secret", ADMIN_SECRET);
    let (_, cancelled) = answer(request.header("x-on-behalf-of", "carol")).await;
    assert_eq!(cancelled["cause"]["message"], "Cancelled by carol via admin-secret.", "{cancelled}");
    let (_, own) = answer(api.post("/trigger-sync").header("x-internal-token", INTERNAL_TOKEN)).await;
    let own = run(&api, &own["run_id"]).await;
    assert_eq!((&own["requested_by"], &own["requested_via"]), (&json!("internal-token"), &Value::Null));
}

#[tokio::test]
async fn a_caller_that_is_not_trusted_is_refused_on_every_route_and_starts_nothing() {
    let folder = TempDir::new().unwrap();
    let api = start(&folder, &[&SETTINGS[..3], &[("TRUSTED_CALLERS", "admin-secret")]].concat());
    for request in [api.post("/trigger-sync"), api.get("/v1/runs"), api.get("/v1/whoami")] {
        let denied = problem(for_alice(request), 403, "not-allowed").await;
        assert!(denied["detail"].as_str().unwrap().contains("TRUSTED_CALLERS"), "{denied}");
    }
    let (_, runs) = answer(api.get("/v1/runs").header("x-read-token", READ_TOKEN)).await;
    assert_eq!(runs["runs"], json!([]));
}

#[tokio::test]
async fn an_idempotency_key_is_that_of_the_person() {
    let folder = TempDir::new().unwrap();
    let api = start(&folder, &SETTINGS);
    let keyed = async |target: &str, person: Option<&str>| {
        let request = api.post(&format!("/v1/targets/{target}/runs")).header("idempotency-key", "one");
        let request = request.header("x-admin-secret", ADMIN_SECRET);
        let request =
            person.iter().fold(request, |request, person| request.header("x-on-behalf-of", *person));
        answer(request).await.1["run_id"].as_str().expect("a run").to_owned()
    };
    for target in [CRONJOB, TASK] {
        let of_alice = keyed(target, Some("alice")).await;
        assert_ne!(keyed(target, Some("bob")).await, of_alice, "{target}");
        assert_ne!(keyed(target, None).await, of_alice, "{target}");
        assert_eq!(keyed(target, Some("alice")).await, of_alice, "{target}");
    }
}

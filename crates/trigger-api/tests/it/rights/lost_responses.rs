//! The response of a creation is lost, and the right to read Jobs is missing.

use serde_json::Value;
use testkit::cluster::Namespace;

use super::restricted::{namespace, rule, seed_rules, seed_rules_and, start};
use crate::support::api_server::{ApiServerProxy, Fault, JOBS};
use crate::support::{TriggerApi, answer, jobs, problem};

async fn start_behind_proxy(purpose: &str, rules: &[Value]) -> (TriggerApi, ApiServerProxy, Namespace) {
    let namespace = namespace(purpose, rules, "concurrencyPolicy: Forbid").await;
    let proxy = ApiServerProxy::start().await;
    let kubeconfig = proxy.kubeconfig(&namespace).await;
    let api = start(&namespace, &[("KUBECONFIG", kubeconfig.to_str().expect("a path in UTF-8"))]).await;
    (api, proxy, namespace)
}

#[tokio::test]
async fn a_creation_that_was_not_confirmed_is_reported_with_the_jobs_name_and_a_repetition_starts_nothing() {
    let (api, proxy, namespace) = start_behind_proxy("lost-unread", &seed_rules()).await;
    proxy.fail_times(1, "POST", JOBS, Fault::LostResponse);
    let request = || api.post("/trigger-sync").header("Idempotency-Key", "k");
    let body = problem(request(), 504, "cluster-timeout").await;
    let names = jobs::names(&namespace).await;
    let [name] = &names[..] else { panic!("{names:?}") };
    let detail = body["detail"].as_str().unwrap();
    assert!(detail.contains(name) && detail.contains("get jobs.batch"), "{detail}");
    for _ in 0..2 {
        let body = problem(request(), 409, "unreadable-job").await;
        let detail = body["detail"].as_str().unwrap();
        assert!(detail.contains(name) && detail.contains("get jobs.batch"), "{detail}");
    }
    assert_eq!(jobs::names(&namespace).await, names);
}

#[tokio::test]
async fn a_creation_that_failed_is_repeated_by_the_next_request_with_the_same_key() {
    let (api, proxy, namespace) = start_behind_proxy("failed-unread", &seed_rules()).await;
    proxy.fail_times(1, "POST", JOBS, Fault::Status(500, "InternalError", None));
    let request = || api.post("/trigger-sync").header("Idempotency-Key", "k");
    let body = problem(request(), 502, "cluster-failed").await;
    let (status, started) = answer(request()).await;
    assert_eq!((status.as_u16(), &started["state"]), (200, &Value::from("unknown")), "{started}");
    let name = started["job_name"].as_str().unwrap();
    assert!(body["detail"].as_str().unwrap().contains(name), "{body}");
    // The run is in the history, so the next repetition finds it there.
    let (status, found) = answer(request()).await;
    assert_eq!((status.as_u16(), &found["run_id"]), (200, &started["run_id"]), "{found}");
    assert_eq!(jobs::names(&namespace).await, [name]);
}

#[tokio::test]
async fn without_the_right_to_get_jobs_a_created_job_is_found_by_a_list() {
    let rules = seed_rules_and(&[rule("batch", "jobs", &["list", "watch"])]);
    let (api, proxy, namespace) = start_behind_proxy("lost-listed", &rules).await;
    proxy.fail_times(1, "POST", JOBS, Fault::LostResponse);
    let started = api.trigger().await;
    assert_eq!(started["state"], "pending", "{started}");
    assert_eq!(jobs::names(&namespace).await, [started["job_name"].as_str().unwrap()]);
}

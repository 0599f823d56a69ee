//! Each kind of failure of the API server has its own response, and trigger-api recovers when the failure ends.

use reqwest::StatusCode;

use super::{TestEnv, start};
use crate::support::api_server::{ApiServerProxy, Fault, JOBS};
use crate::support::{CRONJOB, TriggerApi, answer, cronjob, jobs, namespace, problem};

/// Starts a run while every POST fails with the fault, and returns the Retry-After header.
async fn start_with_fault(purpose: &str, fault: Fault, status: u16, kind: &str) -> Option<String> {
    let env = TestEnv::new(purpose, "concurrencyPolicy: Forbid").await;
    env.proxy.fail("POST", JOBS, fault);
    env.assert_rejected(status, kind).await;
    assert_eq!(env.proxy.count("POST", JOBS), 1, "a POST is never sent twice");
    let response = env.api.post("/trigger-sync").send().await.expect("a response");
    let retry_after =
        response.headers().get("retry-after").map(|value| value.to_str().expect("a string").to_owned());
    assert!(jobs::names(&env.namespace).await.is_empty());
    env.proxy.clear_faults();
    env.assert_recovered().await;
    retry_after
}

#[tokio::test]
async fn a_busy_server_is_reported_with_its_own_retry_after() {
    let busy = Fault::Status(429, "TooManyRequests", Some(7));
    assert_eq!(start_with_fault("busy", busy, 503, "cluster-busy").await.as_deref(), Some("7"));
}

#[tokio::test]
async fn a_busy_server_that_sends_plain_text_is_reported_with_the_default_retry_after() {
    let busy = Fault::Response(429, "text/plain", "Too many requests, please try again later.".to_owned());
    assert_eq!(start_with_fault("busy-text", busy, 503, "cluster-busy").await.as_deref(), Some("5"));
}

#[tokio::test]
async fn an_internal_error_of_the_server_is_a_bad_gateway() {
    let fault = Fault::Status(500, "InternalError", None);
    assert_eq!(start_with_fault("inside", fault, 502, "cluster-failed").await.as_deref(), Some("5"));
}

#[tokio::test]
async fn an_unavailable_server_is_a_bad_gateway() {
    let fault = Fault::Status(503, "ServiceUnavailable", None);
    assert_eq!(start_with_fault("not-available", fault, 502, "cluster-failed").await.as_deref(), Some("5"));
}

#[tokio::test]
async fn a_timeout_of_the_server_itself_is_a_timeout() {
    let fault = Fault::Status(504, "Timeout", Some(3));
    assert_eq!(start_with_fault("gave-up", fault, 504, "cluster-timeout").await.as_deref(), Some("5"));
}

#[tokio::test]
async fn a_response_that_is_not_json_is_a_bad_gateway() {
    let garbage = Fault::Response(200, "text/html", "<html>etcd at 10.0.0.7 says hello</html>".to_owned());
    assert_eq!(start_with_fault("garbage", garbage, 502, "cluster-failed").await.as_deref(), Some("5"));
}

#[tokio::test]
async fn an_error_page_of_a_gateway_in_front_of_the_server_is_a_bad_gateway() {
    let page = Fault::Response(502, "text/html", "<html>etcd at 10.0.0.7 says no</html>".to_owned());
    assert_eq!(start_with_fault("page", page, 502, "cluster-failed").await.as_deref(), Some("5"));
}

#[tokio::test]
async fn a_server_that_does_not_respond_is_a_timeout_after_the_configured_second() {
    assert_eq!(
        start_with_fault("silent", Fault::NoResponse, 504, "cluster-timeout").await.as_deref(),
        Some("5")
    );
}

#[tokio::test]
async fn while_the_server_is_unreachable_the_history_is_served_and_missed_changes_arrive_afterwards() {
    let mut env = TestEnv::new("gone", "concurrencyPolicy: Forbid").await;
    let ended = env.api.trigger().await;
    let id = ended["run_id"].as_str().unwrap().to_owned();
    env.proxy.stop_listening().await;
    env.assert_rejected(503, "cluster-unreachable").await;
    let response = env.api.post("/trigger-sync").send().await.unwrap();
    assert_eq!(response.headers()["retry-after"], "5");
    assert_eq!(env.api.run(&id).await["state"], "pending");
    let (status, target) = answer(env.api.get(&format!("/v1/targets/{CRONJOB}"))).await;
    assert_eq!((status, &target["status"]["active"][0]["run_id"]), (StatusCode::OK, &ended["run_id"]));
    let (status, _) = answer(env.api.get("/readyz")).await;
    assert_eq!(status, StatusCode::OK, "cached state is still served");
    jobs::finish(&env.namespace, ended["job_name"].as_str().unwrap()).await;
    env.proxy.resume_listening();
    assert_eq!(env.api.wait_for_end(&id).await["state"], "succeeded");
    assert_eq!(env.api.trigger().await["state"], "pending");
}

#[tokio::test]
async fn a_program_that_starts_without_the_server_serves_its_history_and_becomes_ready_with_the_server() {
    let namespace = namespace("late").await;
    namespace.apply(&cronjob("", ""));
    let mut proxy = ApiServerProxy::start().await;
    let before = start(&namespace, &proxy).await.trigger().await;
    proxy.stop_listening().await;
    let kubeconfig = proxy.kubeconfig(&namespace).await;
    let database = format!("sqlite:{}", namespace.folder().join("history.sqlite").display());
    let mut api = TriggerApi::spawn(&[
        ("KUBECONFIG", kubeconfig.to_str().unwrap()),
        ("CRONJOB_NAME", CRONJOB),
        ("DATABASE_URL", &database),
        ("CLUSTER_TIMEOUT_SECONDS", "1"),
    ]);
    let id = before["run_id"].as_str().unwrap();
    assert_eq!(api.run(id).await["state"], "pending");
    problem(api.post("/trigger-sync"), 503, "cluster-unreachable").await;
    assert_eq!(answer(api.get("/readyz")).await.0, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer(api.get("/healthz")).await.0, StatusCode::OK);
    let (status, page) = answer(api.get("/v1/targets")).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(page["targets"][0]["problem"]["type"], "https://tradeops.dev/problems/cluster-unreachable");
    jobs::finish(&namespace, before["job_name"].as_str().unwrap()).await;
    proxy.resume_listening();
    api.wait_for_log("ready: every target's runs are known");
    assert_eq!(api.wait_for_end(id).await["state"], "succeeded");
}

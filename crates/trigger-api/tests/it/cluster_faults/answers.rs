//! Each way in which the API server fails has its own answer, and none of them lasts longer than the fault.

use reqwest::StatusCode;

use super::{Stage, start};
use crate::support::api_server::{ApiServer, Fault, JOBS};
use crate::support::{CRONJOB, TriggerApi, answer, cronjob, jobs, namespace, problem};

/// Clicks while every POST meets the fault; gives the Retry-After.
async fn click(purpose: &str, fault: Fault, status: u16, kind: &str) -> Option<String> {
    let stage = Stage::set(purpose, "concurrencyPolicy: Forbid").await;
    stage.server.fail("POST", JOBS, fault);
    stage.refused(status, kind).await;
    assert_eq!(stage.server.count("POST", JOBS), 1, "a POST is never sent twice");
    let response = stage.api.post("/trigger-sync").send().await.expect("it answers");
    let retry_after =
        response.headers().get("retry-after").map(|value| value.to_str().expect("a text").to_owned());
    assert!(jobs::names(&stage.namespace).await.is_empty());
    stage.server.heal();
    stage.works_again().await;
    retry_after
}

#[tokio::test]
async fn a_server_that_is_too_busy_is_told_with_its_own_wish_when_to_come_back() {
    let busy = Fault::Status(429, "TooManyRequests", Some(7));
    assert_eq!(click("busy", busy, 503, "cluster-busy").await.as_deref(), Some("7"));
}

#[tokio::test]
async fn a_server_that_is_too_busy_to_write_an_object_is_told_as_well() {
    let busy = Fault::Answer(429, "text/plain", "Too many requests, please try again later.".to_owned());
    assert_eq!(click("busy-text", busy, 503, "cluster-busy").await.as_deref(), Some("5"));
}

#[tokio::test]
async fn a_server_that_fails_inside_is_a_bad_gateway() {
    let fault = Fault::Status(500, "InternalError", None);
    assert_eq!(click("inside", fault, 502, "cluster-failed").await.as_deref(), Some("5"));
}

#[tokio::test]
async fn a_server_that_is_not_available_is_a_bad_gateway() {
    let fault = Fault::Status(503, "ServiceUnavailable", None);
    assert_eq!(click("not-available", fault, 502, "cluster-failed").await.as_deref(), Some("5"));
}

#[tokio::test]
async fn a_server_that_gave_up_in_time_is_a_timeout() {
    let fault = Fault::Status(504, "Timeout", Some(3));
    assert_eq!(click("gave-up", fault, 504, "cluster-timeout").await.as_deref(), Some("5"));
}

#[tokio::test]
async fn an_answer_that_is_no_json_is_a_bad_gateway() {
    let garbage = Fault::Answer(200, "text/html", "<html>etcd at 10.0.0.7 says hello</html>".to_owned());
    assert_eq!(click("garbage", garbage, 502, "cluster-failed").await.as_deref(), Some("5"));
}

#[tokio::test]
async fn an_error_page_of_something_before_the_server_is_a_bad_gateway() {
    let page = Fault::Answer(502, "text/html", "<html>etcd at 10.0.0.7 says no</html>".to_owned());
    assert_eq!(click("page", page, 502, "cluster-failed").await.as_deref(), Some("5"));
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_a_timeout_after_the_configured_second() {
    assert_eq!(click("silent", Fault::Silence, 504, "cluster-timeout").await.as_deref(), Some("5"));
}

#[tokio::test]
async fn a_server_that_is_gone_is_told_while_history_and_targets_are_served_and_what_was_missed_is_found_out()
{
    let mut stage = Stage::set("gone", "concurrencyPolicy: Forbid").await;
    let ended = stage.api.trigger().await;
    let id = ended["run_id"].as_str().unwrap().to_owned();
    stage.server.go_away().await;
    stage.refused(503, "cluster-unreachable").await;
    let response = stage.api.post("/trigger-sync").send().await.unwrap();
    assert_eq!(response.headers()["retry-after"], "5");
    assert_eq!(stage.api.run(&id).await["state"], "pending");
    let (status, target) = answer(stage.api.get(&format!("/v1/targets/{CRONJOB}"))).await;
    assert_eq!((status, &target["status"]["active"][0]["run_id"]), (StatusCode::OK, &ended["run_id"]));
    let (status, _) = answer(stage.api.get("/readyz")).await;
    assert_eq!(status, StatusCode::OK, "what is remembered is still served");
    jobs::finish(&stage.namespace, ended["job_name"].as_str().unwrap()).await;
    stage.server.come_back();
    assert_eq!(stage.api.wait_for_end(&id).await["state"], "succeeded");
    assert_eq!(stage.api.trigger().await["state"], "pending");
}

#[tokio::test]
async fn a_program_that_starts_without_a_server_serves_its_history_and_is_ready_when_the_server_is() {
    let namespace = namespace("late").await;
    namespace.apply(&cronjob("", ""));
    let mut server = ApiServer::proxy().await;
    let before = start(&namespace, &server).await.trigger().await;
    server.go_away().await;
    let kubeconfig = server.kubeconfig(&namespace).await;
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
    server.come_back();
    api.wait_for_log("ready: every target's runs are known");
    assert_eq!(api.wait_for_end(id).await["state"], "succeeded");
}

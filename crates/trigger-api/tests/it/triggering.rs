//! The dashboard's button, with only the CronJob configured.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::{CRONJOB, TriggerApi, answer, cronjob, namespace, problem};

#[tokio::test]
async fn a_click_starts_a_job_and_the_response_identifies_it() {
    let namespace = namespace("click").await;
    namespace.apply(&cronjob("", ""));
    let api = TriggerApi::start(&namespace, &[]).await;
    let started = api.trigger().await;
    let job = started["job_name"].as_str().unwrap();
    assert!(job.starts_with(&format!("{CRONJOB}-")), "{started}");
    assert_eq!(started["namespace"], namespace.name);
    assert_eq!(started["message"], format!("Job {job} started"));
    assert_eq!(
        namespace.kubectl(&["get", "job", job, "--output", "jsonpath={.metadata.uid}"]),
        started["run_id"]
    );
    let run = api.run(started["run_id"].as_str().unwrap()).await;
    assert_eq!(
        (&run["job_name"], &run["trigger"], &run["requested_by"]),
        (&started["job_name"], &"manual".into(), &"anonymous".into())
    );
    let (status, page) = answer(api.get("/v1/runs")).await;
    assert_eq!((status, page["runs"].as_array().map(Vec::len)), (StatusCode::OK, Some(1)));
}

#[tokio::test]
async fn with_forbid_the_response_to_a_second_click_names_the_conflicting_run() {
    let namespace = namespace("forbid").await;
    namespace.apply(&cronjob("concurrencyPolicy: Forbid", ""));
    let api = TriggerApi::start(&namespace, &[]).await;
    let first = api.trigger().await;
    let conflict = problem(api.post("/trigger-sync"), 409, "conflicting-run").await;
    assert_eq!(conflict["run"]["run_id"], first["run_id"]);
    assert_eq!(conflict["run"]["job_name"], first["job_name"]);
}

#[tokio::test]
async fn a_target_without_a_time_of_the_next_run_has_a_reason() {
    let namespace = namespace("schedule").await;
    namespace.apply(&cronjob("", ""));
    for (schedule, reason) in [("0 0 29 2 ?", Value::Null), ("@every 1h", json!("Interval"))] {
        let patch = json!({ "spec": { "schedule": schedule } }).to_string();
        namespace.kubectl(&["patch", "cronjob", CRONJOB, "--patch", &patch]);
        let api = TriggerApi::start(&namespace, &[]).await;
        let (_, target) = answer(api.get(&format!("/v1/targets/{CRONJOB}"))).await;
        let status = &target["status"];
        assert_eq!(status["schedule"], schedule, "{target}");
        assert_eq!(status["next_run_at"].is_string(), reason.is_null(), "{target}");
        assert_eq!(status["no_next_run"]["reason"], reason, "{target}");
    }
}

//! The Role of the replaced system: get the CronJob, create Jobs.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::cluster::Namespace;
use testkit::manifests;

use super::restricted::{grant, is_missing, namespace, notices, seed_rules, start};
use crate::support::{CRONJOB, TriggerApi, answer, cronjob, jobs, problem, until};

/// Asserts that the run is unknown, and that its cause names the right.
fn assert_unknown(run: &Value, namespace: &Namespace) {
    assert_eq!((&run["state"], &run["cause"]["reason"]), (&json!("unknown"), &json!("NotObserved")), "{run}");
    let right = format!("trigger-api may not list jobs.batch in the namespace {}", namespace.name);
    assert!(run["cause"]["message"].as_str().is_some_and(|message| message.contains(&right)), "{run}");
}

#[tokio::test]
async fn a_click_starts_the_job_and_what_can_not_be_observed_is_reported() {
    let namespace = namespace("seed-role", &seed_rules(), "").await;
    let api = start(&namespace, &[]).await;
    // The end of such a run is not waited for.
    let waiting = answer(api.post("/trigger-sync").header("Prefer", "wait=60"));
    let (status, started) = tokio::time::timeout(Duration::from_secs(45), waiting).await.expect("no wait");
    assert_eq!((status.as_u16(), &started["state"]), (200, &json!("unknown")), "{started}");
    assert!(started["message"].as_str().unwrap().contains("list jobs.batch"), "{started}");
    assert_eq!(jobs::names(&namespace).await, [started["job_name"].as_str().unwrap()]);
    assert_unknown(&api.run(started["run_id"].as_str().unwrap()).await, &namespace);
    for right in ["list jobs.batch", "list pods", &format!("list cronjobs.batch/{CRONJOB}")] {
        assert!(is_missing(&api, &namespace, right).await, "{right}: {:?}", notices(&api).await);
    }
    let metrics = api.get("/metrics").send().await.unwrap().text().await.unwrap();
    let gauge = metrics.lines().find_map(|line| line.strip_prefix("trigger_api_missing_rights "));
    assert!(gauge.unwrap().parse::<u32>().unwrap() >= 3, "{gauge:?}");
    let (_, page) = answer(api.get("/v1/runs?state=unknown")).await;
    assert_eq!(page["runs"][0]["run_id"], started["run_id"], "{page}");
    let log = api.get(&format!("/v1/runs/{}/logs", started["run_id"].as_str().unwrap()));
    let body = problem(log, 503, "missing-permission").await;
    assert!(body["detail"].as_str().unwrap().contains("list pods"), "{body}");
}

#[tokio::test]
async fn every_click_starts_a_job_and_a_policy_that_is_applied_only_in_part_is_mentioned() {
    for policy in ["Forbid", "Replace"] {
        let spec = format!("concurrencyPolicy: {policy}");
        let namespace = namespace("seed-policy", &seed_rules(), &spec).await;
        let api = start(&namespace, &[]).await;
        for count in 1..=3 {
            let started = api.trigger().await;
            let message = started["message"].as_str().unwrap();
            assert!(message.contains(&format!("concurrencyPolicy is {policy}")), "{message}");
            assert_eq!(jobs::names(&namespace).await.len(), count);
        }
    }
}

#[tokio::test]
async fn a_scheduled_job_in_the_status_of_the_cronjob_is_a_conflicting_run() {
    let namespace = namespace("seed-active", &seed_rules(), "concurrencyPolicy: Forbid").await;
    let api = start(&namespace, &[]).await;
    let scheduled = jobs::scheduled(&namespace, &format!("{CRONJOB}-29000000")).await.metadata;
    let active = json!({ "status": { "active": [{
        "apiVersion": "batch/v1", "kind": "Job", "namespace": namespace.name, "name": scheduled.name,
        "uid": scheduled.uid }] } });
    let patch = ["patch", "cronjob", CRONJOB, "--subresource=status", "--type=merge", "--patch"];
    namespace.kubectl(&[&patch[..], &[&active.to_string()]].concat());
    let body = problem(api.post("/trigger-sync"), 409, "conflicting-run").await;
    assert_eq!(body["run"]["job_name"], json!(scheduled.name), "{body}");
    let conflicting = api.run(body["run"]["run_id"].as_str().unwrap()).await;
    assert_unknown(&conflicting, &namespace);
    assert_eq!(conflicting["trigger"], "scheduled", "{conflicting}");
}

#[tokio::test]
async fn a_changed_and_a_deleted_cronjob_are_noticed_although_they_are_not_watched() {
    let namespace = namespace("seed-reads", &seed_rules(), "").await;
    let api = start(&namespace, &[]).await;
    let path = format!("/v1/targets/{CRONJOB}");
    assert_eq!(answer(api.get(&path)).await.1["status"]["concurrency_policy"], "Allow");
    namespace.apply(&cronjob("concurrencyPolicy: Replace", ""));
    assert_eq!(answer(api.get(&path)).await.1["status"]["concurrency_policy"], "Replace");
    namespace.kubectl(&["delete", "cronjob", CRONJOB]);
    let (_, target) = answer(api.get(&path)).await;
    assert_eq!(target["problem"]["type"], "https://tradeops.dev/problems/no-cronjob", "{target}");
}

#[tokio::test]
async fn rights_that_are_granted_later_are_used_without_a_restart() {
    let namespace = namespace("seed-granted", &seed_rules(), "").await;
    let mut api = start(&namespace, &[]).await;
    let (followed, deleted) = (api.trigger().await, api.trigger().await);
    let ids = [&followed, &deleted].map(|started| started["run_id"].as_str().unwrap().to_owned());
    namespace.kubectl(&["delete", "job", deleted["job_name"].as_str().unwrap()]);
    namespace.apply(&manifests::rights(&[CRONJOB]));
    api.wait_for_run(&ids[0], |run| run["state"] == "pending").await;
    let gone = api.wait_for_run(&ids[1], |run| run["state"] == "interrupted").await;
    assert_eq!(gone["cause"]["reason"], "OutcomeUnknown");
    until("no right is missing", async || notices(&api).await.is_empty()).await;
    jobs::finish(&namespace, followed["job_name"].as_str().unwrap()).await;
    let ended = api.wait_for_run(&ids[0], |run| run["state"] == "succeeded").await;
    assert_eq!(ended["cause"], Value::Null, "{ended}");
    api.wait_for_log("trigger-api's ServiceAccount has got a right that it lacked");
    assert_eq!(api.trigger().await["state"], "pending");
}

#[tokio::test]
async fn runs_are_unknown_after_a_right_was_revoked() {
    let namespace = namespace("seed-revoked", &seed_rules(), "").await;
    namespace.apply(&manifests::rights(&[CRONJOB]));
    let api = start(&namespace, &[]).await;
    let started = api.trigger().await;
    assert_eq!(started["state"], "pending");
    namespace.kubectl(&["delete", "rolebinding", "trigger-api-job-trigger-binding"]);
    let run = api.wait_for_run(started["run_id"].as_str().unwrap(), |run| run["state"] == "unknown").await;
    assert_unknown(&run, &namespace);
    assert_eq!(api.trigger().await["state"], "unknown");
}

#[tokio::test]
async fn each_missing_right_is_logged_once() {
    let namespace = namespace("seed-log", &seed_rules(), "").await;
    let proxy = crate::support::api_server::ApiServerProxy::start().await;
    let kubeconfig = proxy.kubeconfig(&namespace).await;
    let mut api = start(&namespace, &[("KUBECONFIG", kubeconfig.to_str().unwrap())]).await;
    proxy.wait_for(12, "GET", "/jobs?").await;
    let log = api.last_words();
    for right in ["list jobs.batch", "list pods", "list cronjobs.batch"] {
        let lines = log.iter().filter(|line| line.contains(right));
        assert!(lines.count() <= 1, "{right}: {}", log.join("\n"));
    }
    assert!(!log.iter().any(|line| line.contains("a watch")), "{}", log.join("\n"));
}

#[tokio::test]
async fn what_a_start_itself_needs_is_named_if_it_is_missing() {
    let namespace = namespace("seed-none", &[], "").await;
    let api = start(&namespace, &[]).await;
    for (rules, right) in [
        (&seed_rules()[..0], format!("get cronjobs.batch/{CRONJOB}")),
        (&seed_rules()[..1], "create jobs.batch".to_owned()),
    ] {
        grant(&namespace, rules);
        let text = format!("trigger-api may not {right} in the namespace {}.", namespace.name);
        until("the missing right is named", async || {
            let body = problem(api.post("/trigger-sync"), 503, "missing-permission").await;
            let detail = body["detail"].as_str().unwrap().to_owned();
            assert!(!detail.contains("trigger-api-job-trigger"), "{detail}");
            detail.starts_with(&text)
        })
        .await;
    }
    grant(&namespace, &seed_rules());
    until("a start succeeds", async || is_started(&api).await).await;
}

async fn is_started(api: &TriggerApi) -> bool {
    answer(api.post("/trigger-sync")).await.0 == 200
}

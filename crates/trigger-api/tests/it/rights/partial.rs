//! Some of the rights to observe runs: what is permitted is used, and what is missing is named.

use serde_json::{Value, json};

use super::restricted::{grant, is_missing, namespace, notices, rule, seed_rules, seed_rules_and, start};
use crate::support::{CRONJOB, answer, jobs, problem, until};

/// Asserts that a run is followed to its end with those rules, and that the missing rights are reported.
async fn a_run_is_followed(purpose: &str, rules: &[Value], missing: &[&str]) {
    let namespace = namespace(purpose, &seed_rules_and(rules), "concurrencyPolicy: Forbid").await;
    let api = start(&namespace, &[]).await;
    let started = api.trigger().await;
    let id = started["run_id"].as_str().expect("an id");
    for right in missing {
        until("the right is reported", async || is_missing(&api, &namespace, right).await).await;
    }
    let body = problem(api.post("/trigger-sync"), 409, "conflicting-run").await;
    assert_eq!(body["run"]["run_id"], id, "the run is known to be active: {body}");
    jobs::finish(&namespace, started["job_name"].as_str().expect("a name")).await;
    api.wait_for_run(id, |run| run["state"] == "succeeded").await;
    assert_eq!(answer(api.post("/trigger-sync")).await.0, 200);
}

#[tokio::test]
async fn with_the_right_to_get_jobs_the_jobs_of_runs_are_read_one_by_one() {
    let rules = [rule("batch", "jobs", &["get"])];
    a_run_is_followed("get-jobs", &rules, &["list jobs.batch", "list pods"]).await;
}

#[tokio::test]
async fn with_the_right_to_list_jobs_they_are_listed_again_and_again() {
    let rules = [rule("batch", "jobs", &["list"])];
    a_run_is_followed("list-jobs", &rules, &["watch jobs.batch", "list pods"]).await;
}

#[tokio::test]
async fn with_the_rights_to_list_and_watch_jobs_they_are_followed_without_their_pods() {
    let rules = [rule("batch", "jobs", &["list", "watch"])];
    a_run_is_followed("watch-jobs", &rules, &["list pods"]).await;
}

#[tokio::test]
async fn with_pods_but_without_jobs_runs_are_unknown() {
    let rules = seed_rules_and(&[rule("", "pods", &["get", "list", "watch"])]);
    let namespace = namespace("only-pods", &rules, "").await;
    let api = start(&namespace, &[]).await;
    assert_eq!(api.trigger().await["state"], "unknown");
    assert!(is_missing(&api, &namespace, "list jobs.batch").await);
    assert!(!is_missing(&api, &namespace, "list pods").await);
}

#[tokio::test]
async fn the_right_that_a_cancellation_lacks_is_named() {
    let rules = seed_rules_and(&[rule("batch", "jobs", &["get", "list", "watch"])]);
    let namespace = namespace("no-delete", &rules, "").await;
    let api = start(&namespace, &[]).await;
    let path = format!("/v1/runs/{}", api.trigger().await["run_id"].as_str().unwrap());
    let body = problem(api.delete(&path), 503, "missing-permission").await;
    assert!(body["detail"].as_str().unwrap().contains("may not delete jobs.batch"), "{body}");
    assert!(is_missing(&api, &namespace, "delete jobs.batch").await, "{:?}", notices(&api).await);
}

#[tokio::test]
async fn rights_differ_between_namespaces() {
    let (full, fewer) = (
        namespace("rights-full", &seed_rules_and(&[rule("batch", "jobs", &["get", "list", "watch"])]), "")
            .await,
        namespace("rights-fewer", &seed_rules(), "").await,
    );
    // The ServiceAccount of the first namespace gets the rights in the second one.
    let subject = json!([{ "op": "add", "path": "/subjects/0/namespace", "value": full.name }]);
    fewer.kubectl(&["patch", "rolebinding", "restricted", "--type=json", "--patch", &subject.to_string()]);
    let file = full.folder().join("targets.json");
    let targets = json!({ "targets": [
        { "cronjob": CRONJOB }, { "cronjob": CRONJOB, "name": "elsewhere", "namespace": fewer.name },
    ] });
    std::fs::write(&file, targets.to_string()).unwrap();
    let api = start(&full, &[("CONFIG_FILE", file.to_str().unwrap())]).await;
    let start = |target: &str| answer(api.post(&format!("/v1/targets/{target}/runs")));
    let (status, run) = start(CRONJOB).await;
    assert_eq!((status.as_u16(), &run["state"]), (202, &json!("pending")), "{run}");
    let (status, run) = start("elsewhere").await;
    assert_eq!((status.as_u16(), &run["state"]), (202, &json!("unknown")), "{run}");
    assert!(is_missing(&api, &fewer, "list jobs.batch").await);
    assert!(!is_missing(&api, &full, "list jobs.batch").await);
}

#[tokio::test]
async fn rights_can_be_granted_one_after_the_other() {
    let namespace = namespace("one-by-one", &seed_rules(), "").await;
    let api = start(&namespace, &[]).await;
    let id = api.trigger().await["run_id"].as_str().unwrap().to_owned();
    grant(&namespace, &seed_rules_and(&[rule("batch", "jobs", &["list"])]));
    api.wait_for_run(&id, |run| run["state"] == "pending").await;
    assert!(is_missing(&api, &namespace, "list pods").await);
    grant(&namespace, &seed_rules_and(&[rule("batch", "jobs", &["list", "watch"])]));
    until("the watch is granted", async || !is_missing(&api, &namespace, "watch jobs.batch").await).await;
    let pods = rule("", "pods", &["list", "watch"]);
    grant(&namespace, &seed_rules_and(&[rule("batch", "jobs", &["list", "watch"]), pods]));
    until("pods are granted", async || !is_missing(&api, &namespace, "list pods").await).await;
}

//! The conditions and counts of lists of runs, and the latest runs of a target.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::{CRONJOB, TriggerApi, answer, cronjob, jobs, namespace, problem};

/// The ids of the listed runs.
async fn ids(api: &TriggerApi, query: &str) -> Vec<String> {
    let page = page(api, query).await;
    let runs = page["runs"].as_array().expect("a list");
    runs.iter().map(|run| run["run_id"].as_str().expect("an id").to_owned()).collect()
}

async fn page(api: &TriggerApi, query: &str) -> Value {
    let (status, page) = answer(api.get(&format!("/v1/runs?{query}"))).await;
    assert_eq!(status, StatusCode::OK, "{query}: {page}");
    page
}

#[tokio::test]
async fn runs_are_selected_and_counted_and_the_target_has_its_latest_runs() {
    let namespace = namespace("lists").await;
    namespace.apply(&cronjob("", ""));
    let api = TriggerApi::start(&namespace, &[]).await;
    let job = jobs::scheduled(&namespace, &format!("{CRONJOB}-29384060")).await.metadata;
    let (scheduled, job_name) = (job.uid.unwrap(), job.name.unwrap());
    jobs::finish(&namespace, &job_name).await;
    api.wait_for_end(&scheduled).await;
    let started = |reason: &str| answer(api.post("/trigger-sync").json(&json!({ "reason": reason })));
    let id = |run: &(StatusCode, Value)| run.1["run_id"].as_str().unwrap().to_owned();
    let (late, other) = (id(&started("the DATA is 100% late").await), id(&started("a test").await));
    assert_eq!(api.cancel(&other).await["state"], "cancelled");

    for (query, expected) in [
        ("trigger=scheduled", &[&scheduled][..]),
        ("state=succeeded&state=pending&trigger=manual", &[&late]),
        (&format!("state=succeeded,cancelled&target={CRONJOB}&q=test"), &[&other]),
        ("target=another", &[]),
        ("q=100%25%20LATE", &[&late]),
        ("q=%25%25", &[]),
        ("q=29384060", &[&scheduled]),
        ("requested_by=anonymous&state=pending", &[&late]),
        ("requested_by=somebody", &[]),
        ("until=2026-01-01T00:00:00Z", &[]),
        (&format!("since=2026-01-01T00:00:00Z&job_name={job_name}"), &[&scheduled]),
    ] {
        assert_eq!(ids(&api, query).await.iter().collect::<Vec<_>>(), expected, "{query}");
    }
    let counts = json!({
        "pending": 1, "running": 0, "unknown": 0, "succeeded": 1, "failed": 0, "cancelled": 1, "interrupted": 0,
    });
    let all = page(&api, "state=failed&limit=1").await;
    assert_eq!((&all["counts"], &all["counts_exact"]), (&counts, &json!(true)));
    let first = page(&api, "limit=2&since=2026-01-01T00:00:00Z").await;
    assert_eq!((&first["counts"], &first["counts_exact"]), (&counts, &json!(true)));
    let next = page(&api, &format!("limit=2&cursor={}", first["next"].as_str().unwrap())).await;
    assert_eq!((next["runs"].as_array().unwrap().len(), &next["counts"]), (1, &Value::Null));

    let (_, target) = answer(api.get(&format!("/v1/targets/{CRONJOB}"))).await;
    assert_eq!(target["history"]["last_success"]["run_id"], *scheduled);
    let last = target["history"]["last_run"]["run_id"].as_str().unwrap();
    // Runs of the same second have no order of time.
    assert_eq!([last], ids(&api, "limit=1").await[..], "{target}");
    assert_eq!(target["history"]["durations"]["runs"], 1);
    for query in ["state=failed,odd", "trigger=chance", "since=yesterday", "limit=1&limit=2"] {
        problem(api.get(&format!("/v1/runs?{query}")), 400, "bad-request").await;
    }
}

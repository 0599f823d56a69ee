//! The person on whose behalf a run was started, and the caller, on the Job.

use reqwest::StatusCode;
use serde_json::Value;

use super::{INTERNAL_TOKEN, SECRETS};
use crate::support::{TriggerApi, answer, cronjob, namespace, objects};

#[tokio::test]
async fn the_job_keeps_the_person_and_the_caller_for_a_replica_with_an_empty_history() {
    let namespace = namespace("persons").await;
    namespace.apply(&cronjob("", ""));
    let settings = [&SECRETS[..], &[("TRUSTED_CALLERS", "internal-token")]].concat();
    let api = TriggerApi::start(&namespace, &settings).await;
    let request = api.post("/trigger-sync").header("x-internal-token", INTERNAL_TOKEN);
    let (status, started) = answer(request.header("x-on-behalf-of", "alice@example.com")).await;
    assert_eq!(status, StatusCode::OK, "{started}");
    let job: Value =
        objects::get(&namespace, &format!("jobs/{}", started["job_name"].as_str().expect("a string"))).await;
    let annotations = &job["metadata"]["annotations"];
    assert_eq!(annotations["tradeops.dev/requested-by"], "alice@example.com", "{annotations}");
    assert_eq!(annotations["tradeops.dev/requested-via"], "internal-token", "{annotations}");

    let database = format!("sqlite:{}", namespace.folder().join("other.sqlite").display());
    let replica =
        TriggerApi::start(&namespace, &[&settings[..], &[("DATABASE_URL", &database)]].concat()).await;
    let path = format!("/v1/runs/{}", started["run_id"].as_str().expect("a string"));
    let (_, run) = answer(replica.get(&path).header("x-internal-token", INTERNAL_TOKEN)).await;
    assert_eq!(run["requested_by"], "alice@example.com", "{run}");
    assert_eq!(run["requested_via"], "internal-token", "{run}");
}

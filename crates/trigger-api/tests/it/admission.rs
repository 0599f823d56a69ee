//! The admission policy: with the token of trigger-api, only Jobs that are identical to those of a target's schedule can be
//! created, and only Jobs of targets can be deleted.

mod added_metadata;
mod changes;
mod denials;
mod owners;
mod parameters;
mod policy;
mod protection;

use reqwest::StatusCode;
use serde_json::json;

use self::policy::AdmissionPolicy;
use crate::support::{CRONJOB, answer, cronjobs, namespace, objects, problem};

#[tokio::test]
async fn the_policy_allows_trigger_api_to_start_and_cancel_jobs_of_every_cronjob() {
    let namespace = namespace("policy-passes").await;
    cronjobs::apply(&namespace);
    let names = cronjobs::names();
    AdmissionPolicy::install(&namespace, &names).await;
    let api = cronjobs::start(&namespace, &names, &[("TRUSTED_CALLERS", "anonymous")]).await;
    for name in &names {
        // The Job has every annotation that trigger-api can give it.
        let request = api.post(&format!("/v1/targets/{name}/runs")).header("x-on-behalf-of", "alice");
        let (status, run) = answer(request.json(&json!({ "reason": "by hand" }))).await;
        assert_eq!(status, StatusCode::ACCEPTED, "{name}: {run}");
        assert_eq!(run["requested_via"], "anonymous", "{name}: {run}");
        let path = format!("/v1/runs/{}", run["run_id"].as_str().unwrap());
        let run = api.cancel(run["run_id"].as_str().unwrap()).await;
        assert_eq!(run["state"], "cancelled", "{name}: {run}");
        let (status, again) = answer(api.post(&format!("{path}/retry"))).await;
        assert_eq!((status, &again["retry_of"]), (StatusCode::ACCEPTED, &run["run_id"]), "{name}: {again}");
    }
}

#[tokio::test]
async fn a_denial_of_the_policy_is_reported_without_the_message_of_the_cluster() {
    let namespace = namespace("policy-refuses").await;
    cronjobs::apply(&namespace);
    // The policy allows only another target.
    AdmissionPolicy::install(&namespace, &["indexed".to_owned()]).await;
    let mut api = cronjobs::start(&namespace, &[CRONJOB.to_owned()], &[]).await;
    let rejected = problem(api.post("/trigger-sync"), 502, "cluster-refused").await;
    let body = rejected.to_string();
    for upstream in
        ["ValidatingAdmissionPolicy", "may create and delete", "forbidden", "422", "403", "indexed"]
    {
        assert!(!body.contains(upstream), "{upstream}: {body}");
    }
    let logged = api.wait_for_log("cluster-refused");
    assert!(logged.contains("trigger-api may create and delete only Jobs of its targets"), "{logged}");
    let jobs = objects::get(&namespace, "jobs").await;
    assert_eq!(jobs["items"], json!([]), "nothing was started");
}

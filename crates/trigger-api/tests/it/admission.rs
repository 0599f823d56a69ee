//! The admission policy: with trigger-api's own token only what a target's schedule would run can be started, and only
//! Jobs of targets can be deleted.

mod changes;
mod denials;
mod owners;
mod policy;

use reqwest::StatusCode;
use serde_json::json;

use self::policy::Policy;
use crate::support::{CRONJOB, answer, cronjobs, namespace, objects, problem};

#[tokio::test]
async fn the_programs_own_jobs_pass_for_every_cronjob_and_can_be_cancelled() {
    let namespace = namespace("policy-passes").await;
    cronjobs::apply(&namespace);
    let names = cronjobs::names();
    Policy::install(&namespace, &names).await;
    let api = cronjobs::start(&namespace, &names, &[]).await;
    for name in &names {
        let (status, run) = answer(api.post(&format!("/v1/targets/{name}/runs"))).await;
        assert_eq!(status, StatusCode::ACCEPTED, "{name}: {run}");
        let path = format!("/v1/runs/{}", run["run_id"].as_str().unwrap());
        let (status, run) = answer(api.delete(&path)).await;
        assert_eq!((status, &run["state"]), (StatusCode::OK, &json!("cancelled")), "{name}: {run}");
    }
}

#[tokio::test]
async fn what_the_policy_refuses_is_told_without_the_clusters_words() {
    let namespace = namespace("policy-refuses").await;
    cronjobs::apply(&namespace);
    // The policy knows of another target alone.
    Policy::install(&namespace, &["indexed".to_owned()]).await;
    let mut api = cronjobs::start(&namespace, &[CRONJOB.to_owned()], &[]).await;
    let refused = problem(api.post("/trigger-sync"), 502, "cluster-refused").await;
    let told = refused.to_string();
    for upstream in
        ["ValidatingAdmissionPolicy", "may create and delete", "forbidden", "422", "403", "indexed"]
    {
        assert!(!told.contains(upstream), "{upstream}: {told}");
    }
    let logged = api.wait_for_log("cluster-refused");
    assert!(logged.contains("trigger-api may create and delete only Jobs of its targets"), "{logged}");
    let jobs = objects::get(&namespace, "jobs").await;
    assert_eq!(jobs["items"], json!([]), "nothing was started");
}

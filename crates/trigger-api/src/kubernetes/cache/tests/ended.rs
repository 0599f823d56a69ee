//! What is kept of Jobs that have ended.

use serde_json::json;

use super::super::*;
use super::fixtures::{NAMESPACE, cache, failed_pod, finished_job, id, job, job_with, now, sync, target};

#[test]
fn of_a_job_that_has_ended_only_the_run_is_kept() {
    let mut cache = cache();
    cache.apply_job(job("a", 1), now());
    cache.apply_pod(failed_pod("one", "a"), now());
    let failed = finished_job("a", 2, "Failed", "BackoffLimitExceeded");
    let run = cache.apply_job(failed.clone(), now()).unwrap();
    assert_eq!(run.cause.as_ref().unwrap().exit_code, Some(3));
    assert!(cache.jobs.get(&id("a")).unwrap().details.is_none() && cache.pods(&id("a")).is_empty());
    // What arrives later neither changes the run nor is kept.
    cache.apply_pod(failed_pod("one", "a"), now());
    let listing = cache.begin_listing();
    assert_eq!(cache.apply_job(failed, now()), None);
    cache.end_job_listing(NAMESPACE, listing, now());
    assert_eq!((cache.run(&id("a")), cache.pods(&id("a")).len()), (Some(run), 0));
    assert_eq!(cache.remove_job(job("a", 3), now()), None);
    assert!(cache.run_ids().is_empty());
}

#[test]
fn a_cause_that_has_no_pod_remains_and_is_not_completed_again() {
    let mut cache = cache();
    cache.apply_job(finished_job("a", 1, "Failed", "BackoffLimitExceeded"), now());
    let run = cache.complete_cause(&id("a"), Vec::new(), now()).unwrap();
    assert_eq!(run.cause.as_ref().unwrap().reason, "BackoffLimitExceeded");
    assert_eq!(cache.apply_pod(failed_pod("one", "a"), now()), None);
    assert_eq!((cache.run(&id("a")), cache.pods(&id("a")).len()), (Some(run), 0));
}

#[test]
fn the_active_runs_follow_the_jobs() {
    let mut cache = cache();
    let at = |second: u32| json!(format!("2026-11-21T09:00:0{second}Z"));
    for (uid, second) in [("a", 1), ("b", 2), ("c", 2)] {
        cache.apply_job(job_with(uid, 1, "/metadata/creationTimestamp", at(second)), now());
    }
    let active = |cache: &ClusterCache| {
        cache.active_runs(&sync()).iter().map(|run| run.id.as_str().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(active(&cache), ["a", "b", "c"]);
    let mut ended = serde_json::to_value(finished_job("b", 2, "Complete", "")).unwrap();
    ended["metadata"]["creationTimestamp"] = at(2);
    cache.apply_job(serde_json::from_value(ended).unwrap(), now());
    assert_eq!(active(&cache), ["a", "c"]);
    cache.remove_job(job_with("c", 2, "/metadata/creationTimestamp", at(2)), now());
    assert_eq!(active(&cache), ["a"]);
    assert!(cache.active_runs(&target("report", NAMESPACE, "report-cronjob")).is_empty());
}

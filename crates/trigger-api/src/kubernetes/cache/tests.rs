use serde_json::json;
use trigger_core::run::State;

use self::fixtures::{
    NAMESPACE, cache, failed_pod, finished_job, id, job, job_json, job_with, now, owner, pod_json,
    running_pod, sync, target,
};
use super::*;
use crate::kubernetes::objects::PodObject;

mod deleted_jobs;
mod ended;
mod fixtures;

fn names_of_pods(cache: &ClusterCache, job: &str) -> Vec<(String, bool)> {
    cache.pods(&id(job)).iter().map(|pod| (pod.name.clone(), pod.deleted)).collect()
}

#[test]
fn only_jobs_whose_controller_is_the_cronjob_of_a_target_are_runs() {
    let mut not_controller = owner("CronJob", "sync-cronjob", "cronjob-uid");
    not_controller["controller"] = json!(false);
    let second_owner = json!([owner("CronJob", "sync-cronjob", "cronjob-uid"), not_controller]);
    let table = [
        ("of the target", NAMESPACE, json!([owner("CronJob", "sync-cronjob", "a")]), Some("sync")),
        ("of another target", NAMESPACE, json!([owner("CronJob", "report-cronjob", "a")]), Some("report")),
        (
            "the same name elsewhere",
            "other",
            json!([owner("CronJob", "sync-cronjob", "a")]),
            Some("elsewhere"),
        ),
        ("a second owner", NAMESPACE, second_owner, Some("sync")),
        ("no owner", NAMESPACE, json!([]), None),
        ("not the controller", NAMESPACE, json!([not_controller]), None),
        ("another CronJob", NAMESPACE, json!([owner("CronJob", "billing", "a")]), None),
        ("another kind", NAMESPACE, json!([owner("Workflow", "sync-cronjob", "a")]), None),
        ("another namespace", "billing", json!([owner("CronJob", "sync-cronjob", "a")]), None),
    ];
    for (what, namespace, owners, expected) in table {
        let mut object = job_json("a", 1);
        object["metadata"]["namespace"] = json!(namespace);
        object["metadata"]["ownerReferences"] = owners;
        let mut cache = cache();
        let run = cache.apply_job(serde_json::from_value(object).unwrap(), now());
        assert_eq!(run.as_ref().map(|run| run.target.as_str()), expected, "{what}");
        assert_eq!(cache.has_job(&id("a")), expected.is_some(), "{what}");
    }
}

#[test]
fn a_run_has_the_names_of_its_containers_when_its_pod_reports_them() {
    let mut cache = cache();
    assert_eq!(cache.apply_job(job("a", 1), now()).unwrap().containers, [""; 0]);
    let mut pod = pod_json("one", "a");
    let status = |name: &str| json!({ "name": name, "image": "app:1", "imageID": "", "ready": false, "restartCount": 0 });
    pod["status"] = json!({
        "phase": "Pending", "initContainerStatuses": [status("wait")],
        "containerStatuses": [status("main"), status("proxy")],
    });
    let run = cache.apply_pod(serde_json::from_value(pod).unwrap(), now()).unwrap();
    assert_eq!(run.containers, ["wait", "main", "proxy"]);
}

#[test]
fn a_job_without_an_owner_becomes_a_run_when_the_cronjob_adopts_it() {
    let mut cache = cache();
    let orphan = job_with("a", 1, "/metadata/ownerReferences", json!([]));
    assert_eq!(cache.apply_job(orphan, now()), None);
    assert_eq!(cache.apply_job(job("a", 2), now()).unwrap().id, id("a"));
    assert_eq!(cache.first_version(&id("a")), Some(2));
}

#[test]
fn the_pods_of_jobs_of_others_are_not_kept_whichever_is_observed_first() {
    let mut cache = cache();
    let of_others = |id, version| job_with(id, version, "/metadata/ownerReferences", json!([]));
    cache.apply_pod(running_pod("early", "a"), now());
    assert_eq!(names_of_pods(&cache, "a").len(), 1, "the Job is not known yet");
    cache.apply_job(of_others("a", 1), now());
    cache.apply_pod(running_pod("late", "a"), now());
    assert!(names_of_pods(&cache, "a").is_empty());
    let listing = cache.begin_listing();
    cache.end_job_listing("elsewhere", listing, now());
    assert_eq!(cache.other_jobs.len(), 1, "a Job of another namespace");
    cache.end_job_listing(NAMESPACE, listing, now());
    assert!(cache.other_jobs.is_empty(), "the Job no longer exists");
    cache.apply_job(of_others("b", 1), now());
    cache.remove_job(of_others("b", 2), now());
    assert!(cache.other_jobs.is_empty());
}

#[test]
fn only_what_is_used_of_a_job_and_of_a_cronjob_is_kept() {
    let mut cache = cache();
    let annotations =
        json!({ INSTANTIATE: "manual", REASON: "late data", "example.com/large": "x".repeat(9) });
    cache.apply_job(job_with("a", 1, "/metadata/annotations", annotations), now());
    let metadata = &cache.jobs.get(&id("a")).unwrap().details.as_ref().unwrap().metadata;
    assert_eq!((&metadata.annotations, &metadata.labels, &metadata.managed_fields), (&None, &None, &None));
    assert_eq!(cache.run(&id("a")).unwrap().reason.as_deref(), Some("late data"));
    let fields = json!([{ "manager": "kubectl", "operation": "Apply", "fieldsV1": { "f:spec": {} } }]);
    let metadata = json!({ "name": "sync-cronjob", "namespace": NAMESPACE, "managedFields": fields });
    let cronjob = json!({ "apiVersion": "batch/v1", "kind": "CronJob", "metadata": metadata });
    cache.apply_cronjob(serde_json::from_value(cronjob).unwrap());
    let cached = &cache.cronjobs[&(NAMESPACE.to_owned(), "sync-cronjob".to_owned())];
    assert!(cached.metadata.managed_fields.is_none());
}

#[test]
fn a_run_has_the_annotations_of_its_job() {
    let annotations = json!({
        INSTANTIATE: "manual", REQUESTED_BY: "jwt:alice", REASON: "late data", REQUEST_ID: "request-1", FINGERPRINT: "abc",
        RETRY_OF: "run-0",
    });
    let run = cache().apply_job(job_with("a", 1, "/metadata/annotations", annotations), now()).unwrap();
    let expected = Run {
        requested_by: Some("jwt:alice".to_owned()),
        reason: Some("late data".to_owned()),
        request_id: Some("request-1".to_owned()),
        fingerprint: Some("abc".to_owned()),
        retry_of: Some(RunId::new("run-0")),
        ..Run::pending(
            id("a"),
            "sync".parse().unwrap(),
            NAMESPACE.to_owned(),
            "sync-cronjob-a",
            Trigger::Manual,
            "2026-11-21T10:00:00Z".parse().unwrap(),
        )
    };
    assert_eq!(run, expected);
    for annotations in [json!({}), json!({ INSTANTIATE: "yes" })] {
        let run = cache().apply_job(job_with("a", 1, "/metadata/annotations", annotations), now()).unwrap();
        assert_eq!((run.trigger, run.requested_by), (Trigger::Scheduled, None));
    }
}

#[test]
fn a_job_is_reported_only_when_its_run_changes() {
    let mut cache = cache();
    assert!(cache.apply_job(job("a", 1), now()).is_some());
    assert_eq!(cache.apply_job(job("a", 1), now()), None, "the same version");
    assert_eq!(cache.apply_job(job("a", 2), now()), None, "a new version without a change");
    let run = cache.apply_job(finished_job("a", 3, "Complete", ""), now()).unwrap();
    assert_eq!(run.state, State::Succeeded);
    assert_eq!(cache.run(&id("a")), Some(run));
    assert_eq!(cache.first_version(&id("a")), Some(1));
}

#[test]
fn an_older_resource_version_does_not_replace_a_newer_one() {
    let mut cache = cache();
    // As numbers: as text, 9 would be greater than 10.
    cache.apply_job(finished_job("a", 10, "Complete", ""), now());
    assert_eq!(cache.apply_job(job("a", 9), now()), None);
    assert_eq!(cache.run(&id("a")).unwrap().state, State::Succeeded);
    let cronjob = |version: &str, schedule: &str| -> CronJobObject {
        let metadata = json!({ "name": "sync-cronjob", "namespace": NAMESPACE, "resourceVersion": version });
        let object = json!({ "apiVersion": "batch/v1", "kind": "CronJob", "metadata": metadata,
                             "spec": { "schedule": schedule } });
        serde_json::from_value(object).unwrap()
    };
    let schedule = |cache: &ClusterCache| {
        cache.cronjob(&sync()).map(|cronjob| cronjob.data["spec"]["schedule"].as_str().unwrap().to_owned())
    };
    assert_eq!(schedule(&cache), None);
    for (version, expected) in [("10", "at 10"), ("9", "at 10"), ("11", "at 11")] {
        cache.apply_cronjob(cronjob(version, &format!("at {version}")));
        assert_eq!(schedule(&cache).as_deref(), Some(expected));
    }
    assert!(cache.cronjob(&target("elsewhere", "other", "sync-cronjob")).is_none());
    cache.remove_cronjob(NAMESPACE, "sync-cronjob");
    assert_eq!(schedule(&cache), None);
}

#[test]
fn a_removed_job_is_a_cancelled_run_unless_it_had_finished() {
    let table = [
        (job("a", 2), State::Cancelled, Some("JobDeleted")),
        (finished_job("a", 2, "Complete", ""), State::Succeeded, None),
        (finished_job("a", 2, "Failed", "DeadlineExceeded"), State::Failed, Some("DeadlineExceeded")),
    ];
    for (last, state, cause) in table {
        let mut cache = cache();
        cache.apply_job(job("a", 1), now());
        cache.apply_pod(failed_pod("one", "a"), now());
        let run = cache.remove_job(last, now()).unwrap();
        assert_eq!((run.state, run.cause.as_ref().map(|cause| cause.reason.as_str())), (state, cause));
        assert_eq!(run.finished_at, Some(now()));
        assert!(!cache.has_job(&id("a")) && cache.pods(&id("a")).is_empty());
    }
    assert_eq!(cache().remove_job(job_with("a", 1, "/metadata/ownerReferences", json!([])), now()), None);
}

#[test]
fn a_pod_changes_the_run_of_its_job_in_whichever_order_they_arrive() {
    let mut cache = cache();
    cache.apply_job(job("a", 1), now());
    let run = cache.apply_pod(running_pod("one", "a"), now()).unwrap();
    assert_eq!((run.state, run.started_at), (State::Running, "2026-11-21T10:00:02Z".parse().ok()));
    assert_eq!(cache.apply_pod(running_pod("one", "a"), now()), None, "no change");
    assert_eq!(cache.apply_pod(running_pod("two", "b"), now()), None, "its Job is not cached yet");
    assert_eq!(cache.apply_job(job("b", 2), now()).unwrap().state, State::Running);
    let mut other = pod_json("three", "a");
    other["metadata"]["ownerReferences"] = json!([owner("ReplicaSet", "any", "a")]);
    assert_eq!(cache.apply_pod(serde_json::from_value(other).unwrap(), now()), None);
    assert_eq!(names_of_pods(&cache, "a"), [("one".to_owned(), false)]);
}

#[test]
fn pods_are_sorted_by_age_so_that_the_last_failure_is_the_cause() {
    let mut cache = cache();
    cache.apply_job(job("a", 1), now());
    let mut newer = serde_json::to_value(failed_pod("newer", "a")).unwrap();
    newer["metadata"]["creationTimestamp"] = json!("2026-11-21T10:00:03Z");
    newer["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"] = json!(7);
    cache.apply_pod(serde_json::from_value(newer).unwrap(), now());
    cache.apply_pod(failed_pod("older", "a"), now());
    assert_eq!(names_of_pods(&cache, "a"), [("older".to_owned(), false), ("newer".to_owned(), false)]);
    let run = cache.apply_job(finished_job("a", 2, "Failed", "BackoffLimitExceeded"), now()).unwrap();
    assert_eq!(run.cause.unwrap().exit_code, Some(7));
}

#[test]
fn a_deleted_pod_explains_the_failure_of_its_job_until_the_job_has_finished() {
    let mut cache = cache();
    cache.apply_job(job("a", 1), now());
    cache.remove_pod(failed_pod("one", "a"), now());
    assert_eq!(names_of_pods(&cache, "a"), [("one".to_owned(), true)]);
    let run = cache.apply_job(finished_job("a", 2, "Failed", "BackoffLimitExceeded"), now()).unwrap();
    assert_eq!(run.cause.unwrap().reason, "ExitCode");
    cache.remove_pod(failed_pod("one", "a"), now());
    assert!(names_of_pods(&cache, "a").is_empty());
}

#[test]
fn the_first_deletion_timestamp_of_a_pod_counts() {
    let mut cache = cache();
    cache.apply_job(job("a", 1), now());
    // The API server changes it when the kubelet removes the pod.
    for (timestamp, grace_period) in [("2026-11-21T10:00:30Z", 20), ("2026-11-21T10:00:31Z", 0)] {
        let mut pod = serde_json::to_value(failed_pod("one", "a")).unwrap();
        pod["metadata"]["deletionTimestamp"] = json!(timestamp);
        pod["metadata"]["deletionGracePeriodSeconds"] = json!(grace_period);
        cache.apply_pod(serde_json::from_value(pod).unwrap(), now());
        let requested_at = cache.pods(&id("a"))[0].deletion_requested_at;
        assert_eq!(requested_at, "2026-11-21T10:00:10Z".parse().ok());
    }
}

#[test]
fn fetched_pods_complete_the_cause_of_a_cached_run() {
    let mut cache = cache();
    let run = cache.apply_job(finished_job("a", 1, "Failed", "BackoffLimitExceeded"), now()).unwrap();
    assert_eq!(run.cause.unwrap().reason, "BackoffLimitExceeded");
    let run = cache.complete_cause(&id("a"), vec![failed_pod("one", "a")], now()).unwrap();
    assert_eq!(run.cause.unwrap().exit_code, Some(3));
    assert_eq!(cache.complete_cause(&id("b"), vec![failed_pod("one", "b")], now()), None);
    assert!(cache.pods(&id("b")).is_empty());
}

#[test]
fn a_list_removes_the_jobs_of_its_namespace_that_it_does_not_contain() {
    let mut cache = cache();
    for uid in ["listed", "stale", "gone"] {
        cache.apply_job(job(uid, 5), now());
        cache.apply_pod(failed_pod("one", uid), now());
    }
    cache.apply_job(job_with("elsewhere", 5, "/metadata/namespace", json!("other")), now());
    let listing = cache.begin_listing();
    cache.apply_job(job("listed", 6), now());
    // An older version in the list shows that the Job exists.
    cache.apply_job(job("stale", 4), now());
    cache.end_job_listing(NAMESPACE, listing, now());
    let left = ["listed", "stale", "gone", "elsewhere"].map(|uid| cache.has_job(&id(uid)));
    assert_eq!(left, [true, true, false, true]);
    assert!(cache.pods(&id("gone")).is_empty() && !cache.pods(&id("listed")).is_empty());
}

#[test]
fn a_job_that_arrives_after_the_start_of_a_list_stays() {
    let mut cache = cache();
    let first = cache.begin_listing();
    let second = cache.begin_listing();
    cache.apply_job(job("a", 1), now());
    cache.end_job_listing(NAMESPACE, first, now());
    cache.end_job_listing(NAMESPACE, second, now());
    assert!(cache.has_job(&id("a")));
}

#[test]
fn a_list_marks_the_pods_that_it_does_not_contain_as_deleted() {
    let mut cache = cache();
    cache.apply_job(job("a", 1), now());
    cache.apply_pod(running_pod("one", "a"), now());
    cache.apply_pod(running_pod("two", "a"), now());
    let listing = cache.begin_listing();
    cache.apply_pod(running_pod("two", "a"), now());
    cache.end_pod_listing("other", listing, now());
    assert_eq!(names_of_pods(&cache, "a"), [("one".to_owned(), false), ("two".to_owned(), false)]);
    cache.end_pod_listing(NAMESPACE, listing, now());
    assert_eq!(names_of_pods(&cache, "a"), [("one".to_owned(), true), ("two".to_owned(), false)]);
}

#[test]
fn a_run_without_a_pod_changes_as_time_passes() {
    let mut cache = cache();
    cache.apply_job(job("waits", 1), now());
    cache.apply_job(finished_job("ended", 1, "Complete", ""), now());
    cache.apply_job(job("runs", 1), now());
    cache.apply_pod(running_pod("one", "runs"), now());
    cache.set_pods_listed(NAMESPACE, true);
    assert!(cache.update_pending(now()).is_empty());
    let later = "2026-11-21T10:00:05Z".parse().unwrap();
    let changed = cache.update_pending(later);
    assert_eq!(changed.iter().map(|run| run.id.as_str()).collect::<Vec<_>>(), ["waits"]);
    assert_eq!(changed[0].cause.as_ref().unwrap().reason, "PodNotCreated");
    assert!(cache.update_pending(later).is_empty());
}

#[test]
fn the_runs_of_a_target_are_sorted_by_creation_and_id() {
    let mut cache = cache();
    for uid in ["c", "b"] {
        cache.apply_job(job(uid, 1), now());
    }
    cache.apply_job(job_with("z", 1, "/metadata/creationTimestamp", json!("2026-11-21T09:00:00Z")), now());
    let of_report = json!([owner("CronJob", "report-cronjob", "a")]);
    cache.apply_job(job_with("report", 1, "/metadata/ownerReferences", of_report), now());
    let runs: Vec<&str> = cache.runs(&sync()).into_iter().map(|run| run.id.as_str()).collect();
    assert_eq!(runs, ["z", "b", "c"]);
}

#[test]
fn the_parameters_of_a_run_are_those_of_the_annotation_of_its_job() {
    for (annotation, expected) in [
        (r#"{"SYNC_DATE":"2026-02-10"}"#, json!({ "SYNC_DATE": "2026-02-10" })),
        ("not JSON", json!({})),
        ("[1]", json!({})),
    ] {
        let annotations = json!({ "tradeops.dev/parameters": annotation });
        let run = cache().apply_job(job_with("a", 1, "/metadata/annotations", annotations), now()).unwrap();
        assert_eq!(Value::Object(run.parameters), expected);
    }
}

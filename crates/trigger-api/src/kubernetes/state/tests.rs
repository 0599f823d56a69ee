mod deletion;

use serde_json::{Value, json};

use super::*;

const CREATED: &str = "2026-11-21T10:00:00Z";
const DELETED: &str = "2026-11-21T10:00:02Z";
const NOW: &str = "2026-11-21T10:00:04Z";
/// One second later than [`NOW`], so that a Job without a pod has waited too long.
const OVERDUE: &str = "2026-11-21T10:00:05Z";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// The pods with these statuses.
fn pods(statuses: &Value) -> Vec<JobPod> {
    statuses.as_array().unwrap().iter().map(|status| JobPod::with(status, &json!({}))).collect()
}

/// The observed state after changes of the observation of a Job with that status.
fn observe_with(job: &Value, pods: &[JobPod], change: impl FnOnce(&mut JobObservation<'_>)) -> ObservedState {
    let status: JobStatus = serde_json::from_value(job.clone()).unwrap();
    let mut observation = JobObservation {
        status: &status,
        pods,
        pods_listed: Some(true),
        created_at: at(CREATED),
        deletion: None,
        template_suspends: false,
        now: at(NOW),
    };
    change(&mut observation);
    observed_state(observation)
}

fn observe_at(now: &str, job: &Value, statuses: &Value) -> ObservedState {
    observe_with(job, &pods(statuses), |observation| observation.now = at(now))
}

fn observe(job: &Value, statuses: &Value) -> ObservedState {
    observe_with(job, &pods(statuses), |_| ())
}

fn reason(observed: &ObservedState) -> Option<&str> {
    observed.cause.as_ref().map(|cause| cause.reason.as_str())
}

fn condition(type_: &str, status: &str, reason: &str) -> Value {
    json!({ "type": type_, "status": status, "reason": reason, "lastTransitionTime": "2026-11-21T10:00:03Z" })
}

fn with_condition(type_: &str, reason: &str) -> Value {
    json!({ "conditions": [condition(type_, "True", reason)] })
}

fn container(state: &Value) -> Value {
    json!({ "name": "main", "image": "app:1", "imageID": "", "ready": false, "restartCount": 0, "state": state })
}

fn pod(phase: &str, state: &Value) -> Value {
    json!({ "phase": phase, "containerStatuses": [container(state)] })
}

fn running_pod() -> Value {
    pod("Running", &json!({ "running": { "startedAt": "2026-11-21T10:00:01Z" } }))
}

fn waiting_pod(reason: &str) -> Value {
    pod("Pending", &json!({ "waiting": { "reason": reason } }))
}

fn failed_pod() -> Value {
    let times = ("2026-11-21T10:00:01Z", "2026-11-21T10:00:02Z");
    let terminated = json!({ "exitCode": 3, "reason": "Error", "startedAt": times.0, "finishedAt": times.1 });
    pod("Failed", &json!({ "terminated": terminated }))
}

#[test]
fn an_active_job_has_the_state_of_its_pods() {
    let crash_loop = {
        let mut pod = pod("Running", &json!({ "waiting": { "reason": "CrashLoopBackOff" } }));
        pod["containerStatuses"][0]["lastState"] =
            json!({ "terminated": { "exitCode": 9, "startedAt": "2026-11-21T10:00:01Z" } });
        pod
    };
    let init_running = json!({
        "phase": "Pending",
        "initContainerStatuses": [container(&json!({ "running": { "startedAt": "2026-11-21T10:00:01Z" } }))],
    });
    let sidecar_only = json!({
        "phase": "Running",
        "containerStatuses": [container(&json!({ "waiting": { "reason": "PodInitializing" } }))],
    });
    let table = [
        ("no pod yet", json!({}), json!([]), State::Pending, None),
        ("a pod without a status", json!({}), json!([{}]), State::Pending, None),
        ("startTime but no pod", json!({ "startTime": CREATED }), json!([]), State::Pending, None),
        ("creating", json!({}), json!([waiting_pod("ContainerCreating")]), State::Pending, None),
        (
            "no image",
            json!({}),
            json!([waiting_pod("ImagePullBackOff")]),
            State::Pending,
            Some("ImagePullFailed"),
        ),
        ("no container started", json!({ "active": 1 }), json!([sidecar_only]), State::Pending, None),
        ("running", json!({ "active": 1 }), json!([running_pod()]), State::Running, None),
        ("an init container runs", json!({ "active": 1 }), json!([init_running]), State::Running, None),
        ("crash loop", json!({ "active": 1 }), json!([crash_loop]), State::Running, Some("ExitCode")),
        (
            "one of two pods waits",
            json!({ "active": 2 }),
            json!([running_pod(), waiting_pod("ErrImagePull")]),
            State::Running,
            None,
        ),
        ("some pods succeeded", json!({ "succeeded": 1, "active": 0 }), json!([]), State::Running, None),
        ("the failed pod is not counted", json!({}), json!([failed_pod()]), State::Running, None),
        ("a retry", json!({ "failed": 1 }), json!([failed_pod()]), State::Running, Some("Retrying")),
        (
            "fewer counted than failed",
            json!({ "failed": 1 }),
            json!([failed_pod(), failed_pod()]),
            State::Running,
            None,
        ),
        (
            "the retry waits for its image",
            json!({ "failed": 1 }),
            json!([failed_pod(), waiting_pod("ErrImagePull")]),
            State::Running,
            Some("ImagePullFailed"),
        ),
    ];
    for (what, job, pods, state, cause) in table {
        let observed = observe(&job, &pods);
        assert_eq!((observed.state, reason(&observed)), (state, cause), "{what}");
        assert_eq!(observed.finished_at, None, "{what}");
    }
}

#[test]
fn a_job_without_a_pod_gets_a_cause_after_five_seconds() {
    let cases = [
        (NOW, json!({}), json!([]), None),
        (OVERDUE, json!({}), json!([]), Some("PodNotCreated")),
        (OVERDUE, json!({ "active": 0 }), json!([]), Some("PodNotCreated")),
        // The Job controller has created a pod that is not known yet.
        (OVERDUE, json!({ "active": 1 }), json!([]), None),
        (OVERDUE, json!({}), json!([{ "phase": "Pending" }]), None),
    ];
    for (now, job, pods, cause) in cases {
        let observed = observe_at(now, &job, &pods);
        assert_eq!((observed.state, reason(&observed)), (State::Pending, cause), "{now} {job} {pods}");
    }
}

#[test]
fn pods_that_can_not_be_listed_are_unknown_and_not_missing() {
    let observe = |job: &Value, listed, now| {
        let observed = observe_with(job, &[], |observation| {
            (observation.pods_listed, observation.now) = (listed, at(now));
        });
        (observed.state, observed.cause.map(|cause| cause.reason))
    };
    let unknown = Some("PodsNotListed".to_owned());
    assert_eq!(observe(&json!({}), Some(false), NOW), (State::Pending, None));
    assert_eq!(observe(&json!({}), Some(false), OVERDUE), (State::Pending, unknown.clone()));
    assert_eq!(observe(&json!({ "active": 1, "ready": 0 }), Some(false), OVERDUE), (State::Pending, unknown));
    // The Job counts its ready pods.
    assert_eq!(observe(&json!({ "active": 1, "ready": 1 }), Some(false), OVERDUE), (State::Running, None));
    // Before the first list.
    assert_eq!(observe(&json!({}), None, OVERDUE), (State::Pending, None));
    assert_eq!(observe(&with_condition("Complete", ""), Some(false), OVERDUE), (State::Succeeded, None));
}

#[test]
fn a_true_condition_of_the_job_decides_over_its_pods() {
    let table = [
        ("complete", with_condition("Complete", ""), State::Succeeded, None),
        (
            "the pod's exit code",
            with_condition("Failed", "BackoffLimitExceeded"),
            State::Failed,
            Some("ExitCode"),
        ),
        (
            "the deadline",
            with_condition("Failed", "DeadlineExceeded"),
            State::Failed,
            Some("DeadlineExceeded"),
        ),
        ("the failure policy", with_condition("Failed", "PodFailurePolicy"), State::Failed, Some("ExitCode")),
        ("about to fail", with_condition("FailureTarget", "BackoffLimitExceeded"), State::Running, None),
        ("about to complete", with_condition("SuccessCriteriaMet", ""), State::Running, None),
    ];
    for (what, job, state, cause) in table {
        let observed = observe(&job, &json!([failed_pod()]));
        assert_eq!((observed.state, reason(&observed)), (state, cause), "{what}");
        let finished = state.is_final().then(|| at("2026-11-21T10:00:03Z"));
        assert_eq!(observed.finished_at, finished, "{what}");
    }
    // A failed pod of a Job that is about to fail is not retried.
    let mut job = with_condition("FailureTarget", "BackoffLimitExceeded");
    job["failed"] = json!(1);
    assert_eq!(reason(&observe(&job, &json!([failed_pod()]))), None);
}

#[test]
fn a_condition_that_is_not_true_has_no_effect() {
    for status in ["False", "Unknown"] {
        for type_ in ["Complete", "Failed", "Suspended"] {
            let job = json!({ "conditions": [condition(type_, status, "JobResumed")] });
            let observed = observe(&job, &json!([running_pod()]));
            assert_eq!((observed.state, &observed.cause), (State::Running, &None), "{type_} {status}");
            let status: JobStatus = serde_json::from_value(job).unwrap();
            assert!(!has_finished(&status), "{type_}");
        }
    }
}

#[test]
fn only_complete_and_failed_jobs_have_finished() {
    for (type_, finished) in [
        ("Complete", true),
        ("Failed", true),
        ("Suspended", false),
        ("FailureTarget", false),
        ("SuccessCriteriaMet", false),
    ] {
        let status: JobStatus = serde_json::from_value(with_condition(type_, "")).unwrap();
        assert_eq!(has_finished(&status), finished, "{type_}");
    }
}

#[test]
fn the_end_of_a_job_is_its_completion_time_or_its_transition_time_or_now() {
    let mut job = with_condition("Complete", "");
    job["completionTime"] = json!("2026-11-21T10:00:02Z");
    assert_eq!(observe(&job, &json!([])).finished_at, Some(at("2026-11-21T10:00:02Z")));
    job.as_object_mut().unwrap().remove("completionTime");
    assert_eq!(observe(&job, &json!([])).finished_at, Some(at("2026-11-21T10:00:03Z")));
    for type_ in ["Complete", "Failed"] {
        let job = json!({ "conditions": [{ "type": type_, "status": "True" }] });
        assert_eq!(observe(&job, &json!([])).finished_at, Some(at(NOW)), "{type_}");
    }
}

#[test]
fn a_run_starts_with_its_first_container() {
    let two =
        json!([failed_pod(), pod("Running", &json!({ "running": { "startedAt": "2026-11-21T10:00:03Z" } }))]);
    let job = json!({ "startTime": CREATED, "failed": 1 });
    assert_eq!(observe(&job, &two).started_at, Some(at("2026-11-21T10:00:01Z")));
    // Without containers, the Job's startTime counts only after a pod has finished.
    for (counts, started) in [
        (json!({ "active": 1 }), None),
        (json!({ "failed": 1 }), Some(at(CREATED))),
        (json!({ "succeeded": 1 }), Some(at(CREATED))),
    ] {
        let mut job = counts.clone();
        job["startTime"] = json!(CREATED);
        assert_eq!(observe(&job, &json!([])).started_at, started, "{counts}");
    }
}

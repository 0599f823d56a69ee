//! Jobs that are deleted or suspended, and pods that are stopped.

use super::*;

fn observe_deleted(job: &Value, pods: &[JobPod], progress: DeletionProgress) -> ObservedState {
    observe_with(job, pods, |observation| {
        observation.deletion = Some(JobDeletion { at: at(DELETED), progress });
    })
}

/// A pod whose deletion was requested when the Job was deleted.
fn stopped_pod(phase: &str, state: &Value) -> JobPod {
    let metadata = json!({ "deletionTimestamp": "2026-11-21T10:00:22Z", "deletionGracePeriodSeconds": 20 });
    JobPod::with(&pod(phase, state), &metadata)
}

fn killed() -> Value {
    let times = ("2026-11-21T10:00:01Z", "2026-11-21T10:00:22Z");
    json!({ "terminated": { "exitCode": 137, "reason": "Error", "startedAt": times.0, "finishedAt": times.1 } })
}

fn running() -> Value {
    json!({ "running": { "startedAt": "2026-11-21T10:00:01Z" } })
}

#[test]
fn a_job_that_is_deleted_is_active_until_its_pods_have_stopped() {
    use DeletionProgress::{AfterPods, Done, Held};
    let deleted = |mut pod: JobPod| {
        pod.deleted = true;
        pod
    };
    let waiting = || stopped_pod("Pending", &json!({ "waiting": { "reason": "ContainerCreating" } }));
    let table = [
        ("its pods are not known yet", json!({}), vec![], AfterPods, State::Pending),
        (
            "its container does not end",
            json!({}),
            vec![stopped_pod("Running", &running())],
            AfterPods,
            State::Running,
        ),
        ("its container has not started", json!({}), vec![waiting()], AfterPods, State::Pending),
        (
            "the garbage collector has not finished",
            json!({}),
            vec![deleted(stopped_pod("Failed", &killed()))],
            AfterPods,
            State::Running,
        ),
        (
            "the pod is deleted in the background",
            json!({}),
            vec![stopped_pod("Running", &running())],
            Done,
            State::Running,
        ),
        ("the pod has no owner any more", json!({}), pods(&json!([running_pod()])), Done, State::Running),
        (
            "the pod is gone",
            json!({}),
            vec![deleted(stopped_pod("Failed", &killed()))],
            Done,
            State::Cancelled,
        ),
        ("the pod has ended", json!({}), vec![stopped_pod("Failed", &killed())], Done, State::Cancelled),
        ("there was no pod", json!({}), vec![], Done, State::Cancelled),
        (
            "a finalizer of the Job and its pod is running",
            json!({ "active": 1 }),
            pods(&json!([running_pod()])),
            Held,
            State::Running,
        ),
        ("a finalizer and pods that are not known yet", json!({ "active": 1 }), vec![], Held, State::Pending),
        ("a finalizer and a pod that is stopping", json!({ "terminating": 1 }), vec![], Held, State::Pending),
        ("a finalizer and no pod", json!({ "active": 0 }), vec![], Held, State::Cancelled),
        ("a suspended Job", with_condition("Suspended", ""), vec![], Held, State::Cancelled),
    ];
    for (what, job, pods, progress, state) in table {
        let observed = observe_deleted(&job, &pods, progress);
        assert_eq!((observed.state, reason(&observed)), (state, Some("JobDeleted")), "{what}");
        assert_eq!(observed.finished_at.is_some(), state.is_final(), "{what}");
    }
    let ended = observe_deleted(&json!({}), &[stopped_pod("Failed", &killed())], Done);
    assert_eq!(ended.finished_at, Some(at("2026-11-21T10:00:22Z")));
    assert_eq!(observe_deleted(&json!({}), &[], Done).finished_at, Some(at(DELETED)));
}

#[test]
fn a_job_that_finished_before_its_deletion_has_its_outcome() {
    let finished = |type_: &str, time: &str| {
        let mut job = with_condition(type_, "BackoffLimitExceeded");
        job["conditions"][0]["lastTransitionTime"] = json!(time);
        job
    };
    let (before, after) = ("2026-11-21T10:00:01Z", "2026-11-21T10:00:22Z");
    let own_failure = || vec![JobPod::with(&failed_pod(), &json!({}))];
    let stopped = || vec![stopped_pod("Failed", &killed())];
    let ends_well = || {
        let state = json!({ "terminated": { "exitCode": 0, "finishedAt": "2026-11-21T10:00:05Z" } });
        vec![stopped_pod("Succeeded", &state)]
    };
    for (what, job, pods, state) in [
        ("complete before", finished("Complete", before), vec![], State::Succeeded),
        ("failed before", finished("Failed", before), own_failure(), State::Failed),
        ("its pods were stopped, so it failed", finished("Failed", after), stopped(), State::Cancelled),
        ("its pods were stopped and are gone", finished("Failed", after), vec![], State::Cancelled),
        ("its program ends with 0 after SIGTERM", finished("Complete", after), ends_well(), State::Cancelled),
        (
            "held by a finalizer, it completed by itself",
            finished("Complete", after),
            vec![],
            State::Succeeded,
        ),
        ("held by a finalizer, it failed by itself", finished("Failed", after), own_failure(), State::Failed),
    ] {
        let observed = observe_deleted(&job, &pods, DeletionProgress::Held);
        assert_eq!(observed.state, state, "{what}");
    }
}

#[test]
fn a_suspended_job_has_a_cause_that_depends_on_whether_it_has_started() {
    let job = with_condition("Suspended", "JobSuspended");
    let suspended = |pods: &[JobPod], by_template| {
        let observed = observe_with(&job, pods, |observation| observation.template_suspends = by_template);
        let cause = observed.cause.unwrap();
        (observed.state, cause.reason, cause.message)
    };
    let (state, cause, message) = suspended(&[], true);
    assert_eq!((state, cause.as_str()), (State::Pending, "JobSuspended"));
    assert!(message.contains("template sets `suspend`"), "{message}");
    let (state, cause, message) = suspended(&[], false);
    assert_eq!((state, cause.as_str()), (State::Pending, "JobSuspended"));
    assert!(message.contains("not in the CronJob's template"), "{message}");
    let mut stopped = stopped_pod("Failed", &killed());
    for deleted in [false, true] {
        stopped.deleted = deleted;
        let (state, cause, _) = suspended(std::slice::from_ref(&stopped), true);
        assert_eq!((state, cause.as_str()), (State::Running, "Suspended"), "{deleted}");
    }
    // After it is resumed, the pod that was stopped is neither running nor a failure.
    let resumed = observe_with(&json!({ "active": 1 }), &[stopped], |_| ());
    assert_eq!((resumed.state, resumed.cause), (State::Running, None));
}

#[test]
fn a_pod_that_the_job_controller_stopped_is_not_the_reason_of_the_failure() {
    let mut job = with_condition("Failed", "BackoffLimitExceeded");
    job["conditions"]
        .as_array_mut()
        .unwrap()
        .push(json!({ "type": "FailureTarget", "status": "True", "lastTransitionTime": DELETED }));
    let both = [JobPod::with(&failed_pod(), &json!({})), stopped_pod("Failed", &killed())];
    let observed = observe_with(&job, &both, |_| ());
    assert_eq!(observed.cause.unwrap().exit_code, Some(3));
    let observed = observe_with(&job, &both[1..], |_| ());
    assert_eq!(reason(&observed), Some("PodDeleted"), "the only pod was deleted, and so the Job failed");
}

#[test]
fn a_restarted_container_whose_pod_the_job_controller_stopped_has_failed_by_itself() {
    let mut job = with_condition("Failed", "BackoffLimitExceeded");
    job["conditions"]
        .as_array_mut()
        .unwrap()
        .push(json!({ "type": "FailureTarget", "status": "True", "lastTransitionTime": DELETED }));
    let last = json!({ "terminated": { "exitCode": 9, "finishedAt": "2026-11-21T10:00:01Z" } });
    for state in [killed(), running()] {
        let mut stopped = stopped_pod("Running", &state);
        stopped.deleted = true;
        let containers = stopped.status.container_statuses.as_mut().unwrap();
        containers[0].last_state = Some(serde_json::from_value(last.clone()).unwrap());
        let observed = observe_with(&job, &[stopped], |_| ());
        assert_eq!(observed.cause.unwrap().exit_code, Some(9), "{state}");
    }
}

use serde_json::{Value, json};

use super::*;

fn status(pod: &Value) -> PodStatus {
    serde_json::from_value(pod.clone()).unwrap()
}

fn container(name: &str, state: &Value) -> Value {
    json!({ "name": name, "image": "app:1", "imageID": "", "ready": false, "restartCount": 0, "state": state })
}

fn terminated(exit_code: i32, finished_at: &str) -> Value {
    json!({ "terminated": { "exitCode": exit_code, "reason": "Error", "finishedAt": finished_at } })
}

fn cause(reason: &str, exit_code: Option<i32>, message: &str) -> Cause {
    Cause { reason: reason.to_owned(), message: message.to_owned(), exit_code }
}

fn waiting_for(reason: &str, message: &str) -> Option<Cause> {
    let state = json!({ "waiting": { "reason": reason, "message": message } });
    waiting(&status(&json!({ "phase": "Pending", "containerStatuses": [container("main", &state)] })))
}

#[test]
fn an_image_that_can_not_be_pulled_has_the_registrys_reason() {
    let pull = "The image app:1 of the container main can't be pulled";
    for reason in
        ["ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "ImageInspectError", "RegistryUnavailable"]
    {
        let found = waiting_for(reason, "Back-off pulling image \"app:1\": ErrImagePull: not found");
        assert_eq!(found, Some(cause("ImagePullFailed", None, &format!("{pull}: not found"))), "{reason}");
        let found = waiting_for(reason, "Back-off pulling image \"app:1\"");
        assert_eq!(found, Some(cause("ImagePullFailed", None, &format!("{pull}."))), "{reason}");
    }
    let (known, without) = (
        cause("ImagePullFailed", None, &format!("{pull}: a")),
        cause("ImagePullFailed", None, &format!("{pull}.")),
    );
    let other = cause("ImagePullFailed", None, &format!("{pull}: b"));
    for (new, earlier, expected) in [
        (&without, Some(&known), &known),
        (&other, Some(&known), &other),
        (&without, None, &without),
        (&without, Some(&cause("Retrying", None, "")), &without),
    ] {
        assert_eq!(with_known_pull_error(new.clone(), earlier), *expected);
    }
    assert_eq!(
        waiting_for("InvalidImageName", "couldn't parse image name"),
        Some(cause("InvalidImageName", None, "The image name of the container main is invalid: app:1"))
    );
}

#[test]
fn a_container_that_can_not_be_created_has_the_kubelets_reason_and_message() {
    let message = "The container main can't be started: secret \"a\" not found";
    for reason in
        ["CreateContainerConfigError", "CreateContainerError", "RunContainerError", "PreStartHookError"]
    {
        let found = waiting_for(reason, "secret \"a\" not found");
        assert_eq!(found, Some(cause(reason, None, message)), "{reason}");
    }
}

#[test]
fn a_container_that_starts_normally_has_no_cause() {
    for reason in ["ContainerCreating", "PodInitializing", "SomethingNew"] {
        assert_eq!(waiting_for(reason, ""), None, "{reason}");
    }
    assert_eq!(waiting(&PodStatus::default()), None);
    let running = json!({ "running": { "startedAt": "2026-11-21T10:00:00Z" } });
    let pod = json!({ "phase": "Running", "containerStatuses": [container("main", &running)] });
    assert_eq!(waiting(&status(&pod)), None);
}

#[test]
fn a_crash_loop_has_the_cause_of_the_last_exit() {
    let state = json!({ "waiting": { "reason": "CrashLoopBackOff" } });
    let mut main = container("main", &state);
    let found = waiting(&status(&json!({ "containerStatuses": [main.clone()] })));
    let message = "The container main exits repeatedly. It is restarted after a delay.";
    assert_eq!(found, Some(cause("CrashLoopBackOff", None, message)));
    main["lastState"] = terminated(9, "2026-11-21T10:00:00Z");
    let found = waiting(&status(&json!({ "containerStatuses": [main] })));
    let message = "The container main exited with code 9. It is restarted after a delay.";
    assert_eq!(found, Some(cause("ExitCode", Some(9), message)));
}

#[test]
fn an_unscheduled_pod_has_the_schedulers_reason_and_message() {
    let condition = |status: &str, reason: Option<&str>, message: Option<&str>| json!({ "conditions": [{ "type": "PodScheduled", "status": status, "reason": reason, "message": message }] });
    for (pod, expected) in [
        (
            condition("False", Some("Unschedulable"), Some("0/1 nodes are available")),
            Some(cause("Unschedulable", None, "The pod can't be scheduled: 0/1 nodes are available")),
        ),
        (
            condition("False", Some("SchedulingGated"), None),
            Some(cause("SchedulingGated", None, "The pod can't be scheduled: no node is suitable.")),
        ),
        (condition("False", None, Some("0/1 nodes are available")), None),
        (condition("True", Some("Scheduled"), None), None),
    ] {
        assert_eq!(waiting(&status(&pod)), expected, "{pod}");
    }
}

fn failure_of(status: &Value) -> Option<Cause> {
    pod_failure(&JobPod::with(status, &json!({})), None)
}

/// The cause of a failed pod with one container that terminated like that.
fn failure(state: &Value) -> Option<Cause> {
    let main = container("main", &json!({ "terminated": state }));
    failure_of(&json!({ "phase": "Failed", "containerStatuses": [main] }))
}

#[test]
fn a_terminated_container_has_a_cause_by_reason_signal_and_exit_code() {
    let table = [
        (
            json!({ "exitCode": 137, "reason": "OOMKilled" }),
            cause("OutOfMemory", Some(137), "The container main exceeded its memory limit and was killed."),
        ),
        (
            json!({ "exitCode": 128, "reason": "StartError", "message": "no such file" }),
            cause("StartError", Some(128), "The container main could not be started: no such file"),
        ),
        (
            json!({ "exitCode": 127, "reason": "ContainerCannotRun" }),
            cause(
                "ContainerCannotRun",
                Some(127),
                "The container main could not be started: no reason was given",
            ),
        ),
        (
            json!({ "exitCode": 1, "reason": "Error", "signal": 15 }),
            cause("Signal", Some(1), "The container main was terminated by signal 15."),
        ),
        (
            json!({ "exitCode": 3, "reason": "Error", "signal": 0 }),
            cause("ExitCode", Some(3), "The container main exited with code 3."),
        ),
        (
            json!({ "exitCode": 137, "reason": "Error" }),
            cause("ExitCode", Some(137), "The container main exited with code 137, which means signal 9."),
        ),
        (
            json!({ "exitCode": 192 }),
            cause("ExitCode", Some(192), "The container main exited with code 192, which means signal 64."),
        ),
        (
            json!({ "exitCode": 128 }),
            cause("ExitCode", Some(128), "The container main exited with code 128."),
        ),
        (
            json!({ "exitCode": 193 }),
            cause("ExitCode", Some(193), "The container main exited with code 193."),
        ),
    ];
    for (state, expected) in table {
        assert_eq!(failure(&state), Some(expected), "{state}");
    }
}

#[test]
fn of_several_containers_the_main_container_that_failed_first_is_the_cause() {
    let early = terminated(4, "2026-11-21T10:00:01Z");
    let late = terminated(5, "2026-11-21T10:00:02Z");
    let succeeded = terminated(0, "2026-11-21T10:00:00Z");
    let pod = |init: Value, main: Value| json!({ "phase": "Failed", "initContainerStatuses": init, "containerStatuses": main });
    let exit_code = |pod: &Value| failure_of(pod).and_then(|cause| cause.exit_code);
    let main = json!([container("a", &late), container("b", &early), container("c", &succeeded)]);
    assert_eq!(exit_code(&pod(json!([]), main)), Some(4));
    let sidecar = json!([container("sidecar", &early)]);
    assert_eq!(exit_code(&pod(sidecar.clone(), json!([container("main", &late)]))), Some(5));
    assert_eq!(exit_code(&pod(sidecar, json!([]))), Some(4));
}

#[test]
fn a_container_that_waits_for_a_restart_failed_with_its_last_exit() {
    let with_last_state = |state: Value| {
        let mut main = container("main", &state);
        main["lastState"] = terminated(9, "2026-11-21T10:00:00Z");
        json!({ "phase": "Running", "containerStatuses": [main] })
    };
    let waiting = with_last_state(json!({ "waiting": { "reason": "CrashLoopBackOff" } }));
    assert_eq!(failure_of(&waiting).and_then(|cause| cause.exit_code), Some(9));
    // A restart that is running may still succeed.
    assert_eq!(failure_of(&with_last_state(json!({ "running": {} }))), None);
}

#[test]
fn a_failed_pod_without_a_failed_container_has_the_pods_reason() {
    let table = [
        (
            json!({ "phase": "Failed", "reason": "Evicted", "message": "The node was low on memory." }),
            Some(cause("Evicted", None, "The pod failed: The node was low on memory.")),
        ),
        (
            json!({ "phase": "Failed", "reason": "DeadlineExceeded", "message": "" }),
            Some(cause("DeadlineExceeded", None, "The pod failed.")),
        ),
        (json!({ "phase": "Failed", "reason": "" }), Some(cause("PodFailed", None, "The pod failed."))),
        (json!({ "phase": "Running", "reason": "Evicted" }), None),
        (json!({ "phase": "Succeeded" }), None),
    ];
    for (pod, expected) in table {
        assert_eq!(failure_of(&pod), expected, "{pod}");
    }
}

/// The cause of a pod whose container exited with 137 at 10:00:22.
fn stopped(conditions: &Value, metadata: &Value) -> Cause {
    let main = container("main", &terminated(137, "2026-11-21T10:00:22Z"));
    let status = json!({ "phase": "Failed", "conditions": conditions, "containerStatuses": [main] });
    pod_failure(&JobPod::with(&status, metadata), None).unwrap()
}

#[test]
fn a_pod_that_was_stopped_from_outside_has_the_reason_of_the_disruption() {
    let target = |reason: &str, message: &str| {
        json!([{ "type": "DisruptionTarget", "status": "True", "reason": reason, "message": message,
                 "lastTransitionTime": "2026-11-21T10:00:02Z" }])
    };
    let exited = "The container main exited with code 137.";
    for (reason, message, expected) in [
        (
            "EvictionByEvictionAPI",
            "Eviction API: evicting",
            "The pod was evicted through the Eviction API, for example by `kubectl drain` or an autoscaler: Eviction API: evicting.",
        ),
        (
            "PreemptionByScheduler",
            "default-scheduler: preempting to accommodate a higher priority pod",
            "The scheduler deleted the pod to make room for one with a higher priority: default-scheduler: preempting to \
             accommodate a higher priority pod.",
        ),
        (
            "DeletionByTaintManager",
            "Taint manager: deleting due to NoExecute taint",
            "The pod was deleted because its node has a taint that it does not tolerate: Taint manager: deleting due to \
             NoExecute taint.",
        ),
        ("DeletionByPodGC", "", "The pod was deleted because its node is lost or no longer exists."),
        ("Another", "why.", "The pod was stopped from outside: why."),
    ] {
        let found = stopped(&target(reason, message), &json!({}));
        assert_eq!(found, cause(reason, Some(137), &format!("{expected} {exited}")));
    }
    let deleted = json!({ "deletionTimestamp": "2026-11-21T10:00:22Z", "deletionGracePeriodSeconds": 20 });
    let message = format!("The pod pod was deleted in the cluster before it finished. {exited}");
    assert_eq!(stopped(&json!([]), &deleted), cause("PodDeleted", Some(137), &message));
}

#[test]
fn a_container_that_failed_before_its_pod_was_deleted_failed_by_itself() {
    let deleted = json!({ "deletionTimestamp": "2026-11-21T10:00:23Z", "deletionGracePeriodSeconds": 0 });
    assert_eq!(stopped(&json!([]), &deleted).reason, "ExitCode");
    let mut main = container("main", &terminated(137, "2026-11-21T10:00:24Z"));
    main["state"]["terminated"]["reason"] = json!("OOMKilled");
    let pod = JobPod::with(&json!({ "phase": "Failed", "containerStatuses": [main] }), &deleted);
    assert_eq!(pod_failure(&pod, None).unwrap().reason, "OutOfMemory");
}

#[test]
fn a_pod_that_was_deleted_without_a_grace_period_has_that_cause() {
    let running = container("main", &json!({ "running": {} }));
    let status = |phase: &str| json!({ "phase": phase, "containerStatuses": [running.clone()] });
    for (phase, expected) in [("Running", Some("PodDeleted")), ("Succeeded", None)] {
        let mut pod = JobPod::with(&status(phase), &json!({}));
        assert_eq!(pod_failure(&pod, None), None, "it exists");
        pod.deleted = true;
        let found = pod_failure(&pod, None).map(|cause| cause.reason);
        assert_eq!(found.as_deref(), expected, "{phase}");
    }
}

#[test]
fn a_node_that_evicts_a_pod_is_the_cause_and_not_the_signal_that_its_container_got() {
    let main = container("main", &terminated(137, "2026-11-21T10:00:22Z"));
    let status = json!({ "phase": "Failed", "reason": "Evicted", "message": "The node was low on resource: memory.",
                         "containerStatuses": [main] });
    let expected = cause("Evicted", None, "The pod failed: The node was low on resource: memory.");
    assert_eq!(failure_of(&status), Some(expected));
}

#[test]
fn a_cause_has_the_termination_message_of_the_program() {
    let with = |message: &str| {
        failure(&json!({ "exitCode": 3, "reason": "Error", "message": message })).unwrap().message
    };
    let exited = "The container main exited with code 3.";
    assert_eq!(
        with("no data for 2026-02-10\n"),
        format!("{exited} Its termination message: no data for 2026-02-10.")
    );
    assert_eq!(with("line\n\u{1b}[31mred!"), format!("{exited} Its termination message: line [31mred!"));
    assert_eq!(with(" \n"), exited);
}

fn failed_condition(reason: Option<&str>, message: Option<&str>) -> JobCondition {
    let condition = json!({ "type": "Failed", "status": "True", "reason": reason, "message": message });
    serde_json::from_value(condition).unwrap()
}

#[test]
fn a_failed_job_has_the_cause_of_its_last_pod_and_why_it_was_not_retried() {
    let pod = || Some(cause("ExitCode", Some(3), "The container main exited with code 3."));
    let exit = |message: &str| cause("ExitCode", Some(3), message);
    let deadline = "The Job exceeded its activeDeadlineSeconds and was stopped.";
    let table = [
        ("DeadlineExceeded", pod(), 1, cause("DeadlineExceeded", None, deadline)),
        ("DeadlineExceeded", None, 0, cause("DeadlineExceeded", None, deadline)),
        ("BackoffLimitExceeded", pod(), 1, exit("The container main exited with code 3.")),
        (
            "BackoffLimitExceeded",
            pod(),
            3,
            exit("The container main exited with code 3. That was attempt 3, the last one."),
        ),
        (
            "PodFailurePolicy",
            pod(),
            1,
            exit("The container main exited with code 3. The Job's podFailurePolicy does not allow a retry."),
        ),
        ("FailedIndexes", pod(), 2, exit("The container main exited with code 3.")),
    ];
    for (reason, pod, failed_pods, expected) in table {
        let found = job_failure(&failed_condition(Some(reason), Some("ignored")), pod, failed_pods);
        assert_eq!(found, expected, "{reason} {failed_pods}");
    }
}

#[test]
fn a_failed_job_without_a_known_pod_has_its_conditions_reason_and_message() {
    let without_pods = "The Job failed; its pods no longer exist.";
    for (condition, expected) in [
        (
            failed_condition(
                Some("BackoffLimitExceeded"),
                Some("Job has reached the specified backoff limit"),
            ),
            cause("BackoffLimitExceeded", None, "Job has reached the specified backoff limit"),
        ),
        (failed_condition(Some("PodFailurePolicy"), Some("")), cause("PodFailurePolicy", None, without_pods)),
        (failed_condition(None, None), cause("Failed", None, without_pods)),
    ] {
        assert_eq!(job_failure(&condition, None, 1), expected);
    }
    for (reason, lacks) in
        [("BackoffLimitExceeded", true), ("PodFailurePolicy", true), ("ExitCode", false), ("Failed", false)]
    {
        assert_eq!(lacks_pod_failure(&cause(reason, None, "")), lacks, "{reason}");
    }
}

#[test]
fn a_retry_counts_the_failed_pods() {
    let pod = cause("ExitCode", Some(3), "The container main exited with code 3.");
    for (failed_pods, count) in [(1, "1 pod has"), (2, "2 pods have")] {
        let message =
            format!("The container main exited with code 3. The Job retries; {count} failed so far.");
        assert_eq!(retrying(&pod, failed_pods), cause("Retrying", Some(3), &message));
    }
}

#[test]
fn jobs_without_pods_have_fixed_causes() {
    assert_eq!(no_pod().reason, "PodNotCreated");
    assert_eq!(deleted().reason, "JobDeleted");
    assert_eq!(
        (suspended(true).reason.as_str(), suspended_while_running().reason.as_str()),
        ("JobSuspended", "Suspended")
    );
    assert_eq!(pods_not_listed().reason, "PodsNotListed");
}

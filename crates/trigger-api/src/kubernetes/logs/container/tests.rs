use serde_json::{Value, json};
use trigger_core::run::RunId;

use super::*;

/// The starts of one container as `(name, restarts, previous)`.
fn starts_of(pods: &[JobPod]) -> Vec<(String, i32, bool)> {
    containers(pods, None).into_iter().map(|start| (start.name, start.id.2, start.previous)).collect()
}

fn container(name: &str, restarts: i32, state: &Value, last_state: &Value) -> Value {
    json!({ "name": name, "image": "app:1", "imageID": "", "ready": false,
            "restartCount": restarts, "state": state, "lastState": last_state })
}

fn pod(init: &Value, main: &Value) -> JobPod {
    named_pod("pod", init, main)
}

fn named_pod(name: &str, init: &Value, main: &Value) -> JobPod {
    let owner =
        json!({ "apiVersion": "batch/v1", "kind": "Job", "name": "a", "uid": "job", "controller": true });
    let object = json!({
        "apiVersion": "v1", "kind": "Pod", "spec": {},
        "metadata": { "name": name, "uid": format!("{name}-uid"), "ownerReferences": [owner] },
        "status": { "initContainerStatuses": init, "containerStatuses": main },
    });
    JobPod::of_run(serde_json::from_value(object).unwrap(), &RunId::new("job")).unwrap()
}

#[test]
fn the_current_and_the_previous_start_of_a_container_have_logs() {
    let running = json!({ "running": {} });
    let waiting = json!({ "waiting": { "reason": "CrashLoopBackOff" } });
    let terminated = json!({ "terminated": { "exitCode": 1 } });
    let none = json!({});
    let table = [
        (0, &json!({ "waiting": { "reason": "ContainerCreating" } }), &none, vec![]),
        (0, &running, &none, vec![(0, false)]),
        (0, &terminated, &none, vec![(0, false)]),
        (1, &running, &terminated, vec![(0, true), (1, false)]),
        (3, &terminated, &terminated, vec![(2, true), (3, false)]),
        // While it waits for its third restart, the count is still 2.
        (2, &waiting, &terminated, vec![(2, true)]),
    ];
    for (restarts, state, last_state, expected) in table {
        let pod = pod(&json!([]), &json!([container("main", restarts, state, last_state)]));
        let expected: Vec<_> =
            expected.into_iter().map(|(number, previous)| ("main".to_owned(), number, previous)).collect();
        assert_eq!(starts_of(&[pod]), expected, "{restarts} {state} {last_state}");
    }
}

#[test]
fn init_containers_come_first_and_deleted_pods_have_no_logs() {
    let running = json!({ "running": {} });
    let status = |name: &str| json!([container(name, 0, &running, &json!({}))]);
    let mut pod = pod(&status("init"), &status("main"));
    let names: Vec<String> =
        containers(std::slice::from_ref(&pod), None).into_iter().map(|start| start.name).collect();
    assert_eq!(names, ["init", "main"]);
    pod.deleted = true;
    assert!(containers(&[pod], None).is_empty());
}

#[test]
fn a_pod_of_another_job_is_not_a_pod_of_the_run() {
    let object = json!({ "apiVersion": "v1", "kind": "Pod", "spec": {}, "metadata": { "name": "pod", "uid": "a",
        "ownerReferences": [{ "apiVersion": "batch/v1", "kind": "Job", "name": "a", "uid": "other", "controller": true }] } });
    assert!(JobPod::of_run(serde_json::from_value(object).unwrap(), &RunId::new("job")).is_none());
}

fn terminated(from: u32, to: u32) -> Value {
    let at = |second: u32| format!("2026-11-28T10:00:{second:02}Z");
    json!({ "terminated": { "exitCode": 1, "startedAt": at(from), "finishedAt": at(to) } })
}

fn running(from: u32) -> Value {
    json!({ "running": { "startedAt": format!("2026-11-28T10:00:{from:02}Z") } })
}

#[test]
fn lines_are_attributed_to_the_pod_and_to_the_start_of_the_container_in_the_run() {
    let none = json!({});
    let mut pods = [
        named_pod("a", &json!([]), &json!([container("main", 0, &terminated(0, 1), &none)])),
        named_pod("b", &json!([]), &json!([container("main", 2, &running(9), &terminated(5, 8))])),
        named_pod("c", &json!([container("init", 0, &terminated(9, 9), &none)]), &json!([])),
    ];
    pods[0].deleted = true;
    let found: Vec<_> = containers(&pods, None)
        .into_iter()
        .map(|start| (start.source.pod.clone().unwrap(), start.name, start.source.attempt.unwrap()))
        .collect();
    let expected = [("b", "main", 3), ("b", "main", 4), ("c", "init", 1)];
    assert_eq!(found, expected.map(|(pod, name, attempt)| (pod.to_owned(), name.to_owned(), attempt)));
    assert_eq!(container_names(&pods), ["main", "init"]);
    assert_eq!(containers(&pods, Some("init")).len(), 1);
}

#[test]
fn logs_have_offsets_if_the_containers_ran_one_after_the_other_and_no_log_is_missing() {
    let none = json!({});
    let one =
        |name: &str, restarts, state: &Value, last: &Value| json!([container(name, restarts, state, last)]);
    let consecutive = |pods: &[JobPod], only| are_consecutive(pods, &containers(pods, only));
    let init_then_main = pod(&one("init", 0, &terminated(0, 2), &none), &one("main", 0, &running(2), &none));
    assert!(consecutive(&[init_then_main], None));
    let sidecar = pod(&one("beside", 0, &running(0), &none), &one("main", 0, &running(2), &none));
    let sidecar = [sidecar];
    assert!(!consecutive(&sidecar, None), "both run");
    assert!(consecutive(&sidecar, Some("main")), "the log of one container has offsets");
    let restarted = |restarts| pod(&json!([]), &one("main", restarts, &running(5), &terminated(0, 4)));
    assert!(consecutive(&[restarted(1)], None));
    assert!(!consecutive(&[restarted(2)], None), "the log of the first start is gone");
    let retried = [
        named_pod("a", &json!([]), &one("main", 0, &terminated(0, 1), &none)),
        named_pod("b", &json!([]), &one("main", 0, &running(3), &none)),
    ];
    assert!(consecutive(&retried, None));
    let [mut first, second] = retried;
    first.deleted = true;
    let pods = [first, second];
    assert!(!consecutive(&pods, None), "the log of the first pod is gone");
    assert!(lacks_starts(&pods, &containers(&pods, None)));
}

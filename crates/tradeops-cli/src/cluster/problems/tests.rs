use k8s_openapi::api::core::v1::Event;
use serde_json::{Value, from_value, json};

use super::super::release::Chart;
use super::*;

fn find_in(state: &State) -> String {
    let release =
        Release { name: "tradeops".to_owned(), namespace: "trading".to_owned(), chart: Chart::Tradeops };
    let now = "2026-11-28T15:00:00Z".parse().expect("a time");
    let problems = find(state, &release, &Hints::new("tradeops"), now);
    problems.iter().map(Problem::lines).collect()
}

/// A pod of a Job, or of the release.
fn pod(job: Option<&str>, status: &Value) -> State {
    let owner = |name| json!({ "apiVersion": "batch/v1", "kind": "Job", "name": name, "uid": "j" });
    let owners: Vec<Value> = job.map(owner).into_iter().collect();
    let labels = if job.is_some() { json!({}) } else { json!({ "app.kubernetes.io/instance": "tradeops" }) };
    let metadata = json!({ "name": "p", "uid": "u", "labels": labels, "ownerReferences": owners });
    let pod = json!({ "metadata": metadata, "status": status });
    State { pods: vec![from_value(pod).expect("a pod")], ..State::default() }
}

fn event(uid: &str, reason: &str, message: &str) -> Event {
    let event =
        json!({ "metadata": {}, "involvedObject": { "uid": uid }, "reason": reason, "message": message });
    from_value(event).expect("an event")
}

fn waiting(reason: &str, message: &str) -> Value {
    json!({ "phase": "Pending", "containerStatuses": [{
        "name": "main", "ready": false, "restartCount": 0, "image": "i", "imageID": "",
        "state": { "waiting": { "reason": reason, "message": message } } }] })
}

#[test]
fn a_run_outside_of_the_release_that_can_not_pull_its_image_is_reported_with_how_to_end_it() {
    let text = find_in(&pod(Some("sync-a1"), &waiting("ImagePullBackOff", "Back-off pulling image \"x:1\"")));
    assert!(text.contains("pod p waits: container main: ImagePullBackOff: Back-off pulling image"), "{text}");
    assert!(text.ends_with("to end the run: tradeops cancel sync-a1\n"), "{text}");
}

#[test]
fn a_run_that_is_only_starting_is_no_problem_and_neither_is_a_pod_of_others() {
    assert_eq!(find_in(&pod(Some("sync-a1"), &waiting("ContainerCreating", ""))), "");
    let mut state = pod(None, &waiting("ImagePullBackOff", ""));
    state.pods[0].metadata.labels = None;
    assert_eq!(find_in(&state), "");
}

#[test]
fn a_pod_that_is_ready_between_two_restarts_is_reported() {
    let status = |finished: &str| {
        let ended = json!({ "exitCode": 1, "reason": "Error", "finishedAt": finished, "message": "DATABASE_URL: no answer\n" });
        json!({ "phase": "Running", "conditions": [{ "type": "Ready", "status": "True" }],
            "containerStatuses": [{ "name": "trigger-api", "ready": true, "restartCount": 4, "image": "i", "imageID": "",
                "state": { "running": {} }, "lastState": { "terminated": ended } }] })
    };
    let text = find_in(&pod(None, &status("2026-11-28T14:55:00Z")));
    let expected = "pod p is ready, but its container trigger-api has restarted 4 times: it ended with exit code 1: DATABASE_URL: no answer";
    assert!(text.contains(expected), "{text}");
    assert!(text.contains("kubectl -n trading logs p --container trigger-api --previous"), "{text}");
    assert_eq!(find_in(&pod(None, &status("2026-11-27T14:55:00Z"))), "");
}

#[test]
fn a_mount_that_fails_is_the_reason_of_a_container_that_is_not_created() {
    let mut state = pod(None, &waiting("ContainerCreating", ""));
    state.events.push(event("u", "FailedMount", "secret \"backend-secrets\" not found"));
    let text = find_in(&state);
    assert!(text.contains("ContainerCreating: secret \"backend-secrets\" not found"), "{text}");
}

#[test]
fn a_job_without_pods_has_the_reason_of_its_event() {
    let job = json!({ "metadata": { "name": "sync-a1", "uid": "j" }, "status": {} });
    let mut state = State { jobs: vec![from_value(job).expect("a Job")], ..State::default() };
    assert_eq!(find_in(&state), "", "it is new");
    state.events.push(event("j", "FailedCreate", "pods \"x\" is forbidden: exceeded quota: q"));
    let text = find_in(&state);
    assert!(text.contains("job sync-a1 has no pod: pods \"x\" is forbidden: exceeded quota: q"), "{text}");
    assert!(text.contains("tradeops cancel sync-a1"), "{text}");
}

#[test]
fn a_stopped_release_is_a_problem_and_so_is_one_that_was_scaled_to_zero() {
    let deployment = |annotations: Value| {
        let spec = json!({ "replicas": 0, "selector": {}, "template": {} });
        let object =
            json!({ "metadata": { "name": "trigger-api", "annotations": annotations }, "spec": spec });
        State { deployments: vec![from_value(object).expect("a Deployment")], ..State::default() }
    };
    let text = find_in(&deployment(json!({ "tradeops.dev/stopped": "1" })));
    assert_eq!(text, "  deployment trigger-api is stopped\n      to start it: tradeops start\n");
    let text = find_in(&deployment(json!({})));
    let scale = "is scaled to 0 pods\n      kubectl -n trading scale deployment trigger-api --replicas 1";
    assert!(text.contains(scale), "{text}");
}

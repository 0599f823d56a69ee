//! Selects the container logs that the nodes have.

use k8s_openapi::api::core::v1::ContainerStatus;

use crate::kubernetes::pods::JobPod;

/// One start of one container.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::kubernetes) struct ContainerStart {
    pub(in crate::kubernetes) pod: String,
    pub(in crate::kubernetes) name: String,
    pub(super) id: StartId,
    /// Whether the container was started again, or will be, so that its log is requested with `previous=true`.
    pub(super) previous: bool,
}

/// Identifies one start of one container: the pod's UID, the container's name and the number of earlier starts.
pub(super) type StartId = (String, String, i32);

/// The container starts of the existing pods whose logs are available, in the order of the pods.
pub(in crate::kubernetes) fn containers(pods: &[JobPod]) -> Vec<ContainerStart> {
    let existing = pods.iter().filter(|pod| !pod.deleted);
    existing
        .flat_map(|pod| {
            let status = &pod.status;
            let all = status
                .init_container_statuses
                .iter()
                .flatten()
                .chain(status.container_statuses.iter().flatten());
            all.flat_map(|container| starts(pod, container))
        })
        .collect()
}

/// The last two starts of a container: a node keeps the logs of these.
fn starts(pod: &JobPod, container: &ContainerStatus) -> Vec<ContainerStart> {
    let has_started =
        container.state.as_ref().is_some_and(|state| state.running.is_some() || state.terminated.is_some());
    let has_terminated_before = container.last_state.as_ref().is_some_and(|last| last.terminated.is_some());
    let start = |restarts, previous| ContainerStart {
        pod: pod.name.clone(),
        name: container.name.clone(),
        id: (pod.uid.clone(), container.name.clone(), restarts),
        previous,
    };
    // While the container waits for a restart, restartCount is still that of the previous start.
    let before = container.restart_count - i32::from(has_started);
    let before = (has_terminated_before && before >= 0).then(|| start(before, true));
    before.into_iter().chain(has_started.then(|| start(container.restart_count, false))).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use trigger_core::run::RunId;

    use super::*;

    /// The starts of one container as `(name, restarts, previous)`.
    fn starts_of(pods: &[JobPod]) -> Vec<(String, i32, bool)> {
        containers(pods).into_iter().map(|start| (start.name, start.id.2, start.previous)).collect()
    }

    fn container(name: &str, restarts: i32, state: &Value, last_state: &Value) -> Value {
        json!({ "name": name, "image": "app:1", "imageID": "", "ready": false,
                "restartCount": restarts, "state": state, "lastState": last_state })
    }

    fn pod(init: &Value, main: &Value) -> JobPod {
        let owner =
            json!({ "apiVersion": "batch/v1", "kind": "Job", "name": "a", "uid": "job", "controller": true });
        let object = json!({
            "apiVersion": "v1", "kind": "Pod", "spec": {},
            "metadata": { "name": "pod", "uid": "pod-uid", "ownerReferences": [owner] },
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
            let expected: Vec<_> = expected
                .into_iter()
                .map(|(number, previous)| ("main".to_owned(), number, previous))
                .collect();
            assert_eq!(starts_of(&[pod]), expected, "{restarts} {state} {last_state}");
        }
    }

    #[test]
    fn init_containers_come_first_and_deleted_pods_have_no_logs() {
        let running = json!({ "running": {} });
        let status = |name: &str| json!([container(name, 0, &running, &json!({}))]);
        let mut pod = pod(&status("init"), &status("main"));
        let names: Vec<String> =
            containers(std::slice::from_ref(&pod)).into_iter().map(|start| start.name).collect();
        assert_eq!(names, ["init", "main"]);
        pod.deleted = true;
        assert!(containers(&[pod]).is_empty());
    }

    #[test]
    fn a_pod_of_another_job_is_not_a_pod_of_the_run() {
        let object = json!({ "apiVersion": "v1", "kind": "Pod", "spec": {}, "metadata": { "name": "pod", "uid": "a",
            "ownerReferences": [{ "apiVersion": "batch/v1", "kind": "Job", "name": "a", "uid": "other", "controller": true }] } });
        assert!(JobPod::of_run(serde_json::from_value(object).unwrap(), &RunId::new("job")).is_none());
    }
}

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

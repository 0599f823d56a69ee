//! Whose logs a node has.

use k8s_openapi::api::core::v1::ContainerStatus;

use crate::kubernetes::view::PodEntry;

/// One start of one container.
#[derive(Clone, Debug)]
pub(in crate::kubernetes) struct Container {
    pub(in crate::kubernetes) pod: String,
    pub(in crate::kubernetes) name: String,
    pub(super) start: Start,
    /// Whether there has been, or will be, a later start, so that the node has to be asked for the one before.
    pub(super) previous: bool,
}

/// Identifies one start of one container: the pod's UID, the container's name and how often it was started before.
pub(super) type Start = (String, String, i32);

/// The starts of containers whose logs can be read of pods that are still there, in the order of the pods.
pub(in crate::kubernetes) fn containers(pods: &[PodEntry]) -> Vec<Container> {
    let there = pods.iter().filter(|pod| !pod.gone);
    there
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

/// The node has the logs of a container's last two starts.
fn starts(pod: &PodEntry, container: &ContainerStatus) -> Vec<Container> {
    let has_started =
        container.state.as_ref().is_some_and(|state| state.running.is_some() || state.terminated.is_some());
    let has_ended_before = container.last_state.as_ref().is_some_and(|last| last.terminated.is_some());
    let start = |restarts, previous| Container {
        pod: pod.name.clone(),
        name: container.name.clone(),
        start: (pod.uid.clone(), container.name.clone(), restarts),
        previous,
    };
    // While it waits to be started again, the count is still that of the start before.
    let before = container.restart_count - i32::from(has_started);
    let before = (has_ended_before && before >= 0).then(|| start(before, true));
    before.into_iter().chain(has_started.then(|| start(container.restart_count, false))).collect()
}

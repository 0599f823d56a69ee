//! Selects the container logs that the nodes have.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ContainerState, ContainerStatus, PodStatus};
use trigger_core::log_text::LogSource;

use crate::kubernetes::objects::timestamp;
use crate::kubernetes::pods::JobPod;

/// One start of one container.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::kubernetes) struct ContainerStart {
    pub(in crate::kubernetes) pod: String,
    pub(in crate::kubernetes) name: String,
    pub(super) id: StartId,
    /// What its lines are attributed to.
    pub(super) source: Arc<LogSource>,
    /// Whether the container was started again, or will be, so that its log is requested with `previous=true`.
    pub(super) previous: bool,
    started_at: Option<Timestamp>,
    /// None while it runs.
    finished_at: Option<Timestamp>,
}

/// Identifies one start of one container: the pod's UID, the container's name and the number of earlier starts.
pub(super) type StartId = (String, String, i32);

impl ContainerStart {
    /// Whether the container has exited, so that its log is complete.
    pub(super) fn has_finished(&self) -> bool {
        self.finished_at.is_some()
    }
}

/// The container starts of the existing pods whose logs are available, in the order of the pods. `only` selects the starts of
/// one container.
pub(in crate::kubernetes) fn containers(pods: &[JobPod], only: Option<&str>) -> Vec<ContainerStart> {
    let (mut found, mut earlier_starts) = (Vec::new(), HashMap::new());
    for pod in pods {
        let statuses = statuses(&pod.status);
        for status in statuses.filter(|status| only.is_none_or(|name| status.name == name)) {
            let earlier: &mut i32 = earlier_starts.entry(status.name.as_str()).or_default();
            if !pod.deleted {
                found.extend(starts(pod, status, *earlier));
            }
            *earlier += status.restart_count + 1;
        }
    }
    found
}

/// Whether the logs of these starts, one after the other, are what was printed: none is missing, and no two containers ran at
/// the same time.
pub(in crate::kubernetes) fn are_consecutive(pods: &[JobPod], starts: &[ContainerStart]) -> bool {
    let is_in_order = |pair: &[ContainerStart]| match (pair[0].finished_at, pair[1].started_at) {
        (Some(finished), Some(started)) => finished <= started,
        _ => false,
    };
    !lacks_starts(pods, starts) && starts.windows(2).all(is_in_order)
}

/// Whether the logs of earlier starts no longer exist.
pub(in crate::kubernetes) fn lacks_starts(pods: &[JobPod], starts: &[ContainerStart]) -> bool {
    let has_first = |start: &ContainerStart| {
        let first = (start.id.0.clone(), start.id.1.clone(), 0);
        starts.iter().any(|other| other.id == first)
    };
    pods.iter().any(|pod| pod.deleted) || !starts.iter().all(has_first)
}

/// The names of the containers of the pods, init containers first.
pub(in crate::kubernetes) fn container_names(pods: &[JobPod]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for status in pods.iter().flat_map(|pod| statuses(&pod.status)) {
        if !names.contains(&status.name) {
            names.push(status.name.clone());
        }
    }
    names
}

fn statuses(status: &PodStatus) -> impl Iterator<Item = &ContainerStatus> {
    let init = status.init_container_statuses.iter().flatten();
    init.chain(status.container_statuses.iter().flatten())
}

/// The last two starts of a container: a node keeps the logs of these. `earlier` is the number of its starts in earlier pods.
fn starts(pod: &JobPod, container: &ContainerStatus, earlier: i32) -> Vec<ContainerStart> {
    let has_started =
        container.state.as_ref().is_some_and(|state| state.running.is_some() || state.terminated.is_some());
    let start = |restarts: i32, previous, state: Option<&ContainerState>| {
        let running = state.and_then(|state| state.running.as_ref());
        let terminated = state.and_then(|state| state.terminated.as_ref());
        let started_at = terminated.map_or_else(
            || running.and_then(|running| running.started_at.as_ref()),
            |terminated| terminated.started_at.as_ref(),
        );
        // A kubelet that lost the container reports no times.
        let finished_at =
            terminated.map(|terminated| terminated.finished_at.as_ref().map_or(Timestamp::MAX, timestamp));
        ContainerStart {
            pod: pod.name.clone(),
            name: container.name.clone(),
            id: (pod.uid.clone(), container.name.clone(), restarts),
            source: Arc::new(LogSource {
                pod: Some(pod.name.clone()),
                container: Some(container.name.clone()),
                attempt: u32::try_from(earlier + restarts + 1).ok(),
            }),
            previous,
            started_at: started_at.map(timestamp),
            finished_at,
        }
    };
    let last_state = container.last_state.as_ref().filter(|last| last.terminated.is_some());
    // While the container waits for a restart, restartCount is still that of the previous start.
    let before = container.restart_count - i32::from(has_started);
    let before = last_state.filter(|_| before >= 0).map(|last| start(before, true, Some(last)));
    let current = has_started.then(|| start(container.restart_count, false, container.state.as_ref()));
    before.into_iter().chain(current).collect()
}

#[cfg(test)]
mod tests;

//! The pods of a Job, as far as runs and logs need them.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ContainerStatus, PodStatus};
use trigger_core::run::RunId;

use super::listing::Listing;
use super::objects::{PodObject, controller, timestamp};

/// A pod of a Job. A deleted pod is kept while its Job is active: its status may be the cause of the Job's failure.
pub(super) struct JobPod {
    pub(super) name: String,
    pub(super) uid: String,
    pub(super) status: PodStatus,
    /// Whether the pod no longer exists.
    pub(super) deleted: bool,
    pub(super) created_at: Option<Timestamp>,
    /// The last list during which the pod was applied.
    pub(super) listing: Listing,
}

impl JobPod {
    /// The pod, if the run's Job is its controller.
    pub(super) fn of_run(pod: PodObject, id: &RunId) -> Option<Self> {
        let metadata = pod.metadata;
        (controller(&metadata, "Job")?.uid == id.as_str()).then_some(())?;
        Some(Self {
            created_at: metadata.creation_timestamp.as_ref().map(timestamp),
            name: metadata.name?,
            uid: metadata.uid?,
            status: used_status(pod.status.unwrap_or_default()),
            deleted: false,
            listing: Listing::default(),
        })
    }
}

/// Sorts pods by age, oldest first.
pub(super) fn sort(pods: &mut [JobPod]) {
    pods.sort_by(|a, b| (a.created_at, &a.name).cmp(&(b.created_at, &b.name)));
}

/// The status without the fields that are not used, which are most of its memory.
fn used_status(status: PodStatus) -> PodStatus {
    let used = |containers: Option<Vec<ContainerStatus>>| {
        containers.map(|containers| containers.into_iter().map(used_container).collect())
    };
    PodStatus {
        conditions: status.conditions.map(|mut conditions| {
            conditions.shrink_to_fit();
            conditions
        }),
        container_statuses: used(status.container_statuses),
        init_container_statuses: used(status.init_container_statuses),
        message: status.message,
        phase: status.phase,
        reason: status.reason,
        start_time: status.start_time,
        ..PodStatus::default()
    }
}

fn used_container(container: ContainerStatus) -> ContainerStatus {
    ContainerStatus {
        image: container.image,
        last_state: container.last_state,
        name: container.name,
        ready: container.ready,
        restart_count: container.restart_count,
        started: container.started,
        state: container.state,
        ..ContainerStatus::default()
    }
}

//! The pods of a Job, as far as runs and logs need them.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{ContainerStatus, PodStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use trigger_core::run::RunId;

use super::listing::Listing;
use super::objects::{PodObject, controller, timestamp};

/// The label with the UID of the pod's Job. A pod keeps it when its Job is deleted without its pods.
const JOB_UID_LABEL: &str = "batch.kubernetes.io/controller-uid";

/// A pod of a Job. A deleted pod is kept while its Job is active: its status may be the cause of the Job's failure.
pub(super) struct JobPod {
    pub(super) name: String,
    pub(super) uid: String,
    pub(super) status: PodStatus,
    /// Whether the pod no longer exists.
    pub(super) deleted: bool,
    /// When the deletion of the pod was requested.
    pub(super) deletion_requested_at: Option<Timestamp>,
    pub(super) created_at: Option<Timestamp>,
    /// The last list during which the pod was applied.
    pub(super) listing: Listing,
}

/// The run of the pod's Job: of its controller, or of the Job that was deleted without its pods.
pub(super) fn run_of(metadata: &ObjectMeta) -> Option<RunId> {
    if let Some(job) = controller(metadata, "Job") {
        return Some(RunId::new(job.uid.clone()));
    }
    let has_controller =
        metadata.owner_references.iter().flatten().any(|owner| owner.controller == Some(true));
    let uid = metadata.labels.as_ref()?.get(JOB_UID_LABEL).filter(|_| !has_controller)?;
    Some(RunId::new(uid.clone()))
}

impl JobPod {
    /// The pod, if it is one of the run's Job.
    pub(super) fn of_run(pod: PodObject, id: &RunId) -> Option<Self> {
        let metadata = pod.metadata;
        (run_of(&metadata)? == *id).then_some(())?;
        Some(Self {
            created_at: metadata.creation_timestamp.as_ref().map(timestamp),
            deletion_requested_at: deletion_requested_at(&metadata),
            name: metadata.name?,
            uid: metadata.uid?,
            status: used_status(pod.status.unwrap_or_default()),
            deleted: false,
            listing: Listing::default(),
        })
    }

    /// Whether one of its containers may be running, or may be started.
    pub(super) fn may_run(&self) -> bool {
        !self.deleted && !matches!(self.status.phase.as_deref(), Some("Succeeded" | "Failed"))
    }
}

#[cfg(test)]
impl JobPod {
    /// A pod of the Job `job` with that status, and further metadata.
    pub(super) fn with(status: &serde_json::Value, metadata: &serde_json::Value) -> Self {
        let owner = serde_json::json!({ "apiVersion": "batch/v1", "kind": "Job", "name": "a", "uid": "job", "controller": true });
        let mut object = serde_json::json!({
            "apiVersion": "v1", "kind": "Pod", "spec": {}, "status": status,
            "metadata": { "name": "pod", "uid": "pod-uid", "ownerReferences": [owner] },
        });
        for (key, value) in metadata.as_object().into_iter().flatten() {
            object["metadata"][key] = value.clone();
        }
        Self::of_run(serde_json::from_value(object).unwrap(), &RunId::new("job")).unwrap()
    }
}

/// The deletionTimestamp is the end of the grace period.
fn deletion_requested_at(metadata: &ObjectMeta) -> Option<Timestamp> {
    let grace_period = SignedDuration::from_secs(metadata.deletion_grace_period_seconds.unwrap_or_default());
    metadata.deletion_timestamp.as_ref().map(timestamp)?.checked_sub(grace_period).ok()
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

//! The pods of a Job, as far as runs and logs need them.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::PodStatus;
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
            status: pod.status.unwrap_or_default(),
            deleted: false,
            listing: Listing::default(),
        })
    }
}

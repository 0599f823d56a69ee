//! Why a pod was stopped from outside: it was deleted, evicted or preempted.
//!
//! The reasons of the condition `DisruptionTarget` are defined in `k8s.io/api/core/v1/types.go` and in the packages of the
//! components that set it. A deletion has no condition, and the cluster does not record who requested it.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::PodCondition;

use super::text::one_line;
use crate::kubernetes::objects::timestamp;
use crate::kubernetes::pods::JobPod;

/// A pod that was stopped from outside.
pub(super) struct Disruption {
    pub(super) reason: String,
    pub(super) message: String,
    /// When it began.
    pub(super) at: Option<Timestamp>,
    /// Whether the pod was only deleted, as the Job controller does too.
    pub(super) is_bare_deletion: bool,
}

impl Disruption {
    /// The disruption of the pod; None if there was none.
    pub(super) fn of(pod: &JobPod) -> Option<Self> {
        let conditions = pod.status.conditions.iter().flatten();
        let target = conditions
            .filter(|condition| condition.type_ == "DisruptionTarget" && condition.status == "True")
            .max_by_key(|condition| condition.last_transition_time.as_ref().map(timestamp));
        if let Some(condition) = target {
            return Some(Self::by_condition(condition, pod.deletion_requested_at));
        }
        let at = pod.deletion_requested_at;
        (at.is_some() || pod.deleted).then(|| Self {
            reason: "PodDeleted".to_owned(),
            message: format!("The pod {} was deleted in the cluster before it finished.", pod.name),
            at,
            is_bare_deletion: true,
        })
    }

    fn by_condition(condition: &PodCondition, deletion_requested_at: Option<Timestamp>) -> Self {
        let reason = condition.reason.as_deref().filter(|reason| !reason.is_empty());
        let what = match reason {
            Some("EvictionByEvictionAPI") => {
                "The pod was evicted through the Eviction API, for example by `kubectl drain` or an autoscaler"
            }
            Some("PreemptionByScheduler") => {
                "The scheduler deleted the pod to make room for one with a higher priority"
            }
            Some("DeletionByTaintManager") => {
                "The pod was deleted because its node has a taint that it does not tolerate"
            }
            Some("DeletionByPodGC") => "The pod was deleted because its node is lost or no longer exists",
            Some("TerminationByKubelet") => "The kubelet of the pod's node stopped the pod",
            _ => "The pod was stopped from outside",
        };
        let detail = condition.message.as_deref().map(one_line).filter(|detail| !detail.is_empty());
        let transition = condition.last_transition_time.as_ref().map(timestamp);
        Self {
            reason: reason.unwrap_or("DisruptionTarget").to_owned(),
            message: detail
                .map_or_else(|| format!("{what}."), |detail| sentence(&format!("{what}: {detail}"))),
            at: transition.into_iter().chain(deletion_requested_at).min(),
            is_bare_deletion: false,
        }
    }
}

/// The text with a full stop at its end.
pub(super) fn sentence(text: &str) -> String {
    if text.ends_with(['.', '!', '?']) { text.to_owned() } else { format!("{text}.") }
}

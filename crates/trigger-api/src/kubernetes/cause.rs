//! Why a Job waits or failed, in words that stay the same while the cause does.
//!
//! The cluster's own messages are long, and alternate while a kubelet tries again; what is made of them here changes
//! only when the cause changes. Where its words are: `kubelet/images/types.go`, `pkg/controller/job/job_controller.go`
//! and `k8s.io/api/batch/v1/types.go` of Kubernetes.

use k8s_openapi::api::batch::v1::JobCondition;
use k8s_openapi::api::core::v1::{ContainerStateTerminated, ContainerStatus, PodStatus};

use super::objects::moment;
use trigger_core::run::Cause;

/// How long a Job may be without a pod before that is told.
pub(super) const POD_EXPECTED_AFTER_SECONDS: i64 = 5;

/// The highest number that Linux gives a signal.
const LAST_SIGNAL: i32 = 64;

/// The cause of a Job for which the cluster makes no pod.
pub(super) fn no_pod() -> Cause {
    Cause::new(
        "PodNotCreated",
        "The cluster has made no pod for this Job. Most often a quota or an admission rule of the namespace is against it; \
         `kubectl describe job` tells which.",
    )
}

/// The cause of a Job that was deleted before it ended.
pub(super) fn deleted() -> Cause {
    Cause::new("JobDeleted", "The Job was deleted in the cluster before it ended.")
}

/// The cause of a Job whose spec says that it must not start yet.
pub(super) fn suspended() -> Cause {
    Cause::new("JobSuspended", "The Job itself is suspended: its template sets suspend.")
}

/// Why a pod that has not ended does not run.
pub(super) fn waiting(pod: &PodStatus) -> Option<Cause> {
    let unschedulable = pod.conditions.iter().flatten().find(|condition| {
        condition.type_ == "PodScheduled" && condition.status == "False" && condition.reason.is_some()
    });
    if let Some(condition) = unschedulable {
        let reason = condition.reason.as_deref().unwrap_or_default();
        let message = condition.message.as_deref().unwrap_or("No node takes the pod.");
        return Some(Cause::new(reason, format!("The pod has no node: {message}")));
    }
    containers(pod).find_map(waiting_container)
}

fn waiting_container(container: &ContainerStatus) -> Option<Cause> {
    let waiting = container.state.as_ref()?.waiting.as_ref()?;
    let (name, image) = (&container.name, &container.image);
    let detail = || waiting.message.clone().unwrap_or_default();
    Some(match waiting.reason.as_deref()? {
        "ErrImagePull"
        | "ImagePullBackOff"
        | "ErrImageNeverPull"
        | "ImageInspectError"
        | "RegistryUnavailable" => Cause::new(
            "ImagePullFailed",
            format!("The image {image} of the container {name} can't be pulled."),
        ),
        "InvalidImageName" => Cause::new(
            "InvalidImageName",
            format!("The container {name} has an image name that is none: {image}"),
        ),
        "CrashLoopBackOff" => {
            let last = container.last_state.as_ref().and_then(|state| state.terminated.as_ref());
            let mut cause = last.map_or_else(
                || Cause::new("CrashLoopBackOff", format!("The container {name} keeps ending.")),
                |ended| terminated(name, ended),
            );
            cause.message.push_str(" It is started again after a while.");
            cause
        }
        reason @ ("CreateContainerConfigError"
        | "CreateContainerError"
        | "RunContainerError"
        | "PreStartHookError") => {
            Cause::new(reason, format!("The container {name} can't be started: {}", detail()))
        }
        // ContainerCreating, PodInitializing: on its way.
        _ => return None,
    })
}

/// How a pod failed; None for one that did not.
pub(super) fn pod_failure(pod: &PodStatus) -> Option<Cause> {
    // A sidecar stands among the init containers and is ended after the others, most often with a code that is not 0.
    let main = first_failure(pod.container_statuses.as_deref());
    if let Some(cause) = main.or_else(|| first_failure(pod.init_container_statuses.as_deref())) {
        return Some(cause);
    }
    if pod.phase.as_deref() != Some("Failed") {
        return None;
    }
    // Evicted, Preempting, NodeShutdown, DeadlineExceeded, UnexpectedAdmissionError and the like.
    let reason = pod.reason.as_deref().filter(|reason| !reason.is_empty()).unwrap_or("PodFailed");
    let message = pod.message.as_deref().filter(|message| !message.is_empty());
    Some(Cause::new(
        reason,
        message.map_or_else(|| "The pod failed.".to_owned(), |text| format!("The pod failed: {text}")),
    ))
}

/// How the container failed that was the first to.
fn first_failure(containers: Option<&[ContainerStatus]>) -> Option<Cause> {
    let failed = containers.unwrap_or_default().iter().filter_map(|container| {
        let state = container.state.as_ref()?;
        // One that waits to be started again may never be: its Job gives up first.
        let last = container.last_state.as_ref().filter(|_| state.waiting.is_some());
        let ended = state.terminated.as_ref().or_else(|| last?.terminated.as_ref())?;
        (ended.exit_code != 0).then_some((&container.name, ended))
    });
    let first = failed.min_by_key(|(_, ended)| ended.finished_at.as_ref().map(moment));
    first.map(|(name, ended)| terminated(name, ended))
}

fn terminated(name: &str, ended: &ContainerStateTerminated) -> Cause {
    let code = ended.exit_code;
    let (reason, message) = match (ended.reason.as_deref(), ended.signal) {
        (Some("OOMKilled"), _) => {
            ("OutOfMemory", format!("The container {name} took more memory than its limit and was killed."))
        }
        (Some(reason @ ("ContainerCannotRun" | "StartError")), _) => {
            let detail = ended.message.as_deref().unwrap_or("it does not say why");
            (reason, format!("The container {name} could not be started: {detail}"))
        }
        (_, Some(signal)) if signal != 0 => {
            ("Signal", format!("The container {name} was ended by signal {signal}."))
        }
        // containerd and CRI-O tell signals by the code alone, as shells do.
        _ if (129..=128 + LAST_SIGNAL).contains(&code) => {
            let signal = code - 128;
            (
                "ExitCode",
                format!("The container {name} exited with code {code}, which stands for signal {signal}."),
            )
        }
        _ => ("ExitCode", format!("The container {name} exited with code {code}.")),
    };
    Cause { reason: reason.to_owned(), message, exit_code: Some(code) }
}

/// How a Job failed, by its own word and by what its last failed pod tells.
pub(super) fn job_failure(condition: &JobCondition, pod: Option<Cause>, failed_pods: i32) -> Cause {
    let reason = condition.reason.as_deref().unwrap_or("Failed");
    match (reason, pod) {
        ("DeadlineExceeded", _) => {
            Cause::new(reason, "The Job ran longer than its activeDeadlineSeconds and was ended.")
        }
        ("BackoffLimitExceeded", Some(mut cause)) => {
            if failed_pods > 1 {
                cause.message = format!("{} That was attempt {failed_pods}, the last one.", cause.message);
            }
            cause
        }
        ("PodFailurePolicy", Some(mut cause)) => {
            cause.message.push_str(" The Job's podFailurePolicy does not have that tried again.");
            cause
        }
        (_, Some(cause)) => cause,
        (_, None) => {
            let message = condition.message.as_deref().filter(|message| !message.is_empty());
            Cause::new(reason, message.unwrap_or("The Job failed; its pods are gone.").to_owned())
        }
    }
}

/// Whether a Job failed because of a pod of which nothing is known.
pub(super) fn is_for_a_pod_to_tell(cause: &Cause) -> bool {
    matches!(cause.reason.as_str(), "BackoffLimitExceeded" | "PodFailurePolicy")
}

/// The cause of a Job that goes on after a pod of it failed.
pub(super) fn trying_again(pod: &Cause, failed_pods: i32) -> Cause {
    Cause {
        reason: "Retrying".to_owned(),
        message: format!("{} The Job tries again; {failed_pods} failed so far.", pod.message),
        exit_code: pod.exit_code,
    }
}

/// The statuses of all containers, those that start the pod first.
fn containers(pod: &PodStatus) -> impl Iterator<Item = &ContainerStatus> {
    pod.init_container_statuses.iter().flatten().chain(pod.container_statuses.iter().flatten())
}

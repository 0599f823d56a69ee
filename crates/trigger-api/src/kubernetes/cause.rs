//! Derives why a Job waits or failed.
//!
//! The messages of the cluster are long, and alternate while a kubelet retries. The causes here change only when the
//! reason changes. The reasons are defined in `kubelet/images/types.go`, `pkg/controller/job/job_controller.go` and
//! `k8s.io/api/batch/v1/types.go` of Kubernetes.

mod disruption;
mod text;

use jiff::Timestamp;
use k8s_openapi::api::batch::v1::JobCondition;
use k8s_openapi::api::core::v1::{ContainerStateTerminated, ContainerStatus, PodStatus};
use trigger_core::run::{Cause, JOB_DELETED, SUSPENDED};

use self::disruption::{Disruption, sentence};
use self::text::{one_line, pull_error};
use super::objects::timestamp;
use super::pods::JobPod;

/// How long a Job may have no pod before that becomes a cause.
pub(super) const MAX_SECONDS_WITHOUT_POD: i64 = 5;

const IMAGE_PULL_FAILED: &str = "ImagePullFailed";

/// The highest signal number of Linux.
const MAX_SIGNAL: i32 = 64;

/// The cause of a Job for which no pod is created.
pub(super) fn no_pod() -> Cause {
    Cause::new(
        "PodNotCreated",
        "No pod has been created for this Job. Usually a quota or an admission policy of the namespace rejects it; run \
         `kubectl describe job` to see the reason.",
    )
}

/// The cause of a Job whose pods are not known.
pub(super) fn pods_not_listed() -> Cause {
    Cause::new(
        "PodsNotListed",
        "The Job exists. Whether it has a pod, and in which state, is not known, because trigger-api can't list the pods of \
         the namespace; its log has the error.",
    )
}

/// The cause of a Job that was deleted before it finished.
pub(super) fn deleted() -> Cause {
    Cause::new(JOB_DELETED, "The Job was deleted in the cluster before it finished.")
}

/// The cause of a Job that is suspended before it started, which is not the same as a suspended CronJob.
pub(super) fn suspended(by_template: bool) -> Cause {
    let by = if by_template {
        "the CronJob's template sets `suspend` in the Job's spec."
    } else {
        "`suspend` is set in its spec, but not in the CronJob's template. A queue of Jobs does so until it admits the Job."
    };
    Cause::new("JobSuspended", format!("The Job is suspended: {by}"))
}

/// The cause of a Job that was suspended while it was running.
pub(super) fn suspended_while_running() -> Cause {
    Cause::new(
        SUSPENDED,
        "The Job was suspended while it was running, so its pods were deleted. When it is resumed, it starts from the \
         beginning in a new pod.",
    )
}

/// Why a pod that has not finished is not running.
pub(super) fn waiting(pod: &PodStatus) -> Option<Cause> {
    let unschedulable = pod.conditions.iter().flatten().find(|condition| {
        condition.type_ == "PodScheduled" && condition.status == "False" && condition.reason.is_some()
    });
    if let Some(condition) = unschedulable {
        let reason = condition.reason.as_deref().unwrap_or_default();
        let message = condition.message.as_deref().unwrap_or("no node is suitable.");
        return Some(Cause::new(reason, format!("The pod can't be scheduled: {message}")));
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
        | "RegistryUnavailable" => {
            let what = format!("The image {image} of the container {name} can't be pulled");
            let reason = pull_error(&detail());
            let message = if reason.is_empty() { format!("{what}.") } else { format!("{what}: {reason}") };
            Cause::new(IMAGE_PULL_FAILED, message)
        }
        "InvalidImageName" => Cause::new(
            "InvalidImageName",
            format!("The image name of the container {name} is invalid: {image}"),
        ),
        "CrashLoopBackOff" => {
            let last = container.last_state.as_ref().and_then(|state| state.terminated.as_ref());
            let mut cause = last.map_or_else(
                || Cause::new("CrashLoopBackOff", format!("The container {name} exits repeatedly.")),
                |last| termination(name, last),
            );
            cause.message.push_str(" It is restarted after a delay.");
            cause
        }
        reason @ ("CreateContainerConfigError"
        | "CreateContainerError"
        | "RunContainerError"
        | "PreStartHookError") => {
            Cause::new(reason, format!("The container {name} can't be started: {}", one_line(&detail())))
        }
        // ContainerCreating and PodInitializing: the pod is starting normally.
        _ => return None,
    })
}

/// The cause of a pull that failed. Older kubelets send the registry's reason only with every second try, so the earlier
/// cause is kept if the new one has no reason.
pub(super) fn with_known_pull_error(cause: Cause, earlier: Option<&Cause>) -> Cause {
    let earlier = earlier.filter(|_| cause.reason == IMAGE_PULL_FAILED);
    let known = earlier.filter(|earlier| {
        let rest = earlier.message.strip_prefix(cause.message.trim_end_matches('.'));
        earlier.reason == cause.reason && rest.is_some_and(|rest| rest.starts_with(": "))
    });
    known.cloned().unwrap_or(cause)
}

/// Why a pod failed; None if it did not. A pod that was deleted after `job_failed_at` was stopped by the Job controller, so it
/// is not the reason of the Job's failure.
pub(super) fn pod_failure(pod: &JobPod, job_failed_at: Option<Timestamp>) -> Option<Cause> {
    let status = &pod.status;
    let has_failed = status.phase.as_deref() == Some("Failed");
    // For example Evicted, Preempting, NodeShutdown, DeadlineExceeded, UnexpectedAdmissionError. The containers were killed.
    if let Some(reason) = status.reason.as_deref().filter(|reason| has_failed && !reason.is_empty()) {
        let message = status.message.as_deref().map(one_line).filter(|message| !message.is_empty());
        return Some(Cause::new(
            reason,
            message.map_or_else(|| "The pod failed.".to_owned(), |text| format!("The pod failed: {text}")),
        ));
    }
    // A sidecar is an init container that is stopped after the main containers, usually with a non-zero exit code. So the
    // main containers are checked first.
    let main = first_failure(status.container_statuses.as_deref());
    let failed = main.or_else(|| first_failure(status.init_container_statuses.as_deref()));
    // A container that failed before its pod was stopped failed by itself.
    let disruption = Disruption::of(pod).filter(|disruption| match (failed, disruption.at) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some((_, terminated)), Some(at)) => {
            terminated.finished_at.as_ref().is_none_or(|finished_at| timestamp(finished_at) >= at)
        }
    });
    match (failed, disruption) {
        (Some((name, terminated)), Some(disruption)) if !is_out_of_memory(terminated) => {
            disrupted(&disruption, Some((name, terminated.exit_code)), job_failed_at)
                .or_else(|| earlier_failure(status))
        }
        (Some((name, terminated)), _) => Some(termination(name, terminated)),
        (None, Some(disruption))
            if has_failed || (pod.deleted && status.phase.as_deref() != Some("Succeeded")) =>
        {
            disrupted(&disruption, None, job_failed_at).or_else(|| earlier_failure(status))
        }
        (None, _) => has_failed.then(|| Cause::new("PodFailed", "The pod failed.")),
    }
}

/// How a container failed before it was restarted. If the restart was one too many, the Job controller stops the pod.
fn earlier_failure(pod: &PodStatus) -> Option<Cause> {
    let failed = pod.container_statuses.iter().flatten().find_map(|container| {
        let earlier = container.last_state.as_ref()?.terminated.as_ref()?;
        (earlier.exit_code != 0).then_some((container.name.as_str(), earlier))
    });
    failed.map(|(name, terminated)| termination(name, terminated))
}

/// The cause of a pod that was stopped from outside, and its container with that exit code; None if the Job controller stopped it.
fn disrupted(
    disruption: &Disruption,
    container: Option<(&str, i32)>,
    job_failed_at: Option<Timestamp>,
) -> Option<Cause> {
    let is_by_job = disruption.is_bare_deletion
        && disruption.at.zip(job_failed_at).is_some_and(|(deleted_at, failed_at)| deleted_at >= failed_at);
    if is_by_job {
        return None;
    }
    let mut cause = Cause::new(&disruption.reason, disruption.message.clone());
    if let Some((name, code)) = container {
        cause.message = format!("{} The container {name} exited with code {code}.", cause.message);
        cause.exit_code = Some(code);
    }
    Some(cause)
}

fn is_out_of_memory(terminated: &ContainerStateTerminated) -> bool {
    terminated.reason.as_deref() == Some("OOMKilled")
}

/// The name and the end of the container that failed first.
fn first_failure(containers: Option<&[ContainerStatus]>) -> Option<(&str, &ContainerStateTerminated)> {
    let failed = containers.unwrap_or_default().iter().filter_map(|container| {
        let state = container.state.as_ref()?;
        // The Job may fail before a waiting container is restarted; then the previous termination is the failure.
        let previous = container.last_state.as_ref().filter(|_| state.waiting.is_some());
        let terminated = state.terminated.as_ref().or_else(|| previous?.terminated.as_ref())?;
        (terminated.exit_code != 0).then_some((container.name.as_str(), terminated))
    });
    failed.min_by_key(|(_, terminated)| terminated.finished_at.as_ref().map(timestamp))
}

/// The cause of a container that has terminated.
fn termination(name: &str, terminated: &ContainerStateTerminated) -> Cause {
    let code = terminated.exit_code;
    let text = terminated.message.as_deref().map(one_line).filter(|text| !text.is_empty());
    let mut is_by_program = true;
    let (reason, message) = match (terminated.reason.as_deref(), terminated.signal) {
        (Some("OOMKilled"), _) => {
            ("OutOfMemory", format!("The container {name} exceeded its memory limit and was killed."))
        }
        (Some(reason @ ("ContainerCannotRun" | "StartError")), _) => {
            is_by_program = false;
            let detail = text.as_deref().unwrap_or("no reason was given");
            (reason, format!("The container {name} could not be started: {detail}"))
        }
        (_, Some(signal)) if signal != 0 => {
            ("Signal", format!("The container {name} was terminated by signal {signal}."))
        }
        // containerd and CRI-O report a signal only as an exit code of 128 plus the signal, as shells do.
        _ if (129..=128 + MAX_SIGNAL).contains(&code) => {
            let signal = code - 128;
            (
                "ExitCode",
                format!("The container {name} exited with code {code}, which means signal {signal}."),
            )
        }
        _ => ("ExitCode", format!("The container {name} exited with code {code}.")),
    };
    // What the program wrote to its terminationMessagePath, or the end of its log.
    let message = match text.filter(|_| is_by_program) {
        Some(text) => sentence(&format!("{message} Its termination message: {text}")),
        None => message,
    };
    Cause { reason: reason.to_owned(), message, exit_code: Some(code) }
}

/// Why a Job failed: `condition` is its Failed condition, `pod` the cause of its last failed pod.
pub(super) fn job_failure(condition: &JobCondition, pod: Option<Cause>, failed_pods: i32) -> Cause {
    let reason = condition.reason.as_deref().unwrap_or("Failed");
    match (reason, pod) {
        ("DeadlineExceeded", _) => {
            Cause::new(reason, "The Job exceeded its activeDeadlineSeconds and was stopped.")
        }
        ("BackoffLimitExceeded", Some(mut cause)) => {
            if failed_pods > 1 {
                cause.message = format!("{} That was attempt {failed_pods}, the last one.", cause.message);
            }
            cause
        }
        ("PodFailurePolicy", Some(mut cause)) => {
            cause.message.push_str(" The Job's podFailurePolicy does not allow a retry.");
            cause
        }
        (_, Some(cause)) => cause,
        (_, None) => {
            let message = condition.message.as_deref().filter(|message| !message.is_empty());
            Cause::new(reason, message.unwrap_or("The Job failed; its pods no longer exist.").to_owned())
        }
    }
}

/// Whether the cause is that of a Job whose failed pod is not known, so that the real cause is missing.
pub(super) fn lacks_pod_failure(cause: &Cause) -> bool {
    matches!(cause.reason.as_str(), "BackoffLimitExceeded" | "PodFailurePolicy")
}

/// The cause of a Job that is still active after a pod failed.
pub(super) fn retrying(pod: &Cause, failed_pods: i32) -> Cause {
    let count = if failed_pods == 1 { "1 pod has".to_owned() } else { format!("{failed_pods} pods have") };
    Cause {
        reason: "Retrying".to_owned(),
        message: format!("{} The Job retries; {count} failed so far.", pod.message),
        exit_code: pod.exit_code,
    }
}

/// The statuses of all containers, init containers first.
fn containers(pod: &PodStatus) -> impl Iterator<Item = &ContainerStatus> {
    pod.init_container_statuses.iter().flatten().chain(pod.container_statuses.iter().flatten())
}

#[cfg(test)]
mod tests;

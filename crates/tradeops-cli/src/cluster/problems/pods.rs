//! Problems of pods.

use std::time::Duration;

use k8s_openapi::api::core::v1::{ContainerStatus, Pod, PodCondition};
use kube::ResourceExt;

use super::super::events::newest_message;
use super::super::release::INSTANCE;
use super::{Problem, Scope};
use crate::output::times;

/// A restart is reported for this time, because the pod is ready in between.
const RECENT: Duration = Duration::from_mins(30);

/// What to do about an image that can't be pulled.
const IMAGE: &str =
    "correct the image's registry and tag, or push the image; docs/OPERATIONS.md, \"Deploying\"";

pub(super) fn problems(scope: &Scope<'_>) -> Vec<Problem> {
    scope.state.pods.iter().filter_map(|pod| of_pod(scope, pod)).collect()
}

fn of_pod(scope: &Scope<'_>, pod: &Pod) -> Option<Problem> {
    let status = pod.status.as_ref()?;
    let job = job_of(pod);
    // Pods of other workloads are not the release's concern.
    let is_own = pod.labels().get(INSTANCE).is_some_and(|name| *name == scope.release.name);
    let phase = status.phase.as_deref().unwrap_or_default();
    let has_ended = phase == "Succeeded" || phase == "Failed";
    if (!is_own && job.is_none()) || pod.metadata.deletion_timestamp.is_some() || has_ended {
        return None;
    }
    let problem = if condition(pod, "Ready").is_some_and(|ready| ready.status == "True") {
        restarted(scope, pod)?
    } else {
        not_ready(scope, pod)?
    };
    // The pod blocks the next run of its target.
    Some(match job {
        Some(job) => {
            let cancel = scope.hints.to("end the run", &format!("cancel {job}"));
            Problem { next: format!("{}\n      {cancel}", problem.next), ..problem }
        }
        None => problem,
    })
}

fn not_ready(scope: &Scope<'_>, pod: &Pod) -> Option<Problem> {
    let (name, status) = (pod.name_any(), pod.status.as_ref()?);
    if let Some(scheduled) = condition(pod, "PodScheduled").filter(|scheduled| scheduled.status == "False") {
        let message = scheduled.message.clone().unwrap_or_default();
        return Some(scope.described("pod", &name, "is not scheduled to a node", &message));
    }
    let has_succeeded = |status: &&ContainerStatus| {
        let ended = status.state.as_ref().and_then(|state| state.terminated.as_ref());
        ended.is_some_and(|ended| ended.exit_code == 0)
    };
    let init = status.init_container_statuses.iter().flatten().filter(|status| !has_succeeded(status));
    // Containers wait for the init containers, whose problem is reported first.
    let containers = init
        .map(|status| (status, true))
        .chain(status.container_statuses.iter().flatten().map(|status| (status, false)));
    let mut found = containers.filter_map(|(status, is_init)| of_container(scope, pod, status, is_init));
    found.next().or_else(|| {
        let message =
            newest_message(&scope.state.events, &pod.metadata, &["FailedMount", "FailedAttachVolume"]);
        let is_a_starting_run = job_of(pod).is_some() && message.is_empty();
        (!is_a_starting_run).then(|| scope.described("pod", &name, "is not ready", &message))
    })
}

fn of_container(scope: &Scope<'_>, pod: &Pod, status: &ContainerStatus, is_init: bool) -> Option<Problem> {
    let (pod_name, name, state) = (pod.name_any(), &status.name, status.state.as_ref()?);
    let kind = if is_init { "init container" } else { "container" };
    let logs = |options: &str| scope.kubectl(&format!("logs {pod_name} --container {name}{options}"));
    let problem =
        |what: String, message: &str, next: String| Problem::new("pod", &pod_name, what, message, next);
    if let Some(waiting) = &state.waiting {
        let reason = waiting.reason.as_deref().unwrap_or("waiting");
        let message = waiting.message.clone().unwrap_or_default();
        let what = format!("waits: {kind} {name}: {reason}");
        return Some(match reason {
            "ContainerCreating" | "PodInitializing" => {
                let reasons = ["FailedMount", "FailedAttachVolume", "FailedCreatePodSandBox"];
                let message = newest_message(&scope.state.events, &pod.metadata, &reasons);
                // It is normal for some seconds.
                if message.is_empty() && job_of(pod).is_some() {
                    return None;
                }
                scope.described("pod", &pod_name, what, &message)
            }
            "ImagePullBackOff" | "ErrImagePull" | "ErrImageNeverPull" | "InvalidImageName" => {
                problem(what, &message, IMAGE.to_owned())
            }
            "CreateContainerConfigError" => {
                problem(what, &message, scope.hints.to("see what is missing", "doctor"))
            }
            "CrashLoopBackOff" => problem(what, &last_end(status).unwrap_or(message), logs(" --previous")),
            _ => problem(what, &message, logs("")),
        });
    }
    if let Some(ended) = &state.terminated {
        let what = format!("is not ready: {kind} {name} ended with exit code {}", ended.exit_code);
        let message = ended.message.clone().unwrap_or_default();
        return (ended.exit_code != 0).then(|| problem(what, &message, logs("")));
    }
    if is_init || job_of(pod).is_some() || status.ready {
        return None;
    }
    let message = newest_message(&scope.state.events, &pod.metadata, &["Unhealthy"]);
    let what = match status.restart_count {
        0 => format!("is not ready: the probe of the container {name} fails"),
        count => format!("is not ready: the container {name} has restarted {}", often(count)),
    };
    Some(problem(what, &last_end(status).unwrap_or(message), logs("")))
}

/// A pod that is ready, and whose container has ended a short time ago: it may end again.
fn restarted(scope: &Scope<'_>, pod: &Pod) -> Option<Problem> {
    let statuses = pod.status.iter().flat_map(|status| status.container_statuses.iter().flatten());
    let is_recent = |status: &&ContainerStatus| {
        let ended = status.last_state.as_ref().and_then(|state| state.terminated.as_ref());
        let at = ended.and_then(|ended| ended.finished_at.as_ref());
        at.is_some_and(|at| times::between(at.0, scope.now) < RECENT)
    };
    let status = statuses.into_iter().find(is_recent)?;
    let (name, container) = (pod.name_any(), &status.name);
    let count = often(status.restart_count);
    let what = format!("is ready, but its container {container} has restarted {count}");
    let next = scope.kubectl(&format!("logs {name} --container {container} --previous"));
    Some(Problem::new("pod", &name, what, &last_end(status).unwrap_or_default(), next))
}

/// How the container has ended before.
fn last_end(status: &ContainerStatus) -> Option<String> {
    let ended = status.last_state.as_ref()?.terminated.as_ref()?;
    let reason = ended.reason.as_deref().filter(|reason| *reason != "Error" && *reason != "Completed");
    let cause = reason.map_or_else(|| format!("exit code {}", ended.exit_code), str::to_owned);
    let message = ended.message.as_deref().map(|message| format!(": {}", message.trim())).unwrap_or_default();
    Some(format!("it ended with {cause}{message}"))
}

fn often(count: i32) -> String {
    if count == 1 { "once".to_owned() } else { format!("{count} times") }
}

/// The Job that has created the pod.
fn job_of(pod: &Pod) -> Option<String> {
    let owner = pod.owner_references().iter().find(|owner| owner.kind == "Job")?;
    Some(owner.name.clone())
}

fn condition<'a>(pod: &'a Pod, kind: &str) -> Option<&'a PodCondition> {
    let mut conditions = pod.status.as_ref()?.conditions.iter().flatten();
    conditions.find(|condition| condition.type_ == kind)
}

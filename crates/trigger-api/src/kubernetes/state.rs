//! Derives the state of a run from its Job and the Job's pods.

use jiff::Timestamp;
use k8s_openapi::api::batch::v1::{JobCondition, JobStatus};
use k8s_openapi::api::core::v1::ContainerStatus;
use trigger_core::run::{Cause, State};

use super::cause;
use super::objects::timestamp;
use super::pods::JobPod;

/// What is known of a Job.
#[derive(Clone, Copy)]
pub(super) struct JobObservation<'a> {
    pub(super) status: &'a JobStatus,
    /// The Job's pods, oldest first, including deleted ones.
    pub(super) pods: &'a [JobPod],
    /// Whether pods can be listed; None before the first list.
    pub(super) pods_listed: Option<bool>,
    pub(super) created_at: Timestamp,
    pub(super) deletion: Option<JobDeletion>,
    /// Whether the CronJob's template sets `suspend`.
    pub(super) template_suspends: bool,
    pub(super) now: Timestamp,
}

/// The deletion of a Job.
#[derive(Clone, Copy)]
pub(super) struct JobDeletion {
    pub(super) at: Timestamp,
    pub(super) progress: DeletionProgress,
}

/// How far the deletion of a Job is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum DeletionProgress {
    /// The garbage collector deletes the Job when its pods are gone.
    AfterPods,
    /// The Job exists because of a finalizer. Its pods may not be deleted yet.
    Held,
    /// The Job no longer exists.
    Done,
}

/// The state of a run as its Job and pods show it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ObservedState {
    pub(super) state: State,
    pub(super) cause: Option<Cause>,
    pub(super) started_at: Option<Timestamp>,
    pub(super) finished_at: Option<Timestamp>,
}

/// Derives the state.
pub(super) fn observed_state(observation: JobObservation<'_>) -> ObservedState {
    let JobObservation { status: job, pods, now, .. } = observation;
    let started_at = started_at(job, pods);
    let observed = |state, cause, finished_at| ObservedState { state, cause, started_at, finished_at };
    let ended = |condition: &&JobCondition| !is_stopped_by_deletion(&observation, condition);
    if let Some(condition) = true_condition(job, "Complete").filter(ended) {
        let at = job.completion_time.as_ref().map(timestamp).or_else(|| transition_time(condition));
        return observed(State::Succeeded, None, at.or(Some(now)));
    }
    let failed_pods = job.failed.unwrap_or_default();
    let failing = true_condition(job, "FailureTarget").or_else(|| true_condition(job, "Failed"));
    let failing_since = failing.and_then(transition_time);
    let last_failure = |since| pods.iter().rev().find_map(|pod| cause::pod_failure(pod, since));
    // The deletion of a pod can be the reason of the Job's failure in the same second.
    let failure = last_failure(failing_since).or_else(|| last_failure(None));
    if let Some(condition) = true_condition(job, "Failed").filter(ended) {
        let cause = cause::job_failure(condition, failure, failed_pods);
        return observed(State::Failed, Some(cause), transition_time(condition).or(Some(now)));
    }
    let is_running = pods.iter().any(is_running)
        || (observation.pods_listed != Some(true) && job.ready.is_some_and(|count| count > 0));
    let has_started =
        started_at.is_some() || failed_pods > 0 || job.succeeded.is_some_and(|count| count > 0) || is_running;
    let active = if has_started { State::Running } else { State::Pending };
    if let Some(deletion) = observation.deletion {
        if may_run(&observation, deletion.progress) {
            return observed(active, Some(cause::deleted()), None);
        }
        let at = last_exit(pods).filter(|at| *at > deletion.at).unwrap_or(deletion.at);
        return observed(State::Cancelled, Some(cause::deleted()), Some(at));
    }
    if true_condition(job, "Suspended").is_some() {
        let cause = if has_started {
            cause::suspended_while_running()
        } else {
            cause::suspended(observation.template_suspends)
        };
        return observed(active, Some(cause), None);
    }
    if is_running {
        return observed(State::Running, None, None);
    }
    let waiting = pods.iter().rev().filter(|pod| pod.may_run()).find_map(|pod| cause::waiting(&pod.status));
    if has_started {
        let retry = failure.filter(|_| is_retrying(job, pods));
        let cause = waiting.or_else(|| retry.map(|failure| cause::retrying(&failure, failed_pods)));
        return observed(State::Running, cause, None);
    }
    observed(State::Pending, waiting.or_else(|| without_pod(&observation)), None)
}

/// Whether the Job is complete or failed.
pub(super) fn has_finished(job: &JobStatus) -> bool {
    true_condition(job, "Complete").is_some() || true_condition(job, "Failed").is_some()
}

/// Whether the Job has that final condition because its pods were stopped by the deletion of the Job. A Job that finished
/// and is deleted later is not affected.
fn is_stopped_by_deletion(observation: &JobObservation<'_>, condition: &JobCondition) -> bool {
    let Some(deletion) = observation.deletion else { return false };
    let before = transition_time(condition).is_none_or(|at| at < deletion.at);
    let stopped = |pod: &JobPod| {
        let exit = last_exit(std::slice::from_ref(pod));
        pod.deletion_requested_at.is_some_and(|requested| exit.is_none_or(|exit| exit >= requested))
    };
    let JobObservation { pods, .. } = observation;
    !before && (pods.iter().any(stopped) || (pods.is_empty() && condition.type_ == "Failed"))
}

/// Whether containers of a Job that is deleted may still be running.
fn may_run(observation: &JobObservation<'_>, progress: DeletionProgress) -> bool {
    let JobObservation { status: job, pods, .. } = observation;
    if has_finished(job) {
        return false;
    }
    let counted = job.active.unwrap_or_default() + job.terminating.unwrap_or_default() > 0;
    pods.iter().any(JobPod::may_run)
        || match progress {
            DeletionProgress::AfterPods => true,
            // Its pods may not be listed yet.
            DeletionProgress::Held => pods.is_empty() && counted,
            DeletionProgress::Done => false,
        }
}

/// The cause of a Job that has not started and has no pod with a cause.
fn without_pod(observation: &JobObservation<'_>) -> Option<Cause> {
    let age_seconds = observation.now.as_second() - observation.created_at.as_second();
    if !observation.pods.is_empty() || age_seconds < cause::MAX_SECONDS_WITHOUT_POD {
        return None;
    }
    match observation.pods_listed {
        // The Job controller counts a pod that the watch has not reported yet.
        Some(true) => (observation.status.active.unwrap_or_default() == 0).then(cause::no_pod),
        Some(false) => Some(cause::pods_not_listed()),
        None => None,
    }
}

/// Whether the Job controller has counted every failed pod and keeps the Job active. Before that, a failed pod may still
/// fail the Job.
fn is_retrying(job: &JobStatus, pods: &[JobPod]) -> bool {
    let failed_pods = pods.iter().filter(|pod| pod.status.phase.as_deref() == Some("Failed")).count();
    let counted = usize::try_from(job.failed.unwrap_or_default()).unwrap_or_default();
    counted > 0 && counted >= failed_pods && true_condition(job, "FailureTarget").is_none()
}

/// The Job's condition of that type, if its status is True.
fn true_condition<'a>(job: &'a JobStatus, type_: &str) -> Option<&'a JobCondition> {
    let mut conditions = job.conditions.iter().flatten();
    conditions.find(|condition| condition.type_ == type_ && condition.status == "True")
}

fn transition_time(condition: &JobCondition) -> Option<Timestamp> {
    condition.last_transition_time.as_ref().map(timestamp)
}

fn is_running(pod: &JobPod) -> bool {
    !pod.deleted
        && pod.status.phase.as_deref() == Some("Running")
        && pod.status.container_statuses.iter().flatten().any(|container| {
            container
                .state
                .as_ref()
                .is_some_and(|state| state.running.is_some() || state.terminated.is_some())
        })
}

/// When the first container started. Without container statuses, it is the Job's startTime, but only if a pod has
/// finished: the Job controller sets startTime before any pod exists.
fn started_at(job: &JobStatus, pods: &[JobPod]) -> Option<Timestamp> {
    let starts = pods.iter().flat_map(containers).flat_map(|container| {
        let state = container.state.as_ref();
        let running = state.and_then(|state| state.running.as_ref()?.started_at.as_ref());
        let terminated = state.and_then(|state| state.terminated.as_ref()?.started_at.as_ref());
        let previous =
            container.last_state.as_ref().and_then(|state| state.terminated.as_ref()?.started_at.as_ref());
        [running, terminated, previous].into_iter().flatten().map(timestamp)
    });
    let has_finished_pods =
        job.succeeded.is_some_and(|count| count > 0) || job.failed.is_some_and(|count| count > 0);
    starts.min().or_else(|| job.start_time.as_ref().filter(|_| has_finished_pods).map(timestamp))
}

/// When the last container ended.
fn last_exit(pods: &[JobPod]) -> Option<Timestamp> {
    let ends = pods.iter().flat_map(containers).filter_map(|container| {
        container.state.as_ref()?.terminated.as_ref()?.finished_at.as_ref().map(timestamp)
    });
    ends.max()
}

fn containers(pod: &JobPod) -> impl Iterator<Item = &ContainerStatus> {
    let status = &pod.status;
    status.init_container_statuses.iter().flatten().chain(status.container_statuses.iter().flatten())
}

#[cfg(test)]
mod tests;

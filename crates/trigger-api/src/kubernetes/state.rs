//! Derives the state of a run from its Job and the Job's pods.

use jiff::Timestamp;
use k8s_openapi::api::batch::v1::{JobCondition, JobStatus};
use k8s_openapi::api::core::v1::PodStatus;
use trigger_core::run::{Cause, State};

use super::cause;
use super::objects::timestamp;

/// The state of a run as its Job and pods show it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ObservedState {
    pub(super) state: State,
    pub(super) cause: Option<Cause>,
    pub(super) started_at: Option<Timestamp>,
    pub(super) finished_at: Option<Timestamp>,
}

/// Derives the state. `pods` are the Job's pods, oldest first, including deleted ones. `deleted_at` is the Job's
/// deletionTimestamp.
pub(super) fn observed_state(
    job: &JobStatus,
    pods: &[&PodStatus],
    created_at: Timestamp,
    deleted_at: Option<Timestamp>,
    now: Timestamp,
) -> ObservedState {
    let started_at = started_at(job, pods);
    let observed = |state, cause, finished_at| ObservedState { state, cause, started_at, finished_at };
    if let Some(condition) = true_condition(job, "Complete") {
        let at = job.completion_time.as_ref().map(timestamp).or_else(|| transition_time(condition));
        return observed(State::Succeeded, None, at.or(Some(now)));
    }
    let failed_pods = job.failed.unwrap_or_default();
    let failure = pods.iter().rev().find_map(|pod| cause::pod_failure(pod));
    if let Some(condition) = true_condition(job, "Failed") {
        let cause = cause::job_failure(condition, failure, failed_pods);
        return observed(State::Failed, Some(cause), transition_time(condition).or(Some(now)));
    }
    if deleted_at.is_some() {
        return observed(State::Cancelled, Some(cause::deleted()), deleted_at);
    }
    if true_condition(job, "Suspended").is_some() {
        return observed(State::Pending, Some(cause::suspended()), None);
    }
    if pods.iter().any(|pod| is_running(pod)) {
        return observed(State::Running, None, None);
    }
    let waiting = pods
        .iter()
        .rev()
        .filter(|pod| !matches!(pod.phase.as_deref(), Some("Succeeded" | "Failed")))
        .find_map(|pod| cause::waiting(pod));
    let has_started = started_at.is_some() || failed_pods > 0 || job.succeeded.is_some_and(|count| count > 0);
    if has_started {
        let retry = failure.filter(|_| is_retrying(job, pods));
        let cause = waiting.or_else(|| retry.map(|failure| cause::retrying(&failure, failed_pods)));
        return observed(State::Running, cause, None);
    }
    let age_seconds = now.as_second() - created_at.as_second();
    let overdue = pods.is_empty() && age_seconds >= cause::MAX_SECONDS_WITHOUT_POD;
    observed(State::Pending, waiting.or_else(|| overdue.then(cause::no_pod)), None)
}

/// Whether the Job is complete or failed.
pub(super) fn has_finished(job: &JobStatus) -> bool {
    true_condition(job, "Complete").is_some() || true_condition(job, "Failed").is_some()
}

/// Whether the Job controller has counted every failed pod and keeps the Job active. Before that, a failed pod may still
/// fail the Job.
fn is_retrying(job: &JobStatus, pods: &[&PodStatus]) -> bool {
    let failed_pods = pods.iter().filter(|pod| pod.phase.as_deref() == Some("Failed")).count();
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

fn is_running(pod: &PodStatus) -> bool {
    pod.phase.as_deref() == Some("Running")
        && pod.container_statuses.iter().flatten().any(|container| {
            container
                .state
                .as_ref()
                .is_some_and(|state| state.running.is_some() || state.terminated.is_some())
        })
}

/// When the first container started. Without container statuses, it is the Job's startTime, but only if a pod has
/// finished: the Job controller sets startTime before any pod exists.
fn started_at(job: &JobStatus, pods: &[&PodStatus]) -> Option<Timestamp> {
    let containers = pods.iter().flat_map(|pod| {
        pod.init_container_statuses.iter().flatten().chain(pod.container_statuses.iter().flatten())
    });
    let starts = containers.flat_map(|container| {
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

#[cfg(test)]
mod tests;

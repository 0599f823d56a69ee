//! What a Job's and its pods' fields mean for the run.

use jiff::Timestamp;
use k8s_openapi::api::batch::v1::{JobCondition, JobStatus};
use k8s_openapi::api::core::v1::PodStatus;

use super::cause;
use super::objects::moment;
use trigger_core::run::{Cause, State};

/// Where a Job stands.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Standing {
    pub(super) state: State,
    pub(super) cause: Option<Cause>,
    pub(super) started_at: Option<Timestamp>,
    pub(super) finished_at: Option<Timestamp>,
}

/// Reads it off. `pods` are the Job's, oldest first, also those that are gone; `deleted_at` is when the Job's deletion
/// was asked for.
pub(super) fn standing(
    job: &JobStatus,
    pods: &[&PodStatus],
    created_at: Timestamp,
    deleted_at: Option<Timestamp>,
    now: Timestamp,
) -> Standing {
    let started_at = started_at(job, pods);
    let standing = |state, cause, finished_at| Standing { state, cause, started_at, finished_at };
    if let Some(condition) = holds(job, "Complete") {
        let at = job.completion_time.as_ref().map(moment).or_else(|| since(condition));
        return standing(State::Succeeded, None, at.or(Some(now)));
    }
    let failed_pods = job.failed.unwrap_or_default();
    let failure = pods.iter().rev().find_map(|pod| cause::pod_failure(pod));
    if let Some(condition) = holds(job, "Failed") {
        let cause = cause::job_failure(condition, failure, failed_pods);
        return standing(State::Failed, Some(cause), since(condition).or(Some(now)));
    }
    if deleted_at.is_some() {
        return standing(State::Cancelled, Some(cause::deleted()), deleted_at);
    }
    if holds(job, "Suspended").is_some() {
        return standing(State::Pending, Some(cause::suspended()), None);
    }
    if pods.iter().any(|pod| is_running(pod)) {
        return standing(State::Running, None, None);
    }
    let waiting = pods
        .iter()
        .rev()
        .filter(|pod| !matches!(pod.phase.as_deref(), Some("Succeeded" | "Failed")))
        .find_map(|pod| cause::waiting(pod));
    let has_started = started_at.is_some() || failed_pods > 0 || job.succeeded.is_some_and(|count| count > 0);
    if has_started {
        let retry = failure.filter(|_| tries_again(job, pods));
        let cause = waiting.or_else(|| retry.map(|failure| cause::trying_again(&failure, failed_pods)));
        return standing(State::Running, cause, None);
    }
    let no_pod_since = now.as_second() - created_at.as_second();
    let overdue = pods.is_empty() && no_pod_since >= cause::POD_EXPECTED_AFTER_SECONDS;
    standing(State::Pending, waiting.or_else(|| overdue.then(cause::no_pod)), None)
}

/// Whether the Job has ended by itself.
pub(super) fn has_finished(job: &JobStatus) -> bool {
    holds(job, "Complete").is_some() || holds(job, "Failed").is_some()
}

/// Whether the controller knows of every failed pod and goes on: until then nobody can tell a retry from the end.
fn tries_again(job: &JobStatus, pods: &[&PodStatus]) -> bool {
    let seen = pods.iter().filter(|pod| pod.phase.as_deref() == Some("Failed")).count();
    let counted = usize::try_from(job.failed.unwrap_or_default()).unwrap_or_default();
    counted > 0 && counted >= seen && holds(job, "FailureTarget").is_none()
}

fn holds<'a>(job: &'a JobStatus, kind: &str) -> Option<&'a JobCondition> {
    let mut conditions = job.conditions.iter().flatten();
    conditions.find(|condition| condition.type_ == kind && condition.status == "True")
}

fn since(condition: &JobCondition) -> Option<Timestamp> {
    condition.last_transition_time.as_ref().map(moment)
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

/// When the first container started. Without pods to ask, the Job's own start is the next best, but only of a Job
/// that has something to show: the controller notes its start before any pod exists.
fn started_at(job: &JobStatus, pods: &[&PodStatus]) -> Option<Timestamp> {
    let containers = pods.iter().flat_map(|pod| {
        pod.init_container_statuses.iter().flatten().chain(pod.container_statuses.iter().flatten())
    });
    let starts = containers.flat_map(|container| {
        let state = container.state.as_ref();
        let running = state.and_then(|state| state.running.as_ref()?.started_at.as_ref());
        let ended = state.and_then(|state| state.terminated.as_ref()?.started_at.as_ref());
        let last =
            container.last_state.as_ref().and_then(|state| state.terminated.as_ref()?.started_at.as_ref());
        [running, ended, last].into_iter().flatten().map(moment)
    });
    let has_ended = job.succeeded.is_some_and(|count| count > 0) || job.failed.is_some_and(|count| count > 0);
    starts.min().or_else(|| job.start_time.as_ref().filter(|_| has_ended).map(moment))
}

//! Problems of workloads, schedules, Jobs and claims.

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::ResourceExt;

use super::super::events::newest_message;
use super::{Problem, STOPPED, Scope};

/// A Deployment or a `StatefulSet`.
struct Workload<'a> {
    kind: &'static str,
    metadata: &'a ObjectMeta,
    wanted: i32,
    existing: i32,
    /// Why pods can't be created.
    failure: Option<String>,
}

pub(super) fn problems(scope: &Scope<'_>) -> Vec<Problem> {
    let state = scope.state;
    let deployments = state.deployments.iter().map(|object| {
        let status = object.status.as_ref();
        let conditions = status.into_iter().flat_map(|status| status.conditions.iter().flatten());
        let mut failures = conditions.filter(|condition| condition.type_ == "ReplicaFailure");
        Workload {
            kind: "deployment",
            metadata: &object.metadata,
            wanted: object.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1),
            existing: status.and_then(|status| status.replicas).unwrap_or_default(),
            failure: failures.next().and_then(|condition| condition.message.clone()),
        }
    });
    let stateful_sets = state.stateful_sets.iter().map(|object| Workload {
        kind: "statefulset",
        metadata: &object.metadata,
        wanted: object.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1),
        existing: object.status.as_ref().map(|status| status.replicas).unwrap_or_default(),
        failure: None,
    });
    let mut problems: Vec<Problem> =
        deployments.chain(stateful_sets).filter_map(|workload| of_workload(scope, &workload)).collect();
    for cronjob in &state.cronjobs {
        if is_stopped(&cronjob.metadata) && cronjob.spec.suspend == Some(true) {
            let next = scope.hints.to("start it", "start");
            problems.push(Problem::new("cronjob", &cronjob.name_any(), "is stopped", "", next));
        }
    }
    problems.extend(state.claims.iter().filter_map(|claim| of_claim(scope, claim)));
    problems.extend(state.jobs.iter().filter_map(|job| of_job(scope, job)));
    problems
}

fn of_workload(scope: &Scope<'_>, workload: &Workload<'_>) -> Option<Problem> {
    let Workload { kind, metadata, wanted, existing, failure } = workload;
    let name = metadata.name.as_deref().unwrap_or_default();
    if *wanted == 0 {
        let start = scope.hints.to("start it", "start");
        let scale = scope.kubectl(&format!("scale {kind} {name} --replicas 1"));
        // Also without the annotation: nobody is served.
        let (what, next) =
            if is_stopped(metadata) { ("is stopped", start) } else { ("is scaled to 0 pods", scale) };
        return Some(Problem::new(kind, name, what, "", next));
    }
    if existing >= wanted {
        return None;
    }
    let event = || newest_message(&scope.state.events, metadata, &["FailedCreate"]);
    let message = failure.clone().unwrap_or_else(event);
    Some(scope.described(kind, name, format!("has {existing} of {wanted} pods"), &message))
}

fn of_claim(scope: &Scope<'_>, claim: &PersistentVolumeClaim) -> Option<Problem> {
    let phase = claim.status.as_ref().and_then(|status| status.phase.as_deref());
    let reasons = ["FailedBinding", "ProvisioningFailed", "WaitForFirstConsumer", "ExternalProvisioning"];
    (phase == Some("Pending")).then(|| {
        let message = newest_message(&scope.state.events, &claim.metadata, &reasons);
        scope.described("persistentvolumeclaim", &claim.name_any(), "has no volume", &message)
    })
}

/// A Job whose pods can't be created: no pod has the reason then.
fn of_job(scope: &Scope<'_>, job: &Job) -> Option<Problem> {
    let status = job.status.as_ref();
    let conditions: Vec<_> =
        status.into_iter().flat_map(|status| status.conditions.iter().flatten()).collect();
    let is = |kind: &str| conditions.iter().any(|one| one.type_ == kind && one.status == "True");
    let name = job.name_any();
    if job.annotations().contains_key("helm.sh/hook") && is("Failed") {
        let next = scope.kubectl(&format!("logs job/{name}"));
        return Some(Problem::new("job", &name, "has failed", "", next));
    }
    let pods = status.map(|status| {
        status.active.unwrap_or(0) + status.succeeded.unwrap_or(0) + status.failed.unwrap_or(0)
    });
    if is("Complete") || is("Failed") || is("Suspended") || pods.unwrap_or(0) > 0 {
        return None;
    }
    // Without an event, the Job is new.
    let message = newest_message(&scope.state.events, &job.metadata, &["FailedCreate"]);
    (!message.is_empty()).then(|| {
        let next = scope.hints.to("end the run", &format!("cancel {name}"));
        Problem::new("job", &name, "has no pod", &message, next)
    })
}

fn is_stopped(metadata: &ObjectMeta) -> bool {
    metadata.annotations.as_ref().is_some_and(|annotations| annotations.contains_key(STOPPED))
}

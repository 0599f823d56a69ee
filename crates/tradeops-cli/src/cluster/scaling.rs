//! Stops, starts and restarts the workloads of a release.

use std::fmt::Debug;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::batch::v1::CronJob;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Patch, PatchParams};
use kube::{Resource, ResourceExt};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::Cluster;
use super::errors::explain;
use super::problems::STOPPED;
use crate::failure::Failure;
use crate::outcome::Outcome;
use crate::output::note;

/// How long pods are waited for.
const MAX_WAIT: Duration = Duration::from_mins(5);
/// How often they are listed.
const POLL: Duration = Duration::from_millis(500);

/// Removes the pods and suspends the schedules, and waits until the pods have ended. What is stopped already is not changed, so
/// that `start` does not start it either.
///
/// # Errors
/// When an object can't be changed.
pub async fn stop(cluster: &Cluster) -> Result<(), Failure> {
    let annotated = |replicas: i32| json!({ "metadata": { "annotations": { STOPPED: replicas.to_string() } }, "spec": { "replicas": 0 } });
    // Those that others use are last.
    for deployment in list::<Deployment>(cluster, "deployments").await? {
        let replicas = deployment.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1);
        if replicas != 0 {
            patch(cluster, &deployment, &annotated(replicas)).await?;
        }
    }
    for stateful_set in list::<StatefulSet>(cluster, "statefulsets").await? {
        let replicas = stateful_set.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1);
        if replicas != 0 {
            patch(cluster, &stateful_set, &annotated(replicas)).await?;
        }
    }
    for cronjob in list::<CronJob>(cluster, "cronjobs").await? {
        if cronjob.spec.suspend != Some(true) {
            let change =
                json!({ "metadata": { "annotations": { STOPPED: "false" } }, "spec": { "suspend": true } });
            patch(cluster, &cronjob, &change).await?;
        }
    }
    wait(cluster, "the pods to end", async || {
        Ok(list::<Pod>(cluster, "pods").await?.iter().all(|pod| !belongs_to_a_workload(pod)))
    })
    .await
}

/// Restores what was stopped, and waits until the pods are ready. An annotation of an object that runs again is outdated.
///
/// # Errors
/// When an object can't be changed, or the pods do not become ready.
pub async fn start(cluster: &Cluster) -> Result<(), Failure> {
    for stateful_set in list::<StatefulSet>(cluster, "statefulsets").await? {
        let replicas = stateful_set.spec.as_ref().and_then(|spec| spec.replicas);
        restore_replicas(cluster, &stateful_set, replicas).await?;
    }
    for deployment in list::<Deployment>(cluster, "deployments").await? {
        let replicas = deployment.spec.as_ref().and_then(|spec| spec.replicas);
        restore_replicas(cluster, &deployment, replicas).await?;
    }
    for cronjob in list::<CronJob>(cluster, "cronjobs").await? {
        if let Some(suspend) = cronjob.annotations().get(STOPPED) {
            let change = json!({
                "metadata": { "annotations": { STOPPED: null } }, "spec": { "suspend": suspend == "true" },
            });
            patch(cluster, &cronjob, &change).await?;
        }
    }
    wait_until_ready(cluster).await
}

/// Replaces the pods one by one, and waits until the new ones are ready.
///
/// # Errors
/// When an object can't be changed, or the pods do not become ready.
pub async fn restart(cluster: &Cluster) -> Result<(), Failure> {
    let stopped = scaled_to_zero(cluster).await?;
    if !stopped.is_empty() {
        let message = format!(
            "{} in {} is stopped, so it has no pods to replace",
            stopped.join(", "),
            cluster.release.namespace
        );
        return Err(
            Failure::new(Outcome::Unavailable, message).with_next(cluster.hints.to("start it", "start"))
        );
    }
    let at = Timestamp::now().to_string();
    let annotations = json!({ "kubectl.kubernetes.io/restartedAt": at });
    let change = json!({ "spec": { "template": { "metadata": { "annotations": annotations } } } });
    for stateful_set in list::<StatefulSet>(cluster, "statefulsets").await? {
        patch(cluster, &stateful_set, &change).await?;
    }
    for deployment in list::<Deployment>(cluster, "deployments").await? {
        patch(cluster, &deployment, &change).await?;
    }
    wait_until_ready(cluster).await
}

/// The workloads without pods.
///
/// # Errors
/// When they can't be listed.
pub async fn scaled_to_zero(cluster: &Cluster) -> Result<Vec<String>, Failure> {
    let deployments = list::<Deployment>(cluster, "deployments").await?;
    let stateful_sets = list::<StatefulSet>(cluster, "statefulsets").await?;
    let deployments = deployments
        .iter()
        .map(|object| (object.name_any(), object.spec.as_ref().and_then(|spec| spec.replicas)));
    let stateful_sets = stateful_sets
        .iter()
        .map(|object| (object.name_any(), object.spec.as_ref().and_then(|spec| spec.replicas)));
    let workloads = deployments.chain(stateful_sets);
    Ok(workloads.filter_map(|(name, replicas)| (replicas == Some(0)).then_some(name)).collect())
}

async fn restore_replicas<K>(cluster: &Cluster, object: &K, replicas: Option<i32>) -> Result<(), Failure>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + Debug + DeserializeOwned,
{
    let Some(before) = object.annotations().get(STOPPED) else { return Ok(()) };
    let mut change = json!({ "metadata": { "annotations": { STOPPED: null } } });
    if replicas == Some(0) {
        change["spec"] = json!({ "replicas": before.parse().unwrap_or(1) });
    }
    patch(cluster, object, &change).await
}

async fn wait_until_ready(cluster: &Cluster) -> Result<(), Failure> {
    wait(cluster, "the pods to become ready", async || {
        let deployments = list::<Deployment>(cluster, "deployments").await?;
        let stateful_sets = list::<StatefulSet>(cluster, "statefulsets").await?;
        Ok(deployments.iter().all(is_rolled_out) && stateful_sets.iter().all(is_set_rolled_out))
    })
    .await
}

fn is_rolled_out(deployment: &Deployment) -> bool {
    let wanted = deployment.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1);
    deployment.status.as_ref().is_some_and(|status| {
        status.observed_generation >= deployment.metadata.generation
            && status.updated_replicas.unwrap_or(0) >= wanted
            && status.ready_replicas.unwrap_or(0) >= wanted
            && status.replicas.unwrap_or(0) == status.updated_replicas.unwrap_or(0)
    })
}

fn is_set_rolled_out(stateful_set: &StatefulSet) -> bool {
    let wanted = stateful_set.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1);
    stateful_set.status.as_ref().is_some_and(|status| {
        status.observed_generation >= stateful_set.metadata.generation
            && status.ready_replicas.unwrap_or(0) >= wanted
            && (wanted == 0 || status.update_revision == status.current_revision)
    })
}

/// Pods of Jobs continue.
fn belongs_to_a_workload(pod: &Pod) -> bool {
    pod.owner_references().iter().any(|owner| owner.kind == "ReplicaSet" || owner.kind == "StatefulSet")
}

async fn wait(
    cluster: &Cluster,
    what: &str,
    is_done: impl AsyncFn() -> Result<bool, Failure>,
) -> Result<(), Failure> {
    let deadline = Instant::now() + MAX_WAIT;
    let mut is_mentioned = false;
    while !is_done().await? {
        if Instant::now() > deadline {
            let message = format!("gave up waiting for {what} after {} minutes", MAX_WAIT.as_secs() / 60);
            return Err(Failure::new(Outcome::Failed, message)
                .with_next(cluster.hints.to("see the reason", "status")));
        }
        if !is_mentioned {
            is_mentioned = true;
            note(&format!("waiting for {what}"));
        }
        sleep(POLL).await;
    }
    Ok(())
}

async fn list<K>(cluster: &Cluster, kind: &str) -> Result<Vec<K>, Failure>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + Debug + DeserializeOwned,
{
    let found = cluster.api::<K>().list(&cluster.release.objects()).await;
    let found =
        found.map_err(|error| explain(&format!("list {kind} in {}", cluster.release.namespace), &error))?;
    Ok(found.items)
}

async fn patch<K>(cluster: &Cluster, object: &K, change: &Value) -> Result<(), Failure>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + Debug + DeserializeOwned,
{
    let name = object.name_any();
    let patched = cluster.api::<K>().patch(&name, &PatchParams::default(), &Patch::Merge(change)).await;
    let kind = K::kind(&()).to_lowercase();
    patched.map(drop).map_err(|error| explain(&format!("patch the {kind} {name}"), &error))
}

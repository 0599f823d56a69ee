//! Everything in the namespace of a release that can have a problem.

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::core::v1::{Event, PersistentVolumeClaim, Pod};
use kube::api::ListParams;
use kube::{Api, Resource};
use serde::de::DeserializeOwned;

use super::Cluster;
use super::errors::{explain, is_forbidden};
use crate::failure::Failure;

/// The objects of a namespace. Workloads are those of the release; Jobs and pods are all, because targets can be outside of it.
#[derive(Debug, Default)]
pub struct State {
    /// Deployments of the release.
    pub deployments: Vec<Deployment>,
    /// `StatefulSets` of the release.
    pub stateful_sets: Vec<StatefulSet>,
    /// CronJobs of the release.
    pub cronjobs: Vec<CronJob>,
    /// Claims of the release.
    pub claims: Vec<PersistentVolumeClaim>,
    /// All Jobs.
    pub jobs: Vec<Job>,
    /// All pods.
    pub pods: Vec<Pod>,
    /// All events.
    pub events: Vec<Event>,
    /// What may not be listed.
    pub hidden: Vec<&'static str>,
}

impl State {
    /// Lists the objects.
    ///
    /// # Errors
    /// When the API server does not answer. Kinds that may not be listed are named in `hidden`.
    pub async fn read(cluster: &Cluster) -> Result<Self, Failure> {
        let (own, all) = (cluster.release.objects(), ListParams::default());
        let (deployments, stateful_sets, cronjobs, claims, jobs, pods, events) = tokio::try_join!(
            list::<Deployment>(cluster, "deployments", &own),
            list::<StatefulSet>(cluster, "statefulsets", &own),
            list::<CronJob>(cluster, "cronjobs", &own),
            list::<PersistentVolumeClaim>(cluster, "persistentvolumeclaims", &own),
            list::<Job>(cluster, "jobs", &all),
            list::<Pod>(cluster, "pods", &all),
            list::<Event>(cluster, "events", &all),
        )?;
        let hidden = [
            ("deployments", deployments.is_none()),
            ("statefulsets", stateful_sets.is_none()),
            ("cronjobs", cronjobs.is_none()),
            ("persistentvolumeclaims", claims.is_none()),
            ("jobs", jobs.is_none()),
            ("pods", pods.is_none()),
            ("events", events.is_none()),
        ];
        Ok(Self {
            deployments: deployments.unwrap_or_default(),
            stateful_sets: stateful_sets.unwrap_or_default(),
            cronjobs: cronjobs.unwrap_or_default(),
            claims: claims.unwrap_or_default(),
            jobs: jobs.unwrap_or_default(),
            pods: pods.unwrap_or_default(),
            events: events.unwrap_or_default(),
            hidden: hidden.into_iter().filter_map(|(kind, is_hidden)| is_hidden.then_some(kind)).collect(),
        })
    }
}

/// None if the kind may not be listed.
async fn list<K>(cluster: &Cluster, kind: &str, parameters: &ListParams) -> Result<Option<Vec<K>>, Failure>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
        + Clone
        + std::fmt::Debug
        + DeserializeOwned,
{
    let api: Api<K> = cluster.api();
    match api.list(parameters).await {
        Ok(found) => Ok(Some(found.items)),
        Err(error) if is_forbidden(&error) => Ok(None),
        Err(error) => Err(explain(&format!("list {kind} in {}", cluster.release.namespace), &error)),
    }
}

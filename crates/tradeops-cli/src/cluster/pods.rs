//! The pods of a Service.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Pod, Service};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::api::ListParams;
use kube::{Api, ResourceExt};

use super::Cluster;
use super::errors::explain;
use super::release::ServicePort;
use crate::failure::Failure;
use crate::hints::Hints;
use crate::outcome::Outcome;

/// A pod, and the port of its container.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PodPort {
    /// The name of the pod.
    pub pod: String,
    /// The port.
    pub port: u16,
}

/// Why there is no pod.
pub struct NoPod {
    /// The reason.
    pub failure: Failure,
    /// Whether there will be none without an operator.
    pub is_final: bool,
}

/// Finds pods of a Service, which change.
#[derive(Clone)]
pub struct ServicePods {
    pods: Api<Pod>,
    deployments: Api<Deployment>,
    namespace: String,
    /// The name of the Service.
    pub service: String,
    selector: String,
    target: IntOrString,
    includes_unready: bool,
    hints: Hints,
}

impl ServicePods {
    /// Reads the Service.
    ///
    /// # Errors
    /// When it does not exist, or can't be read.
    pub async fn new(
        cluster: &Cluster,
        ServicePort { service, port, .. }: ServicePort,
    ) -> Result<Self, Failure> {
        let namespace = cluster.release.namespace.clone();
        let found = cluster.api::<Service>().get_opt(&service).await;
        let found =
            found.map_err(|error| explain(&format!("get the service {service} in {namespace}"), &error))?;
        let Some(spec) = found.and_then(|service| service.spec) else {
            let message = format!("the namespace {namespace} has no Service {service}");
            return Err(Failure::new(Outcome::Unavailable, message)
                .with_next(cluster.hints.to("install it", "deploy")));
        };
        let selector = spec.selector.unwrap_or_default();
        let selector: Vec<String> = selector.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let ports = spec.ports.unwrap_or_default();
        let target = ports.iter().find(|known| known.port == i32::from(port));
        let target =
            target.and_then(|port| port.target_port.clone()).unwrap_or(IntOrString::Int(port.into()));
        Ok(Self {
            pods: cluster.api(),
            deployments: cluster.api(),
            namespace,
            service,
            selector: selector.join(","),
            target,
            includes_unready: false,
            hints: cluster.hints.clone(),
        })
    }

    /// The objects of the pods.
    pub fn api(&self) -> &Api<Pod> {
        &self.pods
    }

    /// Also finds pods that run and are not ready.
    #[must_use]
    pub fn including_unready(self) -> Self {
        Self { includes_unready: true, ..self }
    }

    /// A pod that is ready.
    ///
    /// # Errors
    /// When there is none.
    pub async fn find(&self) -> Result<PodPort, NoPod> {
        let mut pods = self.list().await.map_err(|failure| NoPod { failure, is_final: false })?;
        pods.sort_by_key(|pod| !is_ready(pod));
        match pods.iter().find(|pod| is_ready(pod) || (self.includes_unready && is_running(pod))) {
            Some(pod) => Ok(self.port_of(pod)),
            None => Err(self.no_pod(&pods).await),
        }
    }

    /// Those that are not being deleted.
    async fn list(&self) -> Result<Vec<Pod>, Failure> {
        let pods = self.pods.list(&ListParams::default().labels(&self.selector)).await;
        let pods = pods.map_err(|error| explain(&format!("list pods in {}", self.namespace), &error))?;
        Ok(pods.items.into_iter().filter(|pod| pod.metadata.deletion_timestamp.is_none()).collect())
    }

    fn port_of(&self, pod: &Pod) -> PodPort {
        let named = |name: &str| {
            let containers = pod.spec.iter().flat_map(|spec| &spec.containers);
            let mut ports = containers.flat_map(|container| container.ports.iter().flatten());
            ports.find(|port| port.name.as_deref() == Some(name)).map(|port| port.container_port)
        };
        let port = match &self.target {
            IntOrString::Int(port) => Some(*port),
            IntOrString::String(name) => named(name),
        };
        let port = port.and_then(|port| u16::try_from(port).ok()).unwrap_or_default();
        PodPort { pod: pod.name_any(), port }
    }

    async fn no_pod(&self, pods: &[Pod]) -> NoPod {
        let Self { service, namespace, hints, .. } = self;
        let deployment = self.deployments.get_opt(service).await.ok().flatten();
        let replicas = deployment.and_then(|deployment| deployment.spec?.replicas);
        if replicas == Some(0) {
            let failure = Failure::new(Outcome::Unavailable, format!("{service} in {namespace} is stopped"));
            return NoPod { failure: failure.with_next(hints.to("start it", "start")), is_final: true };
        }
        let state = match pods {
            [] => "no pod",
            _ => "no pod that is ready",
        };
        let failure = Failure::new(Outcome::Unavailable, format!("{service} in {namespace} has {state}"));
        NoPod { failure: failure.with_next(hints.to("see the reason", "status")), is_final: false }
    }
}

/// Whether a pod is ready, and is not being deleted.
pub fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
    pod.metadata.deletion_timestamp.is_none()
        && conditions.into_iter().any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

fn is_running(pod: &Pod) -> bool {
    let statuses = pod.status.iter().flat_map(|status| status.container_statuses.iter().flatten());
    statuses.into_iter().any(|status| status.state.as_ref().is_some_and(|state| state.running.is_some()))
}

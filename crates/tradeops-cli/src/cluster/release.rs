//! Finds the release by the labels of its Deployments, which need no right to read Secrets.

use k8s_openapi::api::apps::v1::Deployment;
use kube::Api;
use kube::api::ListParams;

use super::errors::explain;
use super::{Cluster, Connection};
use crate::failure::Failure;
use crate::hints::Hints;
use crate::outcome::Outcome;

/// The label with the name of the release.
pub const INSTANCE: &str = "app.kubernetes.io/instance";
/// The label with the name of the chart.
const CHART: &str = "app.kubernetes.io/part-of";
/// Releases of the project's charts.
const SELECTOR: &str = "app.kubernetes.io/part-of in (tradeops, aegis-trader)";

/// The chart of a release.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Chart {
    /// trigger-api and its targets.
    Tradeops,
    /// NATS and the registry of services.
    AegisTrader,
}

/// An installed release.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Release {
    /// Its name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// Its chart.
    pub chart: Chart,
}

/// The HTTP API of a release.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ServicePort {
    /// The name of the Service and of its workload.
    pub service: String,
    /// The port of the Service.
    pub port: u16,
    /// Its path to try.
    pub path: &'static str,
}

impl Release {
    /// Finds the release in the selected namespace; if none is selected, also in the others.
    ///
    /// # Errors
    /// When there is none, or there are several.
    pub async fn find(connection: &Connection, name: &str, hints: &Hints) -> Result<Self, Failure> {
        let namespace = &connection.namespace;
        let found = list(Api::namespaced(connection.client.clone(), namespace)).await;
        let found = found.map_err(|error| explain(&format!("list deployments in {namespace}"), &error))?;
        if let Some(release) = found.iter().find(|release| release.name == name) {
            return Ok(release.clone());
        }
        // Without the right to list them, only the releases of the namespace are known.
        let all = list(Api::all(connection.client.clone())).await.unwrap_or(found);
        let named: Vec<&Self> = all.iter().filter(|release| release.name == name).collect();
        match named.as_slice() {
            [release] if !connection.is_named => Ok((*release).clone()),
            [_, _, ..] if !connection.is_named => {
                let namespaces: Vec<&str> = named.iter().map(|release| release.namespace.as_str()).collect();
                let message = format!("several namespaces have a release {name}: {}", namespaces.join(", "));
                Err(Failure::new(Outcome::Usage, message).with_next("select one with -n NAMESPACE"))
            }
            _ => Err(missing(name, namespace, &all, hints)),
        }
    }

    /// The Service of its HTTP API.
    pub fn api_service(&self) -> ServicePort {
        match self.chart {
            Chart::Tradeops => {
                ServicePort { service: "trigger-api".to_owned(), port: 8000, path: "/v1/targets" }
            }
            Chart::AegisTrader => {
                ServicePort { service: format!("{}-monitor-api", self.name), port: 8100, path: "/docs" }
            }
        }
    }

    /// Selects its objects.
    pub fn objects(&self) -> ListParams {
        ListParams::default().labels(&format!("{INSTANCE}={}", self.name))
    }
}

impl Cluster {
    /// The Deployment of the release's API.
    ///
    /// # Errors
    /// When the API server does not answer.
    pub async fn api_deployment(&self) -> Result<Option<Deployment>, Failure> {
        let name = self.release.api_service().service;
        let found = self.api::<Deployment>().get_opt(&name).await;
        found.map_err(|error| {
            explain(&format!("get the deployment {name} in {}", self.release.namespace), &error)
        })
    }
}

async fn list(deployments: Api<Deployment>) -> Result<Vec<Release>, kube::Error> {
    let deployments = deployments.list(&ListParams::default().labels(SELECTOR)).await?;
    let mut releases: Vec<Release> = deployments.items.iter().filter_map(of_deployment).collect();
    releases.sort_by(|one, other| (&one.namespace, &one.name).cmp(&(&other.namespace, &other.name)));
    releases.dedup();
    Ok(releases)
}

fn of_deployment(deployment: &Deployment) -> Option<Release> {
    let labels = deployment.metadata.labels.as_ref()?;
    let chart = match labels.get(CHART)?.as_str() {
        "tradeops" => Chart::Tradeops,
        _ => Chart::AegisTrader,
    };
    let namespace = deployment.metadata.namespace.clone()?;
    Some(Release { name: labels.get(INSTANCE)?.clone(), namespace, chart })
}

fn missing(name: &str, namespace: &str, all: &[Release], hints: &Hints) -> Failure {
    let failure =
        Failure::new(Outcome::Unavailable, format!("the namespace {namespace} has no release {name}"));
    if all.is_empty() {
        return failure.with_next(hints.to("deploy it", "deploy"));
    }
    let names: Vec<String> =
        all.iter().map(|release| format!("{} in {}", release.name, release.namespace)).collect();
    failure.with_next(format!("the releases that exist: {}", names.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_release_is_an_error_that_names_those_that_exist() {
        let release = |name: &str, namespace: &str| Release {
            name: name.to_owned(),
            namespace: namespace.to_owned(),
            chart: Chart::Tradeops,
        };
        let all = [release("tradeops", "trading"), release("aegis-trader", "aegis-trader")];
        let text = missing("tradops", "trading", &all, &Hints::new("tradeops")).to_string();
        assert_eq!(
            text,
            "the namespace trading has no release tradops\n  the releases that exist: tradeops in trading, aegis-trader in aegis-trader"
        );
        let text = missing("tradeops", "trading", &[], &Hints::new("just")).to_string();
        assert!(text.ends_with("to deploy it: just deploy"), "{text}");
    }
}

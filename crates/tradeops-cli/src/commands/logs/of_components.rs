//! The log of the release's own pods.

use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use kube::api::{ListParams, LogParams};

use crate::cluster::Cluster;
use crate::cluster::errors::explain;
use crate::cluster::release::{Chart, INSTANCE};
use crate::failure::Failure;
use crate::outcome::Outcome;
use crate::output;

/// The label with the name of a component.
const NAME: &str = "app.kubernetes.io/name";
/// The number of lines without `--tail`.
const DEFAULT_LINES: u32 = 200;

/// Prints the end of the log of each pod of a component.
pub(super) async fn print_log(
    cluster: &Cluster,
    component: Option<&str>,
    tail: Option<u32>,
) -> Result<Outcome, Failure> {
    let component = component.unwrap_or(match cluster.release.chart {
        Chart::Tradeops => "trigger-api",
        Chart::AegisTrader => "monitor-api",
    });
    let release = &cluster.release;
    let pods = cluster.api::<Pod>();
    let selector = ListParams::default().labels(&format!("{INSTANCE}={}", release.name));
    let found = pods.list(&selector).await;
    let found = found.map_err(|error| explain(&format!("list pods in {}", release.namespace), &error))?.items;
    let own: Vec<&Pod> = found.iter().filter(|pod| name_of(pod) == component).collect();
    if own.is_empty() {
        return Err(no_pod(cluster, component, &found));
    }
    let lines = i64::from(tail.unwrap_or(DEFAULT_LINES));
    for pod in &own {
        let name = pod.name_any();
        let parameters = LogParams { tail_lines: Some(lines), ..LogParams::default() };
        let text = pods.logs(&name, &parameters).await;
        let text = text.map_err(|error| explain(&format!("get the log of the pod {name}"), &error))?;
        for line in text.lines() {
            let prefix = if own.len() > 1 { format!("[{name}] ") } else { String::new() };
            output::print(&format!("{prefix}{line}"))?;
        }
    }
    Ok(Outcome::Done)
}

fn name_of(pod: &Pod) -> String {
    pod.labels().get(NAME).cloned().unwrap_or_default()
}

fn no_pod(cluster: &Cluster, component: &str, pods: &[Pod]) -> Failure {
    let release = &cluster.release;
    let message = format!("the release {} in {} has no pod of {component}", release.name, release.namespace);
    let failure = Failure::new(Outcome::Unavailable, message);
    let mut names: Vec<String> = pods.iter().map(name_of).collect();
    names.sort();
    names.dedup();
    let failure = match names.as_slice() {
        [] => failure,
        names => failure.with_next(format!("it has pods of {}", names.join(", "))),
    };
    failure.with_next(cluster.hints.to("see the reason", "status"))
}

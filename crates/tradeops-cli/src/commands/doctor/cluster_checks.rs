//! The API server, the nodes, and the operator's rights.

use k8s_openapi::api::core::v1::Node;
use kube::Api;
use kube::api::ListParams;

use super::report::Report;
use crate::cluster::errors::explain;
use crate::cluster::rights::{USED, is_allowed};
use crate::cluster::{Cluster, Connection};
use crate::failure::Failure;

/// The oldest version of Kubernetes that the charts support: `kubeVersion` of their `Chart.yaml`.
const OLDEST_MINOR: u32 = 30;

/// Whether the API server answers.
pub(super) async fn server(report: &mut Report, connection: &Connection) -> bool {
    report.section("the cluster");
    let version = match connection.client.apiserver_version().await {
        Ok(version) => version,
        Err(error) => {
            report.failure("a cluster that answers", &explain("report its version", &error));
            return false;
        }
    };
    let digits: String = version.minor.chars().take_while(char::is_ascii_digit).collect();
    if digits.parse::<u32>().is_ok_and(|minor| minor >= OLDEST_MINOR) {
        report.ok(format!("Kubernetes {}", version.git_version));
    } else {
        let what = format!("Kubernetes 1.{OLDEST_MINOR} or later; this is {}", version.git_version);
        report.lacks(what, "upgrade the cluster");
    }
    let nodes: Api<Node> = Api::all(connection.client.clone());
    match nodes.list(&ListParams::default()).await {
        Ok(nodes) if nodes.items.iter().any(is_ready) => report.ok("a node is ready"),
        Ok(_) => report.lacks("a node that is ready", "kubectl describe nodes"),
        Err(_) => report.note("nodes are not checked, because you may not list them"),
    }
    true
}

fn is_ready(node: &Node) -> bool {
    let conditions = node.status.iter().flat_map(|status| status.conditions.iter().flatten());
    conditions.into_iter().any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

/// The rights that this program uses.
pub(super) async fn rights(report: &mut Report, cluster: &Cluster) -> Result<(), Failure> {
    let namespace = &cluster.release.namespace;
    report.section(format!("your rights in {namespace}"));
    for right in &USED {
        let shown = format!("{} {}", right.verb, right.resource);
        if is_allowed(&cluster.client, namespace, right).await? {
            report.ok(format!("you may {shown}"));
        } else {
            let fix = format!("ask the administrators of the cluster; it is used to {}", right.purpose);
            report.lacks(format!("the right to {shown}"), fix);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::OLDEST_MINOR;

    #[test]
    fn the_oldest_version_is_that_of_the_chart() {
        let chart = include_str!("../../../../../deploy/charts/tradeops/Chart.yaml");
        assert!(chart.contains(&format!("kubeVersion: \">=1.{OLDEST_MINOR}.0-0\"")), "{chart}");
    }
}

//! `port-forward`.

use futures_util::future::join_all;

use super::Context;
use crate::cluster::Cluster;
use crate::cluster::forward::Forward;
use crate::cluster::pods::ServicePods;
use crate::cluster::release::{Chart, ServicePort};
use crate::cluster::secrets::mounted_key;
use crate::failure::Failure;
use crate::outcome::Outcome;
use crate::output::{self, note};

/// The credentials of trigger-api: the volume of each, and its header.
const CREDENTIALS: [(&str, &str); 3] =
    [("admin-secret", "X-Admin-Secret"), ("token", "X-Internal-Token"), ("read-token", "X-Read-Token")];

/// Forwards ports until the program is interrupted.
///
/// # Errors
/// When there is no such release, it is stopped, or a port is in use.
pub async fn forward(context: &Context, port: Option<u16>) -> Result<Outcome, Failure> {
    let cluster = Cluster::connect(&context.config).await?;
    let mut forwards = Vec::new();
    for (index, service) in services(&cluster).into_iter().enumerate() {
        let local = match port {
            Some(0) => 0,
            Some(port) => port.saturating_add(u16::try_from(index).unwrap_or_default()),
            None => service.port,
        };
        let (name, path) = (service.service.clone(), service.path);
        let pods = match ServicePods::new(&cluster, service).await {
            Ok(pods) => pods,
            // The console of aegis-trader is optional.
            Err(_) if index > 0 => continue,
            Err(failure) => return Err(failure),
        };
        pods.find().await.map_err(|missing| missing.failure)?;
        let forward = Forward::start(pods, local).await?;
        output::print(&format!(
            "{name} of {} is at {}{path}",
            cluster.release.namespace,
            url(path, &forward)
        ))?;
        forwards.push((name, forward));
    }
    print_credentials(&cluster).await?;
    note("Ctrl-C ends it; connections are forwarded to new pods when pods are replaced");
    join_all(forwards.iter().map(|(name, forward)| report(name, forward))).await;
    Ok(Outcome::Done)
}

/// The Services of the release with their ports.
fn services(cluster: &Cluster) -> Vec<ServicePort> {
    let release = &cluster.release;
    let mut services = vec![release.api_service()];
    if release.chart == Chart::AegisTrader {
        let other =
            |name: &str, port, path| ServicePort { service: format!("{}-{name}", release.name), port, path };
        services.push(other("nats", 4222, ""));
        services.push(other("monitor-ui", 3100, "/"));
    }
    services
}

fn url(path: &str, forward: &Forward) -> String {
    let scheme = if path.is_empty() { "nats" } else { "http" };
    format!("{scheme}://localhost:{}", forward.address().port())
}

/// Prints where the credentials are, and never one of them.
async fn print_credentials(cluster: &Cluster) -> Result<(), Failure> {
    let Some(deployment) = cluster.api_deployment().await? else { return Ok(()) };
    for (volume, header) in CREDENTIALS {
        if let Some(key) = mounted_key(&deployment, volume) {
            let template = format!("{{{{ index .data \"{}\" | base64decode }}}}", key.key);
            note(&format!(
                "{header}: kubectl -n {} get secret {} -o go-template='{template}'",
                cluster.release.namespace, key.secret
            ));
        }
    }
    Ok(())
}

/// Prints each change of the pod that is reached.
async fn report(name: &str, forward: &Forward) {
    let mut states = forward.states();
    while states.changed().await.is_ok() {
        let text = match &*states.borrow_and_update() {
            Ok(pod) => format!("{name}: connected to {pod}"),
            Err(problem) => format!("{name}: no connection: {problem}"),
        };
        note(&text);
    }
}

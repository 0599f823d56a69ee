//! `stop`, `start` and `restart`.

use super::Context;
use crate::cluster::release::Chart;
use crate::cluster::{Cluster, scaling};
use crate::failure::Failure;
use crate::outcome::Outcome;
use crate::output;

/// Removes the pods of the release and suspends its schedules.
///
/// # Errors
/// When there is no such release, or an object can't be changed.
pub async fn stop(context: &Context) -> Result<Outcome, Failure> {
    let cluster = Cluster::connect(&context.config).await?;
    scaling::stop(&cluster).await?;
    let kept = match cluster.release.chart {
        Chart::Tradeops => "runs in progress continue to their end",
        Chart::AegisTrader => "the volumes of NATS and their data are kept",
    };
    let start = cluster.hints.to("start it again", "start");
    output::print(&format!("{} is stopped; {kept}\n  {start}", shown(&cluster)))?;
    Ok(Outcome::Done)
}

/// Restores what was stopped.
///
/// # Errors
/// When there is no such release, an object can't be changed, or the pods do not become ready.
pub async fn start(context: &Context) -> Result<Outcome, Failure> {
    let cluster = Cluster::connect(&context.config).await?;
    scaling::start(&cluster).await?;
    let without_pods = scaling::scaled_to_zero(&cluster).await?;
    if !without_pods.is_empty() {
        let names = without_pods.join(", ");
        let message =
            format!("{names} in {} has no pods, and not because of stop", cluster.release.namespace);
        let next = format!("kubectl -n {} scale deployment {names} --replicas 1", cluster.release.namespace);
        return Err(Failure::new(Outcome::Failed, message).with_next(next));
    }
    output::print(&format!("{} is running, and its pods are ready", shown(&cluster)))?;
    Ok(Outcome::Done)
}

/// Replaces the pods.
///
/// # Errors
/// When there is no such release, an object can't be changed, or the pods do not become ready.
pub async fn restart(context: &Context) -> Result<Outcome, Failure> {
    let cluster = Cluster::connect(&context.config).await?;
    scaling::restart(&cluster).await?;
    output::print(&format!("the pods of {} were replaced, and are ready", shown(&cluster)))?;
    Ok(Outcome::Done)
}

fn shown(cluster: &Cluster) -> String {
    format!("{} in {}", cluster.release.name, cluster.release.namespace)
}

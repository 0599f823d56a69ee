//! `logs`.

mod of_components;
mod of_runs;

use super::Context;
use crate::api::Api;
use crate::cli::LogsArgs;
use crate::cluster::Cluster;
use crate::cluster::release::Chart;
use crate::failure::Failure;
use crate::outcome::Outcome;

/// Prints the log of a run, or of a component of the release.
///
/// # Errors
/// When there is no such run or component, or the log can't be read to its end.
pub async fn print_log(context: &Context, arguments: &LogsArgs) -> Result<Outcome, Failure> {
    if let (Some(run), Some(_)) = (&arguments.run, &context.config.url) {
        return of_run(&Api::connect(&context.config).await?, run, arguments).await;
    }
    let cluster = Cluster::connect(&context.config).await?;
    match (&arguments.run, cluster.release.chart) {
        (Some(run), Chart::Tradeops) => {
            of_run(&Api::of_release(&context.config, &cluster).await?, run, arguments).await
        }
        (name, _) => of_components::print_log(&cluster, name.as_deref(), arguments.tail).await,
    }
}

async fn of_run(api: &Api, run: &str, arguments: &LogsArgs) -> Result<Outcome, Failure> {
    let (run, _) = api.find_run(run).await?;
    if arguments.follow {
        of_runs::follow(api, &run, arguments).await
    } else {
        of_runs::print_log(api, &run, arguments).await
    }
}

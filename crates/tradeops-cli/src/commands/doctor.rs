//! `doctor`.

mod cluster_checks;
mod connect;
mod machine;
mod report;
mod secret_checks;

use serde_json::json;

use self::report::Report;
use super::Context;
use super::inspection::Inspection;
use crate::cluster::release::Chart;
use crate::cluster::{Cluster, Connection};
use crate::failure::Failure;
use crate::outcome::Outcome;
use crate::output;

/// Checks everything that a release needs.
///
/// # Errors
/// When no cluster is configured.
pub async fn check(
    context: &Context,
    with_connections: bool,
    with_machine: bool,
) -> Result<Outcome, Failure> {
    let mut report = Report::default();
    if with_machine {
        machine::programs(&mut report);
    }
    let connection = Connection::open(&context.config).await?;
    if cluster_checks::server(&mut report, &connection).await {
        match Cluster::connect(&context.config).await {
            Err(failure) => report.failure("a release", &failure),
            Ok(cluster) => {
                cluster_checks::rights(&mut report, &cluster).await?;
                secret_checks::secrets(&mut report, &cluster).await?;
                release(&mut report, context).await?;
                if with_connections {
                    connect::check(&mut report, &cluster).await?;
                } else if cluster.release.chart == Chart::Tradeops {
                    let connect = context.config.hints.command("doctor --connect");
                    report.note(format!("{connect} checks the database and the receiver from the cluster"));
                }
            }
        }
    }
    let document = json!({ "checks": report.documents() });
    let text = report.text(&context.config.hints);
    context.format.print(&document, || report.missing(), || text)?;
    Ok(report.outcome())
}

/// What `status` finds.
async fn release(report: &mut Report, context: &Context) -> Result<(), Failure> {
    report.section("the release");
    let inspection = Inspection::read(context).await?;
    if let Ok(readiness) = &inspection.readiness {
        report.note(format!("its API answers: {}", readiness.status));
    }
    for problem in &inspection.problems {
        let message =
            if problem.message.is_empty() { String::new() } else { format!(": {}", problem.message) };
        report.lacks(format!("{} {}{message}", problem.object, problem.what), problem.next.clone());
    }
    if inspection.problems.is_empty() {
        report.ok("all pods are ready, and no last run has failed");
    }
    for kind in &inspection.state.hidden {
        report.note(format!("{kind} are not checked, because you may not list them"));
    }
    Ok(())
}

/// The result of a check is printed with the others; a check that takes long says so first.
fn announce(text: &str) {
    output::note(text);
}

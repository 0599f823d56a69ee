//! `status`.

use std::collections::BTreeSet;
use std::fmt::Write;

use kube::ResourceExt;
use serde_json::json;

use super::inspection::Inspection;
use super::{Context, targets};
use crate::api::documents::Readiness;
use crate::cluster::problems::Problem;
use crate::failure::Failure;
use crate::hints::Hints;
use crate::outcome::Outcome;
use crate::output::table::Table;
use crate::output::times;

/// Shows the release, and what is wrong with it.
///
/// # Errors
/// When there is no such release, or the cluster does not answer.
pub async fn show(context: &Context) -> Result<Outcome, Failure> {
    let inspection = Inspection::read(context).await?;
    let text = text(&inspection, &context.config.hints)?;
    let cluster = inspection.cluster.as_ref();
    let document = json!({
        "release": cluster.map(|cluster| &cluster.release.name),
        "namespace": cluster.map(|cluster| &cluster.release.namespace),
        "revision": inspection.revision.as_ref().map(|revision| revision.number),
        "ready": inspection.readiness.as_ref().map(|readiness| readiness.status.clone()).ok(),
        "targets": inspection.targets["targets"],
        "runs": inspection.runs["runs"],
        "problems": inspection.problem_documents(),
    });
    let names = || inspection.problems.iter().map(|problem| problem.object.clone()).collect();
    context.format.print(&document, names, || text)?;
    Ok(inspection.outcome())
}

fn text(inspection: &Inspection, hints: &Hints) -> Result<String, Failure> {
    let mut text = format!("{}\n{}\n", release(inspection), readiness(&inspection.readiness));
    let workloads = workloads(inspection);
    if !workloads.is_empty() {
        let _ = write!(text, "\n{workloads}");
    }
    let found = inspection.parsed_targets()?;
    if !found.is_empty() {
        let _ = write!(text, "\n{}", targets::table(&found));
    }
    let runs = inspection.parsed_runs()?;
    if !runs.is_empty() {
        let mut table = Table::new(&["RUN", "STATE", "CAUSE", "CREATED (UTC)", "DURATION"]);
        for run in &runs {
            let cause = run.cause.as_ref().map(|cause| cause.reason.as_str()).unwrap_or_default();
            let duration = run.duration().map(times::elapsed).unwrap_or_default();
            table.row([run.name(), &run.state, cause, &times::moment(run.created_at.into()), &duration]);
        }
        let _ = write!(text, "\n{table}");
    }
    match inspection.problems.as_slice() {
        [] => text.push_str("\nNo problems.\n"),
        problems => {
            let lines: String = problems.iter().map(Problem::lines).collect();
            let _ = write!(text, "\nProblems:\n{lines}");
        }
    }
    for kind in &inspection.state.hidden {
        let _ = write!(text, "\nnot checked, because you may not list them: {kind}");
    }
    let _ = write!(text, "\nNext:\n{}", next(inspection, hints)?);
    Ok(text)
}

fn release(inspection: &Inspection) -> String {
    let Some(cluster) = &inspection.cluster else { return "trigger-api of TRADEOPS_URL".to_owned() };
    let revision = inspection.revision.as_ref().map(|revision| {
        format!(", revision {}, {} {} UTC", revision.number, revision.status, times::moment(revision.at))
    });
    let state = &inspection.state;
    let templates =
        state.deployments.iter().filter_map(|object| object.spec.as_ref()?.template.spec.as_ref());
    let images = templates.flat_map(|pod| &pod.containers).filter_map(|container| container.image.as_deref());
    let tags: BTreeSet<&str> =
        images.filter_map(|image| image.rsplit_once(':').map(|(_, tag)| tag)).collect();
    let tags: Vec<&str> = tags.into_iter().collect();
    format!(
        "{} in {}{}, images of {}",
        cluster.release.name,
        cluster.release.namespace,
        revision.unwrap_or_default(),
        tags.join(", ")
    )
}

fn readiness(readiness: &Result<Readiness, Failure>) -> String {
    match readiness {
        Ok(readiness) => format!("its API answers: {}", readiness.status),
        Err(failure) => {
            let text = failure.to_string();
            format!("its API does not answer: {}", text.lines().next().unwrap_or_default())
        }
    }
}

/// The workloads with their pods, and the schedules.
fn workloads(inspection: &Inspection) -> String {
    let state = &inspection.state;
    if state.deployments.is_empty() && state.stateful_sets.is_empty() {
        return String::new();
    }
    let mut table = Table::new(&["WORKLOAD", "PODS READY"]);
    let mut add = |name: String, ready: Option<i32>, wanted: Option<i32>| {
        table.row([name, format!("{}/{}", ready.unwrap_or(0), wanted.unwrap_or(1))]);
    };
    for object in &state.deployments {
        let ready = object.status.as_ref().and_then(|status| status.ready_replicas);
        add(object.name_any(), ready, object.spec.as_ref().and_then(|spec| spec.replicas));
    }
    for object in &state.stateful_sets {
        let ready = object.status.as_ref().and_then(|status| status.ready_replicas);
        add(object.name_any(), ready, object.spec.as_ref().and_then(|spec| spec.replicas));
    }
    table.to_string()
}

/// What to type next, with what it does.
fn next(inspection: &Inspection, hints: &Hints) -> Result<String, Failure> {
    let mut commands = Vec::new();
    let found = inspection.parsed_targets()?;
    let startable = found.iter().find(|target| target.kind == "cronjob" && target.status.is_some());
    if let Some(target) = startable {
        commands.push((format!("trigger {} --wait", target.name), "start a run, and wait for its end"));
        commands.push(("runs --state failed --since 1d".to_owned(), "list what has failed since yesterday"));
    }
    if !inspection.problems.is_empty() {
        commands.push(("doctor".to_owned(), "check everything that the release needs"));
    }
    if inspection.cluster.is_some() {
        commands.push(("port-forward".to_owned(), "reach its API from this machine"));
    }
    if inspection.revision.as_ref().is_some_and(|revision| revision.has_previous) {
        commands.push(("rollback".to_owned(), "return to the previous revision"));
    }
    let mut table = Table::without_headings();
    for (command, purpose) in commands {
        table.row([hints.command(&command).as_str(), purpose]);
    }
    let lines: Vec<String> = table.to_string().lines().map(|line| format!("  {line}\n")).collect();
    Ok(lines.concat())
}

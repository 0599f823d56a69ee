//! What `status` and `doctor` find out: of the cluster, and of trigger-api.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::Context;
use crate::api::documents::{Readiness, Run, Target};
use crate::api::{Api, parsed};
use crate::cluster::Cluster;
use crate::cluster::helm::{Revision, newest_revision};
use crate::cluster::problems::{self, Problem};
use crate::cluster::release::Chart;
use crate::cluster::state::State;
use crate::failure::Failure;
use crate::hints::Hints;
use crate::outcome::Outcome;

/// The number of runs that are shown.
const RUNS: usize = 10;

/// Everything that is known about a release.
pub(super) struct Inspection {
    /// None if trigger-api is reached without the cluster.
    pub(super) cluster: Option<Cluster>,
    pub(super) state: State,
    pub(super) revision: Option<Revision>,
    pub(super) readiness: Result<Readiness, Failure>,
    /// The document of the targets.
    pub(super) targets: Value,
    /// The document of the newest runs.
    pub(super) runs: Value,
    pub(super) problems: Vec<Problem>,
}

impl Inspection {
    pub(super) async fn read(context: &Context) -> Result<Self, Failure> {
        let hints = &context.config.hints;
        let cluster = match Cluster::connect(&context.config).await {
            Ok(cluster) => Some(cluster),
            Err(_) if context.config.url.is_some() => None,
            Err(failure) => return Err(failure),
        };
        let (mut state, mut revision, mut problems) = (State::default(), None, Vec::new());
        if let Some(cluster) = &cluster {
            state = State::read(cluster).await?;
            revision = newest_revision(cluster).await;
            problems = problems::find(&state, &cluster.release, hints, Timestamp::now());
            problems.extend(revision.as_ref().and_then(|revision| of_revision(revision, hints)));
        }
        let readiness = readiness(context, cluster.as_ref()).await;
        let service = cluster.as_ref().map(|cluster| cluster.release.api_service().service);
        problems.extend(of_readiness(
            &readiness,
            &problems,
            service.as_deref().unwrap_or("trigger-api"),
            hints,
        ));
        let (mut targets, mut runs) = (json!({ "targets": [] }), json!({ "runs": [] }));
        let has_targets = cluster.as_ref().is_none_or(|cluster| cluster.release.chart == Chart::Tradeops);
        if has_targets && readiness.is_ok() {
            match lists(context, cluster.as_ref()).await {
                Ok(found) => (targets, runs) = found,
                Err(failure) => problems.push(unanswered(&failure, hints)),
            }
        }
        problems.extend(of_targets(&parsed_targets(&targets)?, &problems, hints));
        Ok(Self { cluster, state, revision, readiness, targets, runs, problems })
    }

    pub(super) fn parsed_targets(&self) -> Result<Vec<Target>, Failure> {
        parsed_targets(&self.targets)
    }

    pub(super) fn parsed_runs(&self) -> Result<Vec<Run>, Failure> {
        parsed(&self.runs["runs"])
    }

    /// Problems are an outcome of their own.
    pub(super) fn outcome(&self) -> Outcome {
        if self.problems.is_empty() { Outcome::Done } else { Outcome::Failed }
    }

    /// The problems as a document.
    pub(super) fn problem_documents(&self) -> Value {
        let documents = self.problems.iter().map(|problem| {
            let Problem { object, what, message, next } = problem;
            json!({ "object": object, "problem": what, "message": message, "next": next })
        });
        documents.collect()
    }
}

fn parsed_targets(document: &Value) -> Result<Vec<Target>, Failure> {
    parsed(&document["targets"])
}

async fn readiness(context: &Context, cluster: Option<&Cluster>) -> Result<Readiness, Failure> {
    let api = match cluster {
        // A pod that is not ready is asked too, because it knows the reason.
        Some(cluster) if context.config.url.is_none() => {
            Api::of_running_pod(&context.config, cluster).await?
        }
        _ => Api::connect(&context.config).await?,
    };
    parsed(&api.probe("/readyz?verbose").await?)
}

async fn lists(context: &Context, cluster: Option<&Cluster>) -> Result<(Value, Value), Failure> {
    let api = match cluster {
        Some(cluster) if context.config.url.is_none() => Api::of_release(&context.config, cluster).await?,
        _ => Api::connect(&context.config).await?,
    };
    Ok((api.get("/v1/targets").await?, api.get(&format!("/v1/runs?limit={RUNS}")).await?))
}

fn problem(object: &str, what: &str, message: &str, next: String) -> Problem {
    Problem { object: object.to_owned(), what: what.to_owned(), message: message.to_owned(), next }
}

fn of_revision(revision: &Revision, hints: &Hints) -> Option<Problem> {
    let Revision { number, status, .. } = revision;
    let rollback = hints.to("return to the previous revision", "rollback");
    match status.as_str() {
        "deployed" => None,
        "failed" => Some(problem(&format!("revision {number}"), "has failed to deploy", "", rollback)),
        status => {
            let what = format!("is {status}: a deploy is running, or was interrupted");
            Some(problem(&format!("revision {number}"), &what, "", rollback))
        }
    }
}

fn unanswered(failure: &Failure, hints: &Hints) -> Problem {
    let text = failure.to_string();
    let (message, next) = text.split_once('\n').unwrap_or((&text, ""));
    let next =
        if next.is_empty() { hints.to("see its log", "logs") } else { next.trim().replace('\n', "\n    ") };
    problem("its API", "does not answer", message, next)
}

fn of_readiness(
    readiness: &Result<Readiness, Failure>,
    known: &[Problem],
    service: &str,
    hints: &Hints,
) -> Vec<Problem> {
    let logs = || hints.to("see its log", "logs");
    match readiness {
        // A problem of its pods is the reason.
        Err(_) if known.iter().any(|problem| problem.object.contains(service)) => Vec::new(),
        Err(failure) => vec![unanswered(failure, hints)],
        Ok(readiness) => {
            let waiting =
                readiness.waiting_for.iter().map(|text| problem("trigger-api", "is not ready", text, logs()));
            let degraded =
                readiness.reason.iter().map(|text| problem("trigger-api", "is degraded", text, logs()));
            let notices = readiness.notices.iter().map(|text| {
                problem("trigger-api", "reports", text, "docs/OPERATIONS.md, \"trigger-api\"".to_owned())
            });
            waiting.chain(degraded).chain(notices).collect()
        }
    }
}

/// How a run has ended, in a sentence about its target.
fn ended_as(run: &Run) -> &str {
    if run.state == "failed" { "failed" } else { "not ended" }
}

fn of_targets(targets: &[Target], known: &[Problem], hints: &Hints) -> Vec<Problem> {
    let mut problems = Vec::new();
    for target in targets {
        let object = format!("target {}", target.name);
        for invalid in &target.invalid_parameters {
            let what = format!("has an invalid parameter {}", invalid.name);
            let next = "correct its annotation; docs/API.md, \"Parameters\"".to_owned();
            problems.push(problem(&object, &what, &invalid.problem, next));
        }
        let last = target.history.as_ref().and_then(|history| history.last_run.as_ref());
        if let Some(run) =
            last.filter(|run| matches!(run.outcome(), Some(Outcome::Failed | Outcome::Stopped)))
        {
            let next = format!(
                "{}\n      {}",
                hints.to("see why", &format!("logs {}", run.name())),
                hints.to("run it again", &format!("retry {} --wait", run.name()))
            );
            let what = format!("has {} in its last run, {}", ended_as(run), run.name());
            let message = run.cause.as_ref().map(|cause| cause.message.as_str()).unwrap_or_default();
            problems.push(problem(&object, &what, message, next));
        }
        for run in target.status.iter().flat_map(|status| &status.active) {
            // The problem of its pod has the same reason.
            let is_known = known.iter().any(|problem| problem.next.contains(run.name()));
            if run.cause.is_some() && run.state != "running" && !is_known {
                let next = hints.to("end the run", &format!("cancel {}", run.name()));
                problems.push(problem(&format!("run {}", run.name()), "waits", &run.summary(), next));
            }
        }
    }
    problems
}

//! `targets`.

use std::fmt::Write;

use serde_json::Value;

use super::Context;
use crate::api::documents::{Run, Target};
use crate::api::{Api, escaped, parsed};
use crate::failure::Failure;
use crate::hints::Hints;
use crate::outcome::Outcome;
use crate::output::table::Table;
use crate::output::times;

/// Lists the targets.
///
/// # Errors
/// When there is no answer.
pub async fn list(context: &Context) -> Result<Outcome, Failure> {
    let api = Api::connect(&context.config).await?;
    let document = api.get("/v1/targets").await?;
    let targets: Vec<Target> = parsed(&document["targets"])?;
    let names = || targets.iter().map(|target| target.name.clone()).collect();
    context.format.print(&document, names, || table(&targets))?;
    Ok(Outcome::Done)
}

/// Shows one target.
///
/// # Errors
/// When there is no such target.
pub async fn show(context: &Context, name: &str) -> Result<Outcome, Failure> {
    let api = Api::connect(&context.config).await?;
    let path = format!("/v1/targets/{}", escaped(name));
    let Some(document) = api.get_unless(&path, "unknown-target").await? else {
        let all = api.get("/v1/targets").await?;
        let all: Vec<Target> = parsed(&all["targets"])?;
        let names: Vec<&str> = all.iter().map(|target| target.name.as_str()).collect();
        let failure = Failure::new(Outcome::Rejected, format!("there is no target {name}"));
        return Err(failure.with_next(format!("the targets are: {}", names.join(", "))));
    };
    let target: Target = parsed(&document)?;
    context.format.print(&document, || vec![target.name.clone()], || described(&target, &api.hints))?;
    Ok(Outcome::Done)
}

/// A table of targets.
pub(super) fn table(targets: &[Target]) -> String {
    let mut table = Table::new(&[
        "TARGET",
        "STATE",
        "SCHEDULE",
        "NEXT RUN (UTC)",
        "LAST RUN (UTC)",
        "LAST SUCCESS (UTC)",
    ]);
    for target in targets {
        let history = target.history.as_ref();
        let last = history.and_then(|history| history.last_run.as_ref());
        let last = last.map(|run| format!("{} {}", times::moment(run.created_at.into()), run.state));
        let success = history.and_then(|history| history.last_success.as_ref());
        let success = times::moment(success.and_then(|run| run.finished_at));
        let next = target.status.as_ref().and_then(|status| status.next_run_at);
        let (state, schedule) = (state(target), schedule(target));
        table.row([
            &target.name,
            &state,
            &schedule,
            &times::moment(next),
            &last.unwrap_or_default(),
            &success,
        ]);
    }
    table.to_string()
}

/// The state of a target in a few words.
fn state(target: &Target) -> String {
    let Some(status) = &target.status else { return problem(target) };
    match status.active.as_slice() {
        [] if status.suspended => "suspended".to_owned(),
        [] => "idle".to_owned(),
        [run] => run.state.clone(),
        runs => format!("{} active", runs.len()),
    }
}

fn problem(target: &Target) -> String {
    let text = |field: &str| target.problem.as_ref().and_then(|problem| problem[field].as_str());
    text("title").unwrap_or("not known").to_owned()
}

fn schedule(target: &Target) -> String {
    let status = target.status.as_ref();
    let schedule = status.and_then(|status| status.schedule.clone()).unwrap_or_default();
    match status.and_then(|status| status.time_zone.as_ref()) {
        Some(zone) => format!("{schedule} {zone}"),
        None => schedule,
    }
}

fn described(target: &Target, hints: &Hints) -> String {
    let mut table = Table::without_headings();
    table.field("target", &target.name);
    table.field("kind", &target.kind);
    table.field("state", &state(target));
    if let Some(detail) = target.problem.as_ref().and_then(|problem| problem["detail"].as_str()) {
        table.field("problem", detail);
    }
    table.field("schedule", &schedule(target));
    if let Some(status) = &target.status {
        table.field("next run", &times::moment(status.next_run_at));
        table.field("no next run", status.no_next_run.as_ref().map_or("", |cause| cause.message.as_str()));
        for run in &status.active {
            table.field("active", &format!("{}: {}", run.name(), run.summary()));
        }
    }
    if let Some(history) = &target.history {
        table.field("last run", &history.last_run.as_ref().map(ended).unwrap_or_default());
        table.field("last success", &history.last_success.as_ref().map(ended).unwrap_or_default());
    }
    for invalid in &target.invalid_parameters {
        table.field("invalid parameter", &format!("{}: {}", invalid.name, invalid.problem));
    }
    let parameters = parameters(target.parameters.as_ref());
    let mut example = format!("trigger {}", target.name);
    if let Some((name, _)) = properties(target.parameters.as_ref()).next() {
        let _ = write!(example, " {name}=VALUE");
    }
    format!("{table}{parameters}\n  {}\n", hints.to("start it", &example))
}

fn ended(run: &Run) -> String {
    format!("{} {}: {}", times::moment(run.created_at.into()), run.name(), run.summary())
}

fn properties(schema: Option<&Value>) -> impl Iterator<Item = (&String, &Value)> {
    schema.and_then(|schema| schema["properties"].as_object()).into_iter().flatten()
}

fn parameters(schema: Option<&Value>) -> String {
    let mut table = Table::new(&["PARAMETER", "DEFAULT", "DESCRIPTION"]);
    let mut is_empty = true;
    for (name, property) in properties(schema) {
        is_empty = false;
        let default = match &property["default"] {
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let text = |field: &str| property[field].as_str().unwrap_or_default();
        let description = match (text("title"), text("description")) {
            (title, "") => title.to_owned(),
            ("", description) => description.to_owned(),
            (title, description) => format!("{title}: {description}"),
        };
        table.row([name, &default, &description]);
    }
    if is_empty { String::new() } else { format!("\n{table}") }
}

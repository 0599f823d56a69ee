//! `runs`.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::Context;
use crate::api::documents::{Run, RunPage, Target};
use crate::api::{Api, escaped, parsed};
use crate::cli::RunsArgs;
use crate::failure::Failure;
use crate::outcome::Outcome;
use crate::output::table::Table;
use crate::output::times;

/// The maximum size of a page.
const MAX_PAGE: usize = 500;

/// Lists runs.
///
/// # Errors
/// When a condition is wrong, or there is no answer.
pub async fn list(context: &Context, arguments: &RunsArgs) -> Result<Outcome, Failure> {
    let query = query(arguments, Timestamp::now())?;
    let api = Api::connect(&context.config).await?;
    let (documents, first) = read(&api, &query, arguments.limit).await?;
    if documents.is_empty() {
        check_targets(&api, &arguments.targets).await?;
    }
    let runs: Vec<Run> = documents.iter().map(parsed).collect::<Result<_, _>>()?;
    let names = || runs.iter().map(|run| run.run_id.clone()).collect();
    context.format.print(&json!({ "runs": documents }), names, || table(&runs, &first))?;
    Ok(Outcome::Done)
}

/// Reads pages until there are enough runs. Also returns the first page, which has the counts.
async fn read(api: &Api, query: &str, limit: u32) -> Result<(Vec<Value>, RunPage), Failure> {
    let limit = limit as usize;
    let mut document = api.get(&page_path(query, limit, None)).await?;
    let first: RunPage = parsed(&document)?;
    let (mut runs, mut next) = (taken(&mut document), first.next.clone());
    while let Some(cursor) = next.filter(|_| runs.len() < limit) {
        let mut document = api.get(&page_path(query, limit - runs.len(), Some(&cursor))).await?;
        runs.extend(taken(&mut document));
        next = parsed::<RunPage>(&document)?.next;
    }
    Ok((runs, first))
}

fn page_path(query: &str, limit: usize, cursor: Option<&str>) -> String {
    let cursor = cursor.map(|cursor| format!("&cursor={}", escaped(cursor))).unwrap_or_default();
    format!("/v1/runs?limit={}{query}{cursor}", limit.min(MAX_PAGE))
}

fn taken(page: &mut Value) -> Vec<Value> {
    match page["runs"].take() {
        Value::Array(runs) => runs,
        _ => Vec::new(),
    }
}

fn query(arguments: &RunsArgs, now: Timestamp) -> Result<String, Failure> {
    let time = |text: &Option<String>| {
        let time = text.as_ref().map(|text| times::parse(text, now)).transpose();
        time.map(|time| time.map(|time| time.to_string()))
            .map_err(|problem| Failure::new(Outcome::Usage, problem))
    };
    let conditions = [
        ("target", Some(arguments.targets.join(",")).filter(|names| !names.is_empty())),
        ("state", Some(arguments.state.join(",")).filter(|states| !states.is_empty())),
        ("trigger", arguments.trigger.clone()),
        ("requested_by", arguments.requested_by.clone()),
        ("since", time(&arguments.since)?),
        ("until", time(&arguments.until)?),
        ("q", arguments.search.clone()),
    ];
    let pairs = conditions.into_iter().filter_map(|(name, value)| Some((name, value?)));
    let pairs: Vec<String> = pairs.map(|(name, value)| format!("&{name}={}", escaped(&value))).collect();
    Ok(pairs.concat())
}

/// An empty list of a misspelt target would look as if it had never run.
async fn check_targets(api: &Api, names: &[String]) -> Result<(), Failure> {
    if names.is_empty() {
        return Ok(());
    }
    let document = api.get("/v1/targets").await?;
    let targets: Vec<Target> = parsed(&document["targets"])?;
    let known: Vec<&str> = targets.iter().map(|target| target.name.as_str()).collect();
    match names.iter().find(|name| !known.contains(&name.as_str())) {
        None => Ok(()),
        Some(name) => {
            let message = format!("there is no target {name}, and no run of it");
            let next = format!("the targets are: {}", known.join(", "));
            Err(Failure::new(Outcome::Rejected, message).with_next(next))
        }
    }
}

fn table(runs: &[Run], page: &RunPage) -> String {
    let mut table =
        Table::new(&["RUN", "TARGET", "STATE", "CAUSE", "STARTED BY", "CREATED (UTC)", "DURATION"]);
    for run in runs {
        let cause = run.cause.as_ref().map(|cause| cause.reason.as_str()).unwrap_or_default();
        let duration = run.duration().map(times::elapsed).unwrap_or_default();
        let created = times::moment(run.created_at.into());
        table.row([run.name(), &run.target, &run.state, cause, run.started_by(), &created, &duration]);
    }
    let rows = if runs.is_empty() { String::new() } else { format!("{table}\n") };
    format!("{rows}{}", counted(runs.len(), page))
}

/// The number of runs that the conditions select, by state.
fn counted(shown: usize, page: &RunPage) -> String {
    let counts = page.counts.iter().flatten().filter(|(_, count)| **count > 0);
    let parts: Vec<String> = counts.map(|(state, count)| format!("{count} {state}")).collect();
    let bound = if page.counts_exact == Some(false) { "at least " } else { "" };
    match (shown, parts.as_slice()) {
        (0, []) => "no runs".to_owned(),
        (0, _) => format!("no such runs; in other states: {bound}{}", parts.join(", ")),
        _ => format!("{shown} shown; stored: {bound}{}", parts.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, Command};

    fn query_of(arguments: &[&str]) -> Result<String, Failure> {
        let cli = Cli::try_parse_from([&["tradeops", "runs"], arguments].concat()).expect("valid arguments");
        let Command::Runs(arguments) = cli.command else { panic!("another command") };
        query(&arguments, "2026-11-28T15:00:00Z".parse().expect("a time"))
    }

    #[test]
    fn each_option_is_a_condition() {
        let query = query_of(&[
            "sync",
            "analysis",
            "--state",
            "failed,cancelled",
            "--trigger",
            "manual",
            "--requested-by",
            "a b",
            "--since",
            "2h",
            "-s",
            "50 %",
        ]);
        assert_eq!(
            query.expect("valid conditions"),
            "&target=sync%2Canalysis&state=failed%2Ccancelled&trigger=manual&requested_by=a%20b\
             &since=2026-11-28T13%3A00%3A00Z&q=50%20%25"
        );
        assert_eq!(query_of(&["--since", "soon"]).expect_err("no time").outcome, Outcome::Usage);
    }
}

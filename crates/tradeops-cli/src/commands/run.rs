//! `run`.

use super::Context;
use crate::api::Api;
use crate::api::documents::Run;
use crate::failure::Failure;
use crate::hints::Hints;
use crate::outcome::Outcome;
use crate::output::table::Table;
use crate::output::times;

/// Shows a run.
///
/// # Errors
/// When there is no such run.
pub async fn show(context: &Context, run: &str) -> Result<Outcome, Failure> {
    let api = Api::connect(&context.config).await?;
    let (run, document) = api.find_run(run).await?;
    context.format.print(&document, || vec![run.run_id.clone()], || described(&run, &api.hints))?;
    Ok(Outcome::Done)
}

fn described(run: &Run, hints: &Hints) -> String {
    let mut table = Table::without_headings();
    table.field("run", &run.run_id);
    if run.job_name != run.run_id {
        table.field("job", &run.job_name);
    }
    table.field("target", &run.target);
    table.field("state", &run.summary());
    let by = match &run.requested_via {
        Some(via) => format!("{} via {via}", run.started_by()),
        None => run.started_by().to_owned(),
    };
    table.field("started by", &by);
    table.field("reason", run.reason.as_deref().unwrap_or_default());
    let parameters: Vec<String> =
        run.parameters.iter().map(|(name, value)| format!("{name}={}", text(value))).collect();
    table.field("parameters", &parameters.join(" "));
    table.field("retry of", run.retry_of.as_deref().unwrap_or_default());
    table.field("created", &utc(run.created_at.into()));
    table.field("started", &utc(run.started_at));
    table.field("ended", &utc(run.finished_at));
    table.field("duration", &run.duration().map(times::elapsed).unwrap_or_default());
    let name = run.name();
    let next = match run.outcome() {
        None => [("follow its log", format!("logs -f {name}")), ("end it", format!("cancel {name}"))],
        Some(_) => [("see its log", format!("logs {name}")), ("start it again", format!("retry {name}"))],
    };
    let next = next.map(|(purpose, command)| format!("  {}\n", hints.to(purpose, &command)));
    format!("{table}\n{}", next.concat())
}

fn utc(time: Option<jiff::Timestamp>) -> String {
    let text = times::moment(time);
    if text.is_empty() { text } else { format!("{text} UTC") }
}

/// A value without the quotes of JSON.
fn text(value: &serde_json::Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

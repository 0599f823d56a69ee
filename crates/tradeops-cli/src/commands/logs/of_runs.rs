//! The log of a run.

use reqwest::Response;
use serde::Deserialize;
use serde_json::Value;

use super::super::following::{RunChanges, report_end};
use crate::api::documents::Run;
use crate::api::{Api, escaped};
use crate::cli::LogsArgs;
use crate::failure::Failure;
use crate::outcome::Outcome;
use crate::output::{self, note};

/// How often a log is read again from where it was interrupted.
const MAX_INTERRUPTIONS: u32 = 5;

/// Prints what the log has now.
pub(super) async fn print_log(api: &Api, run: &Run, arguments: &LogsArgs) -> Result<Outcome, Failure> {
    let selected = arguments.container.iter().map(|name| format!("&container={}", escaped(name)));
    let selected: String = selected.collect();
    let mut position = arguments.tail.map(|lines| format!("tail={lines}")).unwrap_or_default();
    for _ in 0..MAX_INTERRUPTIONS {
        let path = format!("/v1/runs/{}/logs?{position}{selected}", escaped(&run.run_id));
        let response = match api.open(&path).await? {
            Ok(response) => response,
            Err(refusal) if refusal.kind() == "no-log" => {
                let detail = common::text::single_line(refusal.detail(), 500);
                note(&format!("no log: {detail}"));
                note(&format!("-- {}: {}", run.name(), run.summary()));
                return Ok(Outcome::Done);
            }
            Err(refusal) => return Err(refusal.into_failure(&api.hints)),
        };
        if header(&response, "x-log-cut") == Some("true") && !position.starts_with("offset") {
            note("the beginning of the log is no longer available");
        }
        let start: Option<u64> = header(&response, "x-log-offset").and_then(|offset| offset.parse().ok());
        match (copy(response).await?, start) {
            (Ok(()), _) => return Ok(Outcome::Done),
            // It continues after the last byte.
            (Err(copied), Some(start)) => position = format!("offset={}", start + copied),
            (Err(_), None) => break,
        }
    }
    let failure = Failure::new(Outcome::Unknown, format!("the log of {} was interrupted", run.name()));
    Err(failure.with_next(api.hints.to("read it again", &format!("logs {}", run.name()))))
}

/// Writes the body. The inner error is the number of bytes that were written before it was interrupted.
async fn copy(mut response: Response) -> Result<Result<(), u64>, Failure> {
    let mut copied = 0;
    loop {
        match response.chunk().await {
            Ok(Some(bytes)) => {
                output::write(&bytes)?;
                copied += bytes.len() as u64;
            }
            Ok(None) => return Ok(Ok(())),
            Err(_) => return Ok(Err(copied)),
        }
    }
}

fn header<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    response.headers().get(name)?.to_str().ok()
}

/// Whole lines of a container.
#[derive(Deserialize)]
struct Lines {
    pod: Option<String>,
    container: Option<String>,
    attempt: Option<u32>,
    text: String,
}

/// Prints the log until the run has ended.
pub(super) async fn follow(api: &Api, run: &Run, arguments: &LogsArgs) -> Result<Outcome, Failure> {
    let container = arguments.container.iter().map(|name| format!("&container={}", escaped(name)));
    let tail = arguments.tail.iter().map(|lines| format!("&tail={lines}"));
    let query: String = container.chain(tail).collect();
    let mut events =
        api.events(format!("/v1/runs/{}/logs?{}", escaped(&run.run_id), query.trim_start_matches('&')));
    let mut changes = RunChanges::new(api, run);
    let (mut source, mut last) = (None, None::<Value>);
    loop {
        let has_ended =
            last.as_ref().is_some_and(|run| Outcome::of_state(run["state"].as_str().unwrap_or("")).is_some());
        let event = tokio::select! {
            event = events.next() => event?,
            change = changes.next(), if !has_ended => {
                last = Some(change?);
                continue;
            }
        };
        match event.name.as_str() {
            "log" => print_lines(serde_json::from_str(&event.data).ok(), &mut source)?,
            "dropped" => {
                let dropped: Value = serde_json::from_str(&event.data).unwrap_or_default();
                note(&format!("[{} bytes of the log are no longer available]", dropped["bytes"]));
            }
            "done" => break,
            _ => {}
        }
    }
    let (run, _) = api.find_run(&run.run_id).await?;
    Ok(report_end(api, &run))
}

/// Prints lines, and where they come from when that changes.
fn print_lines(lines: Option<Lines>, source: &mut Option<String>) -> Result<(), Failure> {
    let Some(Lines { pod, container, attempt, text }) = lines else { return Ok(()) };
    let name = [pod, container].into_iter().flatten().collect::<Vec<_>>().join("/");
    let attempt = attempt.filter(|attempt| *attempt > 1).map(|attempt| format!(", attempt {attempt}"));
    let name = format!("{name}{}", attempt.unwrap_or_default());
    if source.as_ref() != Some(&name) {
        if source.is_some() {
            note(&format!("==> {name} <=="));
        }
        *source = Some(name);
    }
    output::write(text.as_bytes())
}

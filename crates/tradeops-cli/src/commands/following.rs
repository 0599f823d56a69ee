//! Waits for the end of a run.

use std::time::Duration;

use serde_json::Value;
use tokio::time::{Instant, sleep, timeout};

use crate::api::documents::Run;
use crate::api::{Api, EventStream, ServerEvent, parsed};
use crate::failure::Failure;
use crate::outcome::Outcome;
use crate::output::{note, times};

/// The time after which a run that did not change is mentioned again.
const REMINDER: Duration = Duration::from_secs(30);

/// The changes of a run.
pub(super) struct RunChanges<'a> {
    events: EventStream<'a>,
    began: Instant,
    shown: String,
}

impl<'a> RunChanges<'a> {
    pub(super) fn new(api: &'a Api, run: &Run) -> Self {
        let events = api.events(format!("/v1/runs/{}/events", run.run_id));
        Self { events, began: Instant::now(), shown: String::new() }
    }

    /// The run after its next change. It can be cancelled, and called again.
    pub(super) async fn next(&mut self) -> Result<Value, Failure> {
        loop {
            let ServerEvent { name, data, .. } = self.events.next().await?;
            match name.as_str() {
                "state" => {
                    let document: Value = serde_json::from_str(&data).unwrap_or_default();
                    self.show(&parsed(&document)?);
                    return Ok(document);
                }
                "pruned" => {
                    let message = "the run was deleted from the history, so its end is not known";
                    return Err(Failure::new(Outcome::Unknown, message));
                }
                _ => {}
            }
        }
    }

    /// Prints what has changed.
    fn show(&mut self, run: &Run) {
        let summary = run.summary();
        if run.outcome().is_none() && summary != self.shown {
            note(&format!("{:>6}  {summary}", times::elapsed(self.began.elapsed())));
            self.shown = summary;
        }
    }

    /// Prints that nothing has changed for some time. It does not end.
    async fn remind(began: Instant) {
        loop {
            sleep(REMINDER).await;
            note(&format!("{:>6}  no change", times::elapsed(began.elapsed())));
        }
    }
}

/// Waits until the run has ended, or can't be observed any more. Returns its last document.
pub(super) async fn until_end(api: &Api, document: Value, limit: Option<Duration>) -> Result<Value, Failure> {
    let run: Run = parsed(&document)?;
    if is_settled(&run) {
        return Ok(document);
    }
    let ended = wait(api, &run);
    match limit {
        None => ended.await,
        Some(limit) => timeout(limit, ended).await.unwrap_or_else(|_| {
            let message = format!(
                "the run {} has not ended within {}; it continues",
                run.name(),
                times::elapsed(limit)
            );
            let follow = api.hints.to("follow it", &format!("logs -f {}", run.name()));
            let cancel = api.hints.to("cancel it", &format!("cancel {}", run.name()));
            Err(Failure::new(Outcome::Unknown, message).with_next(follow).with_next(cancel))
        }),
    }
}

async fn wait(api: &Api, run: &Run) -> Result<Value, Failure> {
    let mut changes = RunChanges::new(api, run);
    let began = changes.began;
    loop {
        let document = tokio::select! {
            document = changes.next() => document?,
            () = RunChanges::remind(began) => continue,
        };
        if is_settled(&parsed(&document)?) {
            return Ok(document);
        }
    }
}

/// Whether waiting longer would not tell more.
fn is_settled(run: &Run) -> bool {
    run.outcome().is_some() || run.state == "unknown"
}

/// Prints how the run has ended; returns the outcome.
pub(super) fn report_end(api: &Api, run: &Run) -> Outcome {
    let after = run.duration().filter(|_| run.outcome().is_some());
    let after = after.map(|duration| format!(" after {}", times::elapsed(duration))).unwrap_or_default();
    note(&format!("-- {}{after}: {}", run.name(), run.summary()));
    let outcome = run.outcome().unwrap_or(Outcome::Unknown);
    if matches!(outcome, Outcome::Failed | Outcome::Stopped) {
        note(&format!("   {}", api.hints.to("start it again", &format!("retry {}", run.name()))));
    }
    outcome
}

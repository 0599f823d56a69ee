//! Runs and events as rows.

use std::sync::Arc;

use jiff::Timestamp;
use sqlx::error::BoxDynError;

use super::row::Row;
use super::statement::{Value, storable};
use trigger_core::event::Event;
use trigger_core::run::{Cause, Progress, Run, RunId, TaskRun, Trigger};

/// The columns of a run: those of [`values`] in their order, and then those that only a task's has.
pub(super) const COLUMNS: &str = "id, target, namespace, job_name, triggered_by, state, cause_reason, cause_message, \
    cause_exit_code, requested_by, reason, request_id, fingerprint, created_at, started_at, finished_at, \
    attempt, progress_percent, progress_note";

/// The run as it can be stored: times in whole microseconds, texts without NUL.
pub(super) fn storable_run(run: &Run) -> Run {
    let text = |text: &str| storable(text).into_owned();
    let time = |time: Timestamp| Timestamp::from_microsecond(time.as_microsecond()).unwrap_or(time);
    Run {
        id: RunId::new(text(run.id.as_str())),
        target: run.target.clone(),
        namespace: text(&run.namespace),
        job_name: text(&run.job_name),
        trigger: run.trigger,
        state: run.state,
        cause: run.cause.as_ref().map(|cause| Cause {
            reason: text(&cause.reason),
            message: text(&cause.message),
            exit_code: cause.exit_code,
        }),
        requested_by: run.requested_by.as_deref().map(text),
        reason: run.reason.as_deref().map(text),
        request_id: run.request_id.as_deref().map(text),
        fingerprint: run.fingerprint.as_deref().map(text),
        created_at: time(run.created_at),
        started_at: run.started_at.map(time),
        finished_at: run.finished_at.map(time),
        task: run.task.clone(),
    }
}

/// The values of a run's columns, but for those that only a task's has.
pub(super) fn values(run: &Run) -> Vec<Value> {
    let text = |text: Option<&str>| text.map_or(Value::Text(None), Value::text);
    let time = |time: Option<Timestamp>| time.map_or(Value::Text(None), Value::time);
    let cause = run.cause.as_ref();
    vec![
        Value::text(run.id.as_str()),
        Value::text(run.target.as_str()),
        Value::text(&run.namespace),
        Value::text(&run.job_name),
        Value::text(run.trigger.as_str()),
        Value::text(run.state.as_str()),
        text(cause.map(|cause| cause.reason.as_str())),
        text(cause.map(|cause| cause.message.as_str())),
        Value::Integer(cause.and_then(|cause| cause.exit_code)),
        text(run.requested_by.as_deref()),
        text(run.reason.as_deref()),
        text(run.request_id.as_deref()),
        text(run.fingerprint.as_deref()),
        Value::time(run.created_at),
        time(run.started_at),
        time(run.finished_at),
    ]
}

/// Reads a run from a row with its columns.
pub(super) fn run(row: &Row) -> Result<Run, sqlx::Error> {
    let text = |column| row.try_get::<String>(column);
    let maybe = |column| row.try_get::<Option<String>>(column);
    let time = |column| {
        let parse = |text: String| text.parse::<Timestamp>().map_err(|error| decode(column, error));
        maybe(column)?.map(parse).transpose()
    };
    let cause = |reason: String| {
        Ok::<_, sqlx::Error>(Cause {
            reason,
            message: maybe("cause_message")?.unwrap_or_default(),
            exit_code: row.try_get("cause_exit_code")?,
        })
    };
    Ok(Run {
        id: RunId::new(text("id")?),
        target: text("target")?.parse().map_err(|error: String| decode("target", error))?,
        namespace: text("namespace")?,
        job_name: text("job_name")?,
        trigger: trigger(&text("triggered_by")?)?,
        state: text("state")?.parse().map_err(|error: String| decode("state", error))?,
        cause: maybe("cause_reason")?.map(cause).transpose()?,
        requested_by: maybe("requested_by")?,
        reason: maybe("reason")?,
        request_id: maybe("request_id")?,
        fingerprint: maybe("fingerprint")?,
        created_at: time("created_at")?.ok_or_else(|| decode("created_at", "it is missing"))?,
        started_at: time("started_at")?,
        finished_at: time("finished_at")?,
        task: task(row)?,
    })
}

/// What only a run of a task has.
fn task(row: &Row) -> Result<Option<TaskRun>, sqlx::Error> {
    let Some(attempt) = row.try_get::<Option<i32>>("attempt")? else { return Ok(None) };
    let percent = row.try_get::<Option<i32>>("progress_percent")?.unwrap_or_default();
    let note: Option<String> = row.try_get("progress_note")?;
    let progress = Progress {
        percent: u8::try_from(percent).map_err(|error| decode("progress_percent", error))?,
        note: note.unwrap_or_default(),
    };
    let attempt = u32::try_from(attempt).map_err(|error| decode("attempt", error))?;
    Ok(Some(TaskRun { attempt, progress }))
}

/// Reads an event from a row with its number and the run's columns.
pub(super) fn event(row: &Row) -> Result<Event, sqlx::Error> {
    let run = run(row)?;
    Ok(Event {
        sequence: row.try_get("sequence")?,
        run_id: run.id.clone(),
        target: run.target.clone(),
        state: run.state,
        run: Arc::new(run),
    })
}

fn trigger(word: &str) -> Result<Trigger, sqlx::Error> {
    let found = [Trigger::Scheduled, Trigger::Manual].into_iter().find(|trigger| trigger.as_str() == word);
    found.ok_or_else(|| decode("triggered_by", format!("nothing is triggered by {word:?}")))
}

pub(super) fn decode(column: &str, error: impl Into<BoxDynError>) -> sqlx::Error {
    sqlx::Error::ColumnDecode { index: column.to_owned(), source: error.into() }
}

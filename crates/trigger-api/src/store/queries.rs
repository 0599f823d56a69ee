//! The statements that read and forget. Each list is told in the order of an index, so none is sorted.

use jiff::Timestamp;

use super::rows::COLUMNS;
use super::statement::{Statement, Value};
use crate::domain::log_book::LogTail;
use crate::domain::ports::RunFilter;
use crate::domain::run::{RunId, State};
use crate::domain::target::TargetName;

/// How many runs are forgotten in one transaction, so that others needn't wait long for the database.
pub(super) const PRUNE_BATCH: u16 = 500;

pub(super) fn run(id: &RunId) -> Statement {
    Statement::new(format!("SELECT {COLUMNS} FROM runs WHERE id = $1"), vec![Value::text(id.as_str())])
}

/// Only the conditions that are asked for stand in the SQL: `$1 IS NULL OR target = $1` would use no index.
pub(super) fn runs(filter: &RunFilter) -> Statement {
    let mut values = Vec::new();
    let mut conditions = Vec::new();
    let equal = [
        ("target", filter.target.as_ref().map(TargetName::as_str)),
        ("state", filter.state.map(State::word)),
        ("job_name", filter.job_name.as_deref()),
    ];
    for (column, value) in equal {
        if let Some(value) = value {
            values.push(Value::text(value));
            conditions.push(format!("{column} = ${}", values.len()));
        }
    }
    if let Some(cursor) = &filter.after {
        values.extend([Value::time(cursor.created_at), Value::text(cursor.id.as_str())]);
        conditions.push(format!("(created_at, id) < (${}, ${})", values.len() - 1, values.len()));
    }
    let condition =
        if conditions.is_empty() { String::new() } else { format!("WHERE {} ", conditions.join(" AND ")) };
    values.push(Value::Number(Some(filter.limit.into())));
    let sql = format!(
        "SELECT {COLUMNS} FROM runs {condition}ORDER BY created_at DESC, id DESC LIMIT ${}",
        values.len()
    );
    Statement::new(sql, values)
}

/// The condition stands as in the index `runs_unfinished`, or SQLite would not use it.
pub(super) fn unfinished(target: &TargetName) -> Statement {
    let sql = format!(
        "SELECT {COLUMNS} FROM runs WHERE target = $1 AND state IN ('pending', 'running') ORDER BY created_at, id"
    );
    Statement::new(sql, vec![Value::text(target.as_str())])
}

/// Stores nothing for a run that is not there, as another replica may have forgotten it; and a replica that came too late
/// to read anything does not empty a log that is there.
pub(super) fn save_log(id: &RunId, tail: &LogTail) -> Statement {
    let sql = "INSERT INTO run_logs (run_id, text, cut, saved_at) \
        SELECT $1, $2, $3, $4 FROM runs WHERE id = $1 \
        ON CONFLICT (run_id) DO UPDATE SET text = excluded.text, cut = excluded.cut, saved_at = excluded.saved_at \
        WHERE length(excluded.text) > 0";
    let values = vec![
        Value::text(id.as_str()),
        Value::Bytes(tail.text.to_vec()),
        Value::Integer(Some(tail.cut.into())),
        Value::time(Timestamp::now()),
    ];
    Statement::new(sql, values)
}

pub(super) fn log(id: &RunId) -> Statement {
    Statement::new("SELECT text, cut FROM run_logs WHERE run_id = $1", vec![Value::text(id.as_str())])
}

pub(super) fn events_after(sequence: i64, limit: u16) -> Statement {
    let columns = COLUMNS.strip_prefix("id, ").unwrap_or(COLUMNS);
    let sql = format!(
        "SELECT sequence, run_id AS id, {columns} FROM run_events WHERE sequence > $1 ORDER BY sequence LIMIT $2"
    );
    Statement::new(sql, vec![Value::Number(Some(sequence)), Value::Number(Some(limit.into()))])
}

/// When all events are forgotten the oldest is the one to come.
pub(super) fn event_range() -> Statement {
    let sql = "SELECT COALESCE((SELECT MIN(sequence) FROM run_events), last + 1) AS oldest, last AS newest \
        FROM run_event_counter WHERE last > 0";
    Statement::new(sql, Vec::new())
}

/// The oldest runs of those that are too many for their target; their logs go along.
pub(super) fn prune_runs(keep: u32) -> Statement {
    let sql = "DELETE FROM runs WHERE id IN (SELECT id FROM (\
        SELECT id, ROW_NUMBER() OVER (PARTITION BY target ORDER BY created_at DESC, id DESC) AS place \
        FROM runs WHERE state NOT IN ('pending', 'running')\
        ) AS ended WHERE place > $1 ORDER BY place DESC, id LIMIT $2)";
    Statement::new(sql, vec![Value::Number(Some(keep.into())), Value::Number(Some(PRUNE_BATCH.into()))])
}

pub(super) fn prune_events(keep: u32) -> Statement {
    let sql = "DELETE FROM run_events WHERE sequence <= (SELECT last FROM run_event_counter) - $1";
    Statement::new(sql, vec![Value::Number(Some(keep.into()))])
}

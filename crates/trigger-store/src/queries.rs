//! The statements that read and delete. Each list has the order of an index, so the database does not sort.

use trigger_core::run::{RunId, State};
use trigger_core::run_store::RunFilter;
use trigger_core::target_name::TargetName;

use super::run_row::{COLUMNS, RUN_COLUMNS, TASK_COLUMNS};
use super::statement::{SqlValue, Statement};

/// How many runs are deleted in one transaction. The limit keeps other statements from waiting long.
pub(super) const PRUNE_BATCH: u16 = 100;
/// How many runs are deleted at a time if the store is too large. Each can have a large log.
const OLDEST_RUNS: u16 = 8;
/// How many events are deleted with them.
const OLDEST_EVENTS: u16 = 4 * OLDEST_RUNS;

pub(super) fn run(id: &RunId) -> Statement {
    Statement::new(format!("SELECT {COLUMNS} FROM runs WHERE id = $1"), vec![SqlValue::text(id.as_str())])
}

/// The SQL contains only the conditions of the filter: `$1 IS NULL OR target = $1` would not use an index.
pub(super) fn runs(filter: &RunFilter) -> Statement {
    let mut values = Vec::new();
    let mut conditions = Vec::new();
    let equal = [
        ("target", filter.target.as_ref().map(TargetName::as_str)),
        ("state", filter.state.map(State::as_str)),
        ("job_name", filter.job_name.as_deref()),
    ];
    for (column, value) in equal {
        if let Some(value) = value {
            values.push(SqlValue::text(value));
            conditions.push(format!("{column} = ${}", values.len()));
        }
    }
    if let Some(cursor) = &filter.after {
        values.extend([SqlValue::time(cursor.created_at), SqlValue::text(cursor.id.as_str())]);
        conditions.push(format!("(created_at, id) < (${}, ${})", values.len() - 1, values.len()));
    }
    let condition =
        if conditions.is_empty() { String::new() } else { format!("WHERE {} ", conditions.join(" AND ")) };
    values.push(SqlValue::number(filter.limit));
    let sql = format!(
        "SELECT {COLUMNS} FROM runs {condition}ORDER BY created_at DESC, id DESC LIMIT ${}",
        values.len()
    );
    Statement::new(sql, values)
}

/// SQLite uses the index `runs_unfinished` only if its condition is repeated literally.
pub(super) fn unfinished(target: &TargetName) -> Statement {
    let sql = format!(
        "SELECT {COLUMNS} FROM runs WHERE target = $1 AND state IN ('pending', 'running') ORDER BY created_at, id"
    );
    Statement::new(sql, vec![SqlValue::text(target.as_str())])
}

pub(super) fn events_after(sequence: i64, limit: u16) -> Statement {
    let columns = [&RUN_COLUMNS[1..], TASK_COLUMNS].concat().join(", ");
    let sql = format!(
        "SELECT sequence, run_id AS id, {columns} FROM run_events WHERE sequence > $1 ORDER BY sequence LIMIT $2"
    );
    Statement::new(sql, vec![SqlValue::number(sequence), SqlValue::number(limit)])
}

/// If all events are deleted, the oldest number is the next one.
pub(super) fn event_range() -> Statement {
    let sql = "SELECT COALESCE((SELECT MIN(sequence) FROM run_events), last + 1) AS oldest, last AS newest \
        FROM run_event_counter WHERE last > 0";
    Statement::new(sql, Vec::new())
}

/// Returns a row if a target has more than `keep` runs. It reads only an index, so that it is cheaper than [`prune_runs`].
pub(super) fn exceeds_runs(keep: u32) -> Statement {
    let sql = "SELECT COUNT(*) AS runs FROM runs GROUP BY target HAVING COUNT(*) > $1 LIMIT 1";
    Statement::new(sql, vec![SqlValue::number(keep)])
}

/// Deletes the oldest ended runs of targets that have more than `keep`. Their log tails are deleted with them.
pub(super) fn prune_runs(keep: u32) -> Statement {
    let sql = "DELETE FROM runs WHERE id IN (SELECT id FROM (\
        SELECT id, ROW_NUMBER() OVER (PARTITION BY target ORDER BY created_at DESC, id DESC) AS place \
        FROM runs WHERE state NOT IN ('pending', 'running')\
        ) AS ended WHERE place > $1 ORDER BY place DESC, id LIMIT $2)";
    Statement::new(sql, vec![SqlValue::number(keep), SqlValue::number(PRUNE_BATCH)])
}

pub(super) fn prune_events(keep: u32) -> Statement {
    let sql = "DELETE FROM run_events WHERE sequence <= (SELECT last FROM run_event_counter) - $1";
    Statement::new(sql, vec![SqlValue::number(keep)])
}

/// Deletes the oldest ended runs, of whatever target.
pub(super) fn prune_oldest_runs() -> Statement {
    let sql = "DELETE FROM runs WHERE id IN (SELECT id FROM runs WHERE state NOT IN ('pending', 'running') \
        ORDER BY created_at, id LIMIT $1)";
    Statement::new(sql, vec![SqlValue::number(OLDEST_RUNS)])
}

pub(super) fn prune_oldest_events() -> Statement {
    let sql = "DELETE FROM run_events WHERE sequence < (SELECT MIN(sequence) FROM run_events) + $1";
    Statement::new(sql, vec![SqlValue::number(OLDEST_EVENTS)])
}

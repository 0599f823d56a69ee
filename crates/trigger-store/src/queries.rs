//! The statements that read and delete. Each list has the order of an index, so the database does not sort.

use trigger_core::run::RunId;
use trigger_core::target_name::TargetName;

use super::run_row::{COLUMNS, RUN_COLUMNS, TASK_COLUMNS};
use super::statement::{SqlValue, Statement};

/// How many runs are deleted in one transaction. The limit keeps other statements from waiting long.
pub(super) const PRUNE_BATCH: u16 = 100;
/// How many runs of a target are read for its durations.
const MAX_MEASURED: u16 = 200;
/// How many runs are deleted at a time if the store is too large. Each can have a large log.
const OLDEST_RUNS: u16 = 8;
/// How many events are deleted with them.
const OLDEST_EVENTS: u16 = 4 * OLDEST_RUNS;

pub(super) fn run(id: &RunId) -> Statement {
    Statement::new(format!("SELECT {COLUMNS} FROM runs WHERE id = $1"), vec![SqlValue::text(id.as_str())])
}

/// The start and the end of the newest ended runs of a target. Only the newest `MAX_MEASURED` runs are read, because those that
/// never started have no duration.
pub(super) fn durations(target: &TargetName, limit: u16) -> Statement {
    let sql = format!(
        "SELECT started_at, finished_at FROM (\
        SELECT created_at, id, started_at, finished_at FROM runs WHERE target = $1 \
        ORDER BY created_at DESC, id DESC LIMIT {MAX_MEASURED}\
        ) AS newest WHERE started_at IS NOT NULL AND finished_at IS NOT NULL \
        ORDER BY created_at DESC, id DESC LIMIT $2"
    );
    Statement::new(sql, vec![SqlValue::text(target.as_str()), SqlValue::number(limit)])
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

/// The targets that have more than `keep` ended runs.
pub(super) fn targets_with_surplus(keep: u32) -> Statement {
    let sql = "SELECT target FROM run_counts WHERE state NOT IN ('pending', 'running') \
        GROUP BY target HAVING SUM(number) > $1";
    Statement::new(sql, vec![SqlValue::number(keep)])
}

/// Deletes some of the oldest ended runs of a target that has more than `keep`. Their log tails are deleted with them. The
/// surplus is computed in the same statement, so that two replicas do not delete it twice.
pub(super) fn prune_runs(target: &str, keep: u32) -> Statement {
    let sql = "DELETE FROM runs WHERE id IN (SELECT id FROM (\
        SELECT id FROM runs WHERE target = $1 AND state NOT IN ('pending', 'running') ORDER BY created_at, id LIMIT (\
        SELECT CASE WHEN SUM(number) > $2 THEN CAST(SUM(number) AS BIGINT) - $2 ELSE 0 END FROM run_counts \
        WHERE target = $1 AND state NOT IN ('pending', 'running'))\
        ) AS surplus LIMIT $3)";
    let values = vec![SqlValue::text(target), SqlValue::number(keep), SqlValue::number(PRUNE_BATCH)];
    Statement::new(sql, values)
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

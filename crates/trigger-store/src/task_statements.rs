//! The statements of the task queue.

use jiff::Timestamp;
use serde_json::Value;
use trigger_core::run::{Cause, Progress, Run, RunId, State, TaskRun};
use trigger_core::target_name::TargetName;
use trigger_core::task_store::{Lease, Outcome};

use super::run_row::{COLUMNS, RUN_COLUMNS, RunRow, TASK_COLUMNS};
use super::statement::{SqlValue, Statement, placeholders};

/// SQLite uses the index `runs_unfinished` only if its condition is repeated literally; the second part narrows it.
const IS_QUEUED: &str = "state IN ('pending', 'running') AND state = 'pending' AND attempt IS NOT NULL";

pub(super) fn enqueue(run: &Run, max_queued: u32) -> Statement {
    // A row without an attempt would be the run of a Job.
    let row = RunRow::new(&Run { task: Some(TaskRun::default()), ..run.clone() });
    let mut values = row.run_values();
    values.extend(row.task_values());
    let count = values.len();
    values.extend([
        SqlValue::time(Timestamp::now()),
        SqlValue::text(run.target.as_str()),
        SqlValue::number(max_queued),
    ]);
    let sql = format!(
        "INSERT INTO runs ({COLUMNS}, saved_at, version, beat) \
        SELECT {}, 1, 0 \
        WHERE (SELECT COUNT(*) FROM runs WHERE target = ${} AND {IS_QUEUED}) < ${} \
        ON CONFLICT DO NOTHING",
        placeholders(count + 1),
        count + 2,
        count + 3,
    );
    debug_assert_eq!(count, RUN_COLUMNS.len() + TASK_COLUMNS.len());
    Statement::new(sql, values)
}

/// If another replica claims the same run or slot at the same moment, either the condition on `state` is evaluated again
/// and fails, or the unique index on the slots rejects the update.
pub(super) fn claim(target: &TargetName, slot: u32, worker: &str) -> Statement {
    let sql = format!(
        "UPDATE runs SET state = 'running', worker = $1, slot = $2, beat = 0, attempt = attempt + 1, \
        started_at = COALESCE(started_at, $3), cause_reason = NULL, cause_message = NULL, progress_percent = 0, \
        progress_note = '', saved_at = $3, version = version + 1 \
        WHERE id = (SELECT id FROM runs WHERE target = $4 AND {IS_QUEUED} ORDER BY created_at, id LIMIT 1) \
        AND state = 'pending' AND NOT EXISTS (SELECT 1 FROM runs WHERE target = $4 AND slot = $2) \
        RETURNING {COLUMNS}"
    );
    let values = vec![
        SqlValue::text(worker),
        SqlValue::Integer(i32::try_from(slot).ok()),
        SqlValue::time(Timestamp::now()),
        SqlValue::text(target.as_str()),
    ];
    Statement::new(sql, values)
}

pub(super) fn heartbeat(id: &RunId, worker: &str, progress: &Progress) -> Statement {
    let sql = "UPDATE runs SET beat = beat + 1, progress_percent = $3, progress_note = $4, saved_at = $5 \
        WHERE id = $1 AND worker = $2 RETURNING state";
    let values = vec![
        SqlValue::text(id.as_str()),
        SqlValue::text(worker),
        SqlValue::Integer(Some(progress.percent.into())),
        SqlValue::text(&progress.note),
        SqlValue::time(Timestamp::now()),
    ];
    Statement::new(sql, values)
}

/// Releases a lease on behalf of its worker.
pub(super) fn release(lease: &Lease, outcome: &Outcome) -> Statement {
    release_if(lease, None, outcome)
}

/// Releases a lease if its worker has not sent a heartbeat since the lease was read.
pub(super) fn reap(lease: &Lease, outcome: &Outcome) -> Statement {
    release_if(lease, Some(lease.heartbeat), outcome)
}

/// A run that ended while it was leased keeps its state; only its slot becomes free.
fn release_if(lease: &Lease, last_heartbeat: Option<i64>, outcome: &Outcome) -> Statement {
    let now = Timestamp::now();
    let (state, cause, finished_at, uncounted_attempts) = match outcome {
        Outcome::Ended { state, cause } => (*state, cause.as_ref(), SqlValue::time(now), 0),
        Outcome::Queued { cause, counts } => {
            (State::Pending, Some(cause), SqlValue::Text(None), i32::from(!counts))
        }
    };
    let if_running = |column: &str, value: &str| {
        format!("{column} = CASE WHEN state = 'running' THEN {value} ELSE {column} END")
    };
    let sql = format!(
        "UPDATE runs SET {}, {}, {}, {}, attempt = attempt - $8, progress_percent = CASE WHEN $4 = 'succeeded' \
        AND state = 'running' THEN 100 ELSE progress_percent END, slot = NULL, worker = NULL, saved_at = $9, \
        version = version + 1 \
        WHERE id = $1 AND worker = $2 AND beat = COALESCE($3, beat)",
        if_running("cause_reason", "$5"),
        if_running("cause_message", "$6"),
        if_running("finished_at", "$7"),
        if_running("state", "$4"),
    );
    let values = vec![
        SqlValue::text(lease.id.as_str()),
        SqlValue::text(&lease.worker),
        SqlValue::BigInt(last_heartbeat),
        SqlValue::text(state.as_str()),
        cause.map_or(SqlValue::Text(None), |cause| SqlValue::text(&cause.reason)),
        cause.map_or(SqlValue::Text(None), |cause| SqlValue::text(&cause.message)),
        finished_at,
        SqlValue::Integer(Some(uncounted_attempts)),
        SqlValue::time(now),
    ];
    Statement::new(sql, values)
}

pub(super) fn end_task(id: &RunId, state: State, cause: &Cause) -> Statement {
    let sql = "UPDATE runs SET state = $2, cause_reason = $3, cause_message = $4, finished_at = $5, saved_at = $5, \
        version = version + 1 WHERE id = $1 AND attempt IS NOT NULL AND state IN ('pending', 'running')";
    let values = vec![
        SqlValue::text(id.as_str()),
        SqlValue::text(state.as_str()),
        SqlValue::text(&cause.reason),
        SqlValue::text(&cause.message),
        SqlValue::time(Timestamp::now()),
    ];
    Statement::new(sql, values)
}

pub(super) fn leases() -> Statement {
    let sql = "SELECT id, target, worker, beat, attempt FROM runs WHERE slot IS NOT NULL ORDER BY id";
    Statement::new(sql, Vec::new())
}

/// The number of queued runs of each target that has some.
pub(super) fn queued() -> Statement {
    let sql = format!("SELECT target, COUNT(*) AS queued FROM runs WHERE {IS_QUEUED} GROUP BY target");
    Statement::new(sql, Vec::new())
}

pub(super) fn save_result(id: &RunId, worker: &str, result: &Value) -> Statement {
    let sql = "INSERT INTO run_results (run_id, result, saved_at) \
        SELECT $1, $2, $3 FROM runs WHERE id = $1 AND worker = $4 \
        ON CONFLICT (run_id) DO UPDATE SET result = excluded.result, saved_at = excluded.saved_at";
    let values = vec![
        SqlValue::text(id.as_str()),
        SqlValue::text(&result.to_string()),
        SqlValue::time(Timestamp::now()),
        SqlValue::text(worker),
    ];
    Statement::new(sql, values)
}

pub(super) fn result(id: &RunId) -> Statement {
    let sql = "SELECT result FROM run_results WHERE run_id = $1";
    Statement::new(sql, vec![SqlValue::text(id.as_str())])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lease() -> Lease {
        Lease {
            id: RunId::new("run"),
            target: "analysis".parse().unwrap(),
            worker: "worker".to_owned(),
            heartbeat: 7,
            attempt: 1,
        }
    }

    #[test]
    fn only_a_reaped_lease_must_have_the_last_heartbeat() {
        let outcome = Outcome::Ended { state: State::Succeeded, cause: None };
        assert_eq!(release(&lease(), &outcome).values[2], SqlValue::BigInt(None));
        assert_eq!(reap(&lease(), &outcome).values[2], SqlValue::BigInt(Some(7)));
    }

    #[test]
    fn an_attempt_that_does_not_count_is_subtracted() {
        let queued = |counts| Outcome::Queued { cause: Cause::new("Restarted", "a restart"), counts };
        assert_eq!(release(&lease(), &queued(true)).values[7], SqlValue::Integer(Some(0)));
        let statement = release(&lease(), &queued(false));
        assert_eq!(statement.values[7], SqlValue::Integer(Some(1)));
        assert_eq!(statement.values[6], SqlValue::Text(None), "the run has not ended");
    }
}

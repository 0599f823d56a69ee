//! The queue of tasks, in the table of all runs; see `postgres_tasks.sql`.

use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::Value as Json;

use super::SqlStore;
use super::row::Row;
use super::rows::{self, COLUMNS, decode};
use super::statement::{Statement, Value};
use trigger_core::ports::{Lease, LeaseStatus, Outcome, StoreError, TaskStore};
use trigger_core::run::{Cause, Progress, Run, RunId, State};
use trigger_core::target::TargetName;
use trigger_core::task::Parameters;

/// The condition stands as in the index `runs_unfinished`, or SQLite would not use it; the second part narrows it.
const WAITS: &str = "state IN ('pending', 'running') AND state = 'pending' AND attempt IS NOT NULL";

#[async_trait]
impl TaskStore for SqlStore {
    async fn enqueue(&self, run: &Run, parameters: &Parameters, max_queued: u32) -> Result<bool, StoreError> {
        let statement = enqueue(&rows::storable_run(run), parameters, max_queued);
        let changed = self.connections.execute("queueing a run", &statement).await?;
        if changed == 1 {
            return Ok(true);
        }
        // When an answer was lost the statement was repeated, and the row that was in its way is its own.
        let found = self.connections.first("reading a run", &super::queries::run(&run.id), rows::run).await?;
        Ok(found.is_some_and(|found| found.job_name == run.job_name && found.request_id == run.request_id))
    }

    async fn claim(
        &self,
        target: &TargetName,
        slot: u32,
        worker: &str,
    ) -> Result<Option<(Run, Parameters)>, StoreError> {
        let statement = claim(target, slot, worker);
        self.connections.first_unless_taken("claiming a run", &statement, claimed).await
    }

    async fn heartbeat(
        &self,
        id: &RunId,
        worker: &str,
        progress: &Progress,
    ) -> Result<LeaseStatus, StoreError> {
        let statement = heartbeat(id, worker, progress);
        let state = |row: &Row| row.try_get::<String>("state");
        let state = self.connections.first("saying that a run goes on", &statement, state).await?;
        Ok(match state.as_deref() {
            Some("running") => LeaseStatus::Active,
            Some(_) => LeaseStatus::RunEnded,
            None => LeaseStatus::Lost,
        })
    }

    async fn release(&self, lease: &Lease, outcome: &Outcome) -> Result<bool, StoreError> {
        let statement = release(lease, None, outcome);
        Ok(self.connections.execute("releasing a lease", &statement).await? == 1)
    }

    async fn reap(&self, lease: &Lease, outcome: &Outcome) -> Result<bool, StoreError> {
        let statement = release(lease, Some(lease.heartbeat), outcome);
        Ok(self.connections.execute("reaping a lease", &statement).await? == 1)
    }

    async fn end_task(&self, id: &RunId, state: State, cause: &Cause) -> Result<bool, StoreError> {
        let changed = self.connections.execute("ending a run", &end_task(id, state, cause)).await?;
        Ok(changed == 1)
    }

    async fn leases(&self) -> Result<Vec<Lease>, StoreError> {
        let sql = "SELECT id, target, worker, beat, attempt FROM runs WHERE slot IS NOT NULL ORDER BY id";
        self.connections.all("listing leases", &Statement::new(sql, Vec::new()), lease).await
    }

    async fn waiting(&self) -> Result<Vec<(TargetName, u64)>, StoreError> {
        let sql = format!("SELECT target, COUNT(*) AS waiting FROM runs WHERE {WAITS} GROUP BY target");
        let read = |row: &Row| Ok((target(row)?, row.try_get::<i64>("waiting")?.unsigned_abs()));
        self.connections.all("counting waiting runs", &Statement::new(sql, Vec::new()), read).await
    }

    async fn save_result(&self, id: &RunId, worker: &str, result: &Json) -> Result<(), StoreError> {
        self.connections.execute("saving a result", &save_result(id, worker, result)).await.map(drop)
    }

    async fn result(&self, id: &RunId) -> Result<Option<Json>, StoreError> {
        let sql = "SELECT result FROM run_results WHERE run_id = $1";
        let statement = Statement::new(sql, vec![Value::text(id.as_str())]);
        let read = |row: &Row| json(row, "result");
        self.connections.first("reading a result", &statement, read).await
    }
}

fn enqueue(run: &Run, parameters: &Parameters, max_queued: u32) -> Statement {
    let mut values = rows::values(run);
    let text = Json::Object(parameters.clone()).to_string();
    values.extend([
        Value::time(Timestamp::now()),
        Value::text(&text),
        Value::Number(Some(max_queued.into())),
    ]);
    let sql = format!(
        "INSERT INTO runs ({COLUMNS}, saved_at, version, beat, parameters) \
        SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, 0, 0, '', $17, 1, 0, $18 \
        WHERE (SELECT COUNT(*) FROM runs WHERE target = $2 AND {WAITS}) < $19 \
        ON CONFLICT DO NOTHING"
    );
    Statement::new(sql, values)
}

/// When another replica is faster by a moment, `state` is looked at again or the index on the slots refuses.
fn claim(target: &TargetName, slot: u32, worker: &str) -> Statement {
    let sql = format!(
        "UPDATE runs SET state = 'running', worker = $1, slot = $2, beat = 0, attempt = attempt + 1, \
        started_at = COALESCE(started_at, $3), cause_reason = NULL, cause_message = NULL, progress_percent = 0, \
        progress_note = '', saved_at = $3, version = version + 1 \
        WHERE id = (SELECT id FROM runs WHERE target = $4 AND {WAITS} ORDER BY created_at, id LIMIT 1) \
        AND state = 'pending' AND NOT EXISTS (SELECT 1 FROM runs WHERE target = $4 AND slot = $2) \
        RETURNING {COLUMNS}, parameters"
    );
    let values = vec![
        Value::text(worker),
        Value::Integer(i32::try_from(slot).ok()),
        Value::time(Timestamp::now()),
        Value::text(target.as_str()),
    ];
    Statement::new(sql, values)
}

fn heartbeat(id: &RunId, worker: &str, progress: &Progress) -> Statement {
    let sql = "UPDATE runs SET beat = beat + 1, progress_percent = $3, progress_note = $4, saved_at = $5 \
        WHERE id = $1 AND worker = $2 RETURNING state";
    let values = vec![
        Value::text(id.as_str()),
        Value::text(worker),
        Value::Integer(Some(progress.percent.into())),
        Value::text(&progress.note),
        Value::time(Timestamp::now()),
    ];
    Statement::new(sql, values)
}

/// What ended while it was held stays as it ended, and only the slot becomes free.
fn release(lease: &Lease, last_heartbeat: Option<i64>, outcome: &Outcome) -> Statement {
    let now = Timestamp::now();
    let (state, cause, finished_at, given_back) = match outcome {
        Outcome::Ended { state, cause } => (*state, cause.as_ref(), Value::time(now), 0),
        Outcome::Queued { cause, counts } => {
            (State::Pending, Some(cause), Value::Text(None), i32::from(!counts))
        }
    };
    let goes_on = |column: &str, value: &str| {
        format!("{column} = CASE WHEN state = 'running' THEN {value} ELSE {column} END")
    };
    let sql = format!(
        "UPDATE runs SET {}, {}, {}, {}, attempt = attempt - $8, progress_percent = CASE WHEN $4 = 'succeeded' \
        AND state = 'running' THEN 100 ELSE progress_percent END, slot = NULL, worker = NULL, saved_at = $9, version = version + 1 \
        WHERE id = $1 AND worker = $2 AND beat = COALESCE($3, beat)",
        goes_on("cause_reason", "$5"),
        goes_on("cause_message", "$6"),
        goes_on("finished_at", "$7"),
        goes_on("state", "$4"),
    );
    let values = vec![
        Value::text(lease.id.as_str()),
        Value::text(&lease.worker),
        Value::Number(last_heartbeat),
        Value::text(state.as_str()),
        cause.map_or(Value::Text(None), |cause| Value::text(&cause.reason)),
        cause.map_or(Value::Text(None), |cause| Value::text(&cause.message)),
        finished_at,
        Value::Integer(Some(given_back)),
        Value::time(now),
    ];
    Statement::new(sql, values)
}

fn end_task(id: &RunId, state: State, cause: &Cause) -> Statement {
    let sql = "UPDATE runs SET state = $2, cause_reason = $3, cause_message = $4, finished_at = $5, saved_at = $5, \
        version = version + 1 WHERE id = $1 AND attempt IS NOT NULL AND state IN ('pending', 'running')";
    let values = vec![
        Value::text(id.as_str()),
        Value::text(state.as_str()),
        Value::text(&cause.reason),
        Value::text(&cause.message),
        Value::time(Timestamp::now()),
    ];
    Statement::new(sql, values)
}

fn save_result(id: &RunId, worker: &str, result: &Json) -> Statement {
    let sql = "INSERT INTO run_results (run_id, result, saved_at) SELECT $1, $2, $3 FROM runs WHERE id = $1 AND worker = $4 \
        ON CONFLICT (run_id) DO UPDATE SET result = excluded.result, saved_at = excluded.saved_at";
    let values = vec![
        Value::text(id.as_str()),
        Value::text(&result.to_string()),
        Value::time(Timestamp::now()),
        Value::text(worker),
    ];
    Statement::new(sql, values)
}

fn claimed(row: &Row) -> Result<(Run, Parameters), sqlx::Error> {
    let Json::Object(parameters) = json(row, "parameters")? else {
        return Err(decode("parameters", "they are no object"));
    };
    Ok((rows::run(row)?, parameters))
}

fn lease(row: &Row) -> Result<Lease, sqlx::Error> {
    let attempt: i32 = row.try_get("attempt")?;
    Ok(Lease {
        id: RunId::new(row.try_get::<String>("id")?),
        target: target(row)?,
        worker: row.try_get("worker")?,
        heartbeat: row.try_get("beat")?,
        attempt: u32::try_from(attempt).map_err(|error| decode("attempt", error))?,
    })
}

fn target(row: &Row) -> Result<TargetName, sqlx::Error> {
    row.try_get::<String>("target")?.parse().map_err(|error: String| decode("target", error))
}

fn json(row: &Row, column: &str) -> Result<Json, sqlx::Error> {
    serde_json::from_str(&row.try_get::<String>(column)?).map_err(|error| decode(column, error))
}

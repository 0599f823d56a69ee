//! The store's methods for the task queue; see `schema/postgres_2_tasks.sql`.

use async_trait::async_trait;
use serde_json::Value;
use trigger_core::run::{Cause, Progress, Run, RunId, State};
use trigger_core::store_error::StoreError;
use trigger_core::target_name::TargetName;
use trigger_core::task_store::{Lease, LeaseStatus, Outcome, TaskStore};

use super::queries;
use super::row::Row;
use super::run_row::{decode_error, read_run};
use super::sql_store::SqlStore;
use super::task_statements as statements;

#[async_trait]
impl TaskStore for SqlStore {
    async fn enqueue(&self, run: &Run, max_queued: u32) -> Result<bool, StoreError> {
        let statement = statements::enqueue(run, max_queued);
        if self.connections.execute("queueing a run", &statement).await? == 1 {
            return Ok(true);
        }
        // If the answer was lost, the statement was repeated and conflicted with the row that it had inserted.
        let found = self.connections.first("reading a run", &queries::run(&run.id), read_run).await?;
        Ok(found.is_some_and(|found| found.job_name == run.job_name && found.request_id == run.request_id))
    }

    async fn claim(&self, target: &TargetName, slot: u32, worker: &str) -> Result<Option<Run>, StoreError> {
        let statement = statements::claim(target, slot, worker);
        self.connections.first_unless_taken("claiming a run", &statement, read_run).await
    }

    async fn heartbeat(
        &self,
        id: &RunId,
        worker: &str,
        progress: &Progress,
    ) -> Result<LeaseStatus, StoreError> {
        let statement = statements::heartbeat(id, worker, progress);
        let read = |row: &Row| row.try_get::<String>("state");
        let state = self.connections.first("sending a heartbeat", &statement, read).await?;
        Ok(match state.as_deref() {
            Some(state) if state == State::Running.as_str() => LeaseStatus::Active,
            Some(_) => LeaseStatus::RunEnded,
            None => LeaseStatus::Lost,
        })
    }

    async fn release(&self, lease: &Lease, outcome: &Outcome) -> Result<bool, StoreError> {
        let statement = statements::release(lease, outcome);
        Ok(self.connections.execute("releasing a lease", &statement).await? == 1)
    }

    async fn reap(&self, lease: &Lease, outcome: &Outcome) -> Result<bool, StoreError> {
        let statement = statements::reap(lease, outcome);
        Ok(self.connections.execute("reaping a lease", &statement).await? == 1)
    }

    async fn end_task(&self, id: &RunId, state: State, cause: &Cause) -> Result<bool, StoreError> {
        let statement = statements::end_task(id, state, cause);
        Ok(self.connections.execute("ending a run", &statement).await? == 1)
    }

    async fn leases(&self) -> Result<Vec<Lease>, StoreError> {
        self.connections.all("listing leases", &statements::leases(), read_lease).await
    }

    async fn waiting(&self) -> Result<Vec<(TargetName, u64)>, StoreError> {
        let read = |row: &Row| Ok((read_target(row)?, row.try_get::<i64>("queued")?.unsigned_abs()));
        self.connections.all("counting queued runs", &statements::queued(), read).await
    }

    async fn save_result(&self, id: &RunId, worker: &str, result: &Value) -> Result<(), StoreError> {
        let statement = statements::save_result(id, worker, result);
        self.connections.execute("saving a result", &statement).await.map(drop)
    }

    async fn result(&self, id: &RunId) -> Result<Option<Value>, StoreError> {
        let read = |row: &Row| read_json(row, "result");
        self.connections.first("reading a result", &statements::result(id), read).await
    }
}

fn read_lease(row: &Row) -> Result<Lease, sqlx::Error> {
    let attempt: i32 = row.try_get("attempt")?;
    Ok(Lease {
        id: RunId::new(row.try_get::<String>("id")?),
        target: read_target(row)?,
        worker: row.try_get("worker")?,
        heartbeat: row.try_get("beat")?,
        attempt: u32::try_from(attempt).map_err(|error| decode_error("attempt", error))?,
    })
}

fn read_target(row: &Row) -> Result<TargetName, sqlx::Error> {
    row.try_get::<String>("target")?.parse().map_err(|error: String| decode_error("target", error))
}

fn read_json(row: &Row, column: &str) -> Result<Value, sqlx::Error> {
    serde_json::from_str(&row.try_get::<String>(column)?).map_err(|error| decode_error(column, error))
}

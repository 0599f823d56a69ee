//! Takes in what was seen of a run.

use jiff::Timestamp;

use super::connections::Connections;
use super::rows::{self, COLUMNS};
use super::statement::{Statement, Value};
use trigger_core::ports::StoreError;
use trigger_core::run::{Run, RunId, State};

/// How often a write is tried that others were faster than. Each time one of them got on, so this many lost in a row
/// means something is wrong.
const ATTEMPTS: u32 = 200;

const INSERT: &str = "INSERT INTO runs (id, target, namespace, job_name, triggered_by, state, cause_reason, \
    cause_message, cause_exit_code, requested_by, reason, request_id, fingerprint, created_at, started_at, \
    finished_at, saved_at, version) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, 1) \
    ON CONFLICT (id) DO NOTHING";

const UPDATE: &str = "UPDATE runs SET target = $2, namespace = $3, job_name = $4, triggered_by = $5, state = $6, \
    cause_reason = $7, cause_message = $8, cause_exit_code = $9, requested_by = $10, reason = $11, request_id = $12, \
    fingerprint = $13, created_at = $14, started_at = $15, finished_at = $16, saved_at = $17, version = version + 1 \
    WHERE id = $1 AND version = $18";

/// Merges what was seen into what is stored: compare and set, so that of two replicas the second merges into what the
/// first one wrote. The tables' triggers store the event in the statement that makes the change.
pub(super) async fn save(connections: &Connections, seen: &Run) -> Result<Run, StoreError> {
    let doing = "saving a run";
    let seen = rows::storable_run(seen);
    // A run that has just been made is most likely new: one round trip. Of others there is most likely a row.
    let mut insert = seen.state == State::Pending;
    for _ in 0..ATTEMPTS {
        if insert && connections.execute(doing, &write(INSERT, &seen, None)).await? == 1 {
            return Ok(seen);
        }
        let Some((stored, version)) = find(connections, doing, &seen.id).await? else {
            insert = true;
            continue;
        };
        insert = false;
        let merged = stored.merged(&seen);
        if merged == stored || connections.execute(doing, &write(UPDATE, &merged, Some(version))).await? == 1
        {
            return Ok(merged);
        }
    }
    Err(StoreError::Contended(seen.id))
}

async fn find(
    connections: &Connections,
    doing: &'static str,
    id: &RunId,
) -> Result<Option<(Run, i64)>, StoreError> {
    let sql = format!("SELECT {COLUMNS}, version FROM runs WHERE id = $1");
    let statement = Statement::new(sql, vec![Value::text(id.as_str())]);
    connections.first(doing, &statement, |row| Ok((rows::run(row)?, row.try_get("version")?))).await
}

fn write(sql: &'static str, run: &Run, version: Option<i64>) -> Statement {
    let mut values = rows::values(run);
    values.push(Value::time(Timestamp::now()));
    values.extend(version.map(|version| Value::Number(Some(version))));
    Statement::new(sql, values)
}

//! Saves an observed state of a run.

use std::sync::LazyLock;

use jiff::Timestamp;
use trigger_core::run::{Run, RunId, State};
use trigger_core::store_error::StoreError;

use super::connections::Connections;
use super::run_row::{COLUMNS, RUN_COLUMNS, RunRow, read_run};
use super::statement::{SqlValue, Statement, assignments, placeholders};

/// How often a write is attempted. An attempt fails only if another writer succeeded, so this many failures in a row mean
/// that something is wrong.
const MAX_ATTEMPTS: u32 = 200;

static INSERT: LazyLock<String> = LazyLock::new(|| {
    format!(
        "INSERT INTO runs ({}, saved_at, version) VALUES ({}, 1) ON CONFLICT (id) DO NOTHING",
        RUN_COLUMNS.join(", "),
        placeholders(RUN_COLUMNS.len() + 1),
    )
});

static UPDATE: LazyLock<String> = LazyLock::new(|| {
    let count = RUN_COLUMNS.len();
    format!(
        "UPDATE runs SET {}, saved_at = ${}, version = version + 1 WHERE id = $1 AND version = ${}",
        assignments(&RUN_COLUMNS[1..], 2),
        count + 1,
        count + 2,
    )
});

/// Merges the observed run into the stored one. It is a compare-and-set on the row's version, so the second of two
/// replicas merges into what the first one wrote. The triggers of the tables store the event in the same statement.
pub(super) async fn save(connections: &Connections, observed: &Run) -> Result<Run, StoreError> {
    let operation = "saving a run";
    let row = RunRow::new(observed);
    let observed = row.clone().into_run().map_err(|error| connections.unreadable(operation, error))?;
    // A pending run most likely is not stored yet, so inserting it first saves a round trip.
    let mut insert = observed.state == State::Pending;
    for _ in 0..MAX_ATTEMPTS {
        if insert && connections.execute(operation, &write(INSERT.as_str(), &row, None)).await? == 1 {
            return Ok(observed);
        }
        let Some((stored, version)) = find(connections, operation, &observed.id).await? else {
            insert = true;
            continue;
        };
        insert = false;
        let merged = stored.merged(&observed);
        let update = || write(UPDATE.as_str(), &RunRow::new(&merged), Some(version));
        if merged == stored || connections.execute(operation, &update()).await? == 1 {
            return Ok(merged);
        }
    }
    Err(StoreError::Contended(observed.id))
}

async fn find(
    connections: &Connections,
    operation: &'static str,
    id: &RunId,
) -> Result<Option<(Run, i64)>, StoreError> {
    let sql = format!("SELECT {COLUMNS}, version FROM runs WHERE id = $1");
    let statement = Statement::new(sql, vec![SqlValue::text(id.as_str())]);
    connections.first(operation, &statement, |row| Ok((read_run(row)?, row.try_get("version")?))).await
}

fn write(sql: &'static str, row: &RunRow, version: Option<i64>) -> Statement {
    let mut values = row.run_values();
    values.push(SqlValue::time(Timestamp::now()));
    values.extend(version.map(SqlValue::number));
    Statement::new(sql, values)
}

#[cfg(test)]
mod tests {
    use super::super::run_row::TASK_COLUMNS;
    use super::*;

    #[test]
    fn the_statements_write_the_columns_of_every_run_and_no_column_of_tasks() {
        let count = RUN_COLUMNS.len();
        assert_eq!(INSERT.matches('$').count(), count + 1, "each column has a value, and saved_at");
        assert!(INSERT.starts_with(&format!("INSERT INTO runs ({}, saved_at", RUN_COLUMNS.join(", "))));
        for (number, column) in RUN_COLUMNS.iter().enumerate().skip(1) {
            assert!(UPDATE.contains(&format!(" {column} = ${},", number + 1)), "{column}: {}", *UPDATE);
        }
        assert!(UPDATE.ends_with(&format!("WHERE id = $1 AND version = ${}", count + 2)), "{}", *UPDATE);
        for column in TASK_COLUMNS {
            assert!(!INSERT.contains(column) && !UPDATE.contains(column), "{column}");
        }
    }
}

//! The transaction in which views are read.

use std::time::Duration;

use sqlx::{AssertSqlSafe, Executor, PgConnection};

use crate::Failure;

/// Begins a read-only transaction with one snapshot of the views. The caller ends it.
///
/// Rows are returned in the order in which they are stored, so that "the later row" is the same row in every run. Values
/// have one text format, independent of the server's defaults. JIT compilation and parallel workers are disabled: for
/// statements this short they cost more than they gain. `statement_timeout` limits each statement.
///
/// # Errors
/// If the server or the connection fails.
pub async fn begin(
    connection: &mut PgConnection,
    statement_timeout: Option<Duration>,
) -> Result<(), Failure> {
    let timeout = statement_timeout
        .map_or_else(String::new, |limit| format!("; SET LOCAL statement_timeout = {}", limit.as_millis()));
    let begin = format!(
        "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; \
         SET LOCAL standard_conforming_strings = on; SET LOCAL synchronize_seqscans = off; SET LOCAL max_parallel_workers_per_gather = 0; SET LOCAL jit = off; \
         SET LOCAL timezone = 'UTC'; SET LOCAL datestyle = 'ISO'; SET LOCAL extra_float_digits = 1{timeout}"
    );
    let outcome = connection.execute(sqlx::raw_sql(AssertSqlSafe(begin))).await;
    outcome.map(drop).map_err(|error| Failure::of(&error))
}

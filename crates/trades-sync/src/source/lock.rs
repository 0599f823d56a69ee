//! A transaction-scoped advisory lock, so that only one run ships a date at a time.
//!
//! The lock ends with the transaction in which the day is read: it is released even through a pooler. A run that
//! had to wait must not read the views as they were before the wait, but a repeatable-read transaction keeps the snapshot
//! of its first statement. Therefore the reading transaction tries the lock only once. If the lock is not free, the
//! transaction ends, the run waits for the lock in another transaction, and begins again.

use std::time::{Duration, Instant};

use common::postgres::sqlstate;
use jiff::civil::{Date, date};
use sqlx::{AssertSqlSafe, Executor, PgConnection, Row};
use trading_views::{Failure, begin};

use super::SourceError;

const MAX_WAIT: Duration = Duration::from_mins(1);

/// The first of the lock's two keys, "trad" in ASCII. It separates the lock from those of other applications.
const LOCK_CLASS: i32 = i32::from_be_bytes(*b"trad");

const LOCK_NOT_AVAILABLE: &str = "55P03";

/// The lock of the date is taken before this savepoint, and the locks of the views after it.
pub(super) const SAVEPOINT: &str = "before_reading";

/// Begins a reading transaction that holds the lock of the date until it ends, and sets the savepoint.
pub(super) async fn begin_locked(connection: &mut PgConnection, date: Date) -> Result<(), SourceError> {
    let deadline = Instant::now() + MAX_WAIT;
    let mut has_waited = false;
    while !try_begin_locked(connection, date).await? {
        if !has_waited {
            tracing::info!(%date, max_wait_s = MAX_WAIT.as_secs(), "another run is shipping this date, waiting for it");
            has_waited = true;
        }
        wait(connection, date, deadline).await?;
    }
    Ok(())
}

/// Returns whether the lock was free. If it was not, no transaction is open.
async fn try_begin_locked(connection: &mut PgConnection, date: Date) -> Result<bool, SourceError> {
    begin(connection, None).await.map_err(|failure| SourceError::session(date, failure))?;
    // The transaction is idle while the sink stores the day.
    let sql = format!(
        "SET LOCAL idle_in_transaction_session_timeout = 0; \
         SELECT pg_try_advisory_xact_lock({LOCK_CLASS}, {}); SAVEPOINT {SAVEPOINT}",
        day_number(date)
    );
    let failed = |error: sqlx::Error| SourceError::session(date, Failure::of(&error));
    let row = connection.fetch_one(sqlx::raw_sql(AssertSqlSafe(sql))).await.map_err(failed)?;
    let locked: bool = row.try_get(0).map_err(failed)?;
    if !locked {
        connection.execute(sqlx::raw_sql("ROLLBACK")).await.map_err(failed)?;
    }
    Ok(locked)
}

/// Waits until the lock is free, in a separate transaction.
async fn wait(connection: &mut PgConnection, date: Date, deadline: Instant) -> Result<(), SourceError> {
    let remaining = deadline.saturating_duration_since(Instant::now()).as_millis();
    if remaining == 0 {
        return Err(SourceError::Locked { date, waited: MAX_WAIT });
    }
    let sql = format!(
        "BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY; SET LOCAL statement_timeout = 0; \
         SET LOCAL lock_timeout = {remaining}; SELECT pg_advisory_xact_lock({LOCK_CLASS}, {})",
        day_number(date)
    );
    let waited = connection.execute(sqlx::raw_sql(AssertSqlSafe(sql))).await;
    match waited {
        Err(error) if sqlstate(&error).as_deref() == Some(LOCK_NOT_AVAILABLE) => {
            return Err(SourceError::Locked { date, waited: MAX_WAIT });
        }
        outcome => outcome.map_err(|error| SourceError::session(date, Failure::of(&error)))?,
    };
    let ended = connection.execute(sqlx::raw_sql("ROLLBACK")).await;
    ended.map(drop).map_err(|error| SourceError::session(date, Failure::of(&error)))
}

/// Days since 1970-01-01.
fn day_number(day: Date) -> i32 {
    (day - date(1970, 1, 1)).get_days()
}

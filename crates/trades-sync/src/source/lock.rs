//! One run a date at a time, by a session-level advisory lock.

use std::time::Duration;

use jiff::civil::{Date, date};
use sqlx::{Executor, PgConnection};

use super::SourceError;
use super::error::{reason, sqlstate};

const LONGEST_WAIT: Duration = Duration::from_mins(1);

/// The first of the lock's two numbers, ours among all applications of the database: "trad" in ASCII.
const CLASS: i32 = i32::from_be_bytes(*b"trad");

const LOCK_NOT_AVAILABLE: &str = "55P03";

pub(super) async fn acquire(connection: &mut PgConnection, date: Date) -> Result<(), SourceError> {
    let failed = |error: sqlx::Error| SourceError::Session { date, reason: reason(&error) };
    let taken: bool = sqlx::query_scalar("SELECT pg_try_advisory_lock($1, $2)")
        .bind(CLASS)
        .bind(day_number(date))
        .fetch_one(&mut *connection)
        .await
        .map_err(failed)?;
    if taken {
        return Ok(());
    }
    tracing::info!(%date, longest_wait_s = LONGEST_WAIT.as_secs(), "another run is shipping this date, waiting for it");
    let bound = format!("SET lock_timeout = '{}s'", LONGEST_WAIT.as_secs());
    connection.execute(sqlx::raw_sql(sqlx::AssertSqlSafe(bound))).await.map_err(failed)?;
    let waited = sqlx::query("SELECT pg_advisory_lock($1, $2)")
        .bind(CLASS)
        .bind(day_number(date))
        .execute(&mut *connection);
    match waited.await {
        Ok(_) => connection.execute(sqlx::raw_sql("RESET lock_timeout")).await.map(drop).map_err(failed),
        Err(error) if sqlstate(&error).as_deref() == Some(LOCK_NOT_AVAILABLE) => {
            Err(SourceError::Locked { date, waited: LONGEST_WAIT })
        }
        Err(error) => Err(failed(error)),
    }
}

pub(super) async fn release(connection: &mut PgConnection, date: Date) {
    let unlock = sqlx::query("SELECT pg_advisory_unlock($1, $2)").bind(CLASS).bind(day_number(date));
    // What fails here is the session, and a session that ends gives its locks back.
    let _ = unlock.execute(connection).await;
}

/// Days since 1970-01-01.
fn day_number(day: Date) -> i32 {
    (day - date(1970, 1, 1)).get_days()
}

//! An embedded Postgres with the four views and a week of sample days.

use std::error::Error;

use jiff::ToSpan;
use jiff::civil::{Date, Weekday};
use pglite_oxide::PgliteServer;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

/// Starts the database. It accepts one connection at a time, and stops when the value is dropped.
///
/// # Errors
/// If it does not start.
pub(crate) fn start() -> Result<PgliteServer, Box<dyn Error>> {
    Ok(PgliteServer::temporary_tcp()?)
}

/// `last`, even if it is not a trading day, and the four trading days before it.
pub(crate) fn week(last: Date) -> Result<Vec<Date>, jiff::Error> {
    let mut days = Vec::new();
    let mut day = last;
    while days.len() < 5 {
        if day == last || !matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday) {
            days.insert(0, day);
        }
        day = day.checked_sub(1.day())?;
    }
    Ok(days)
}

/// Creates the views and fills them.
///
/// # Errors
/// If a statement fails.
pub(crate) async fn fill(url: &str, days: &[Date]) -> Result<(), sqlx::Error> {
    let mut connection = PgConnection::connect(url).await?;
    connection.execute(sqlx::raw_sql(sample::SCHEMA)).await?;
    for day in days {
        connection.execute(sqlx::raw_sql(AssertSqlSafe(sample::day(*day)))).await?;
    }
    connection.execute(sqlx::raw_sql(sample::REFRESH)).await?;
    connection.close().await
}

//! A connection with its transaction, and the reading of a report's rows.

use std::collections::BTreeSet;
use std::str::FromStr;
use std::time::Duration;

use jiff::civil::Date;
use secrecy::{ExposeSecret, SecretString};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, PgConnection};
use tokio::time::timeout;

use super::error::{UNREACHABLE, interrupted, no_connection, plain};
use super::rows::{DropsRow, Reading};
use super::statements::{self, Plan};
use super::view::{View, Views};
use crate::domain::task::{Journal, TaskError};

const CONNECT_DEADLINE: Duration = Duration::from_secs(15);
const STATEMENT_DEADLINE: Duration = Duration::from_mins(1);

/// A read-only transaction over the four views.
pub(crate) struct Session {
    connection: PgConnection,
    views: [View; 4],
}

fn options(url: &SecretString) -> Result<PgConnectOptions, TaskError> {
    let url = url.expose_secret();
    let known = url.starts_with("postgres://") || url.starts_with("postgresql://");
    let options = known.then(|| PgConnectOptions::from_str(url).ok()).flatten().ok_or_else(|| {
        plain(
            UNREACHABLE,
            "SOURCE_DATABASE_URL can't be read as a Postgres URL; set it to postgres://USER:PASSWORD@HOST:PORT/DATABASE, special characters percent-encoded",
        )
    })?;
    Ok(options.application_name("portfolio-analysis").disable_statement_logging())
}

/// Host, port and database of a URL, for people.
pub(crate) fn server_of(url: &SecretString) -> Result<String, TaskError> {
    let options = options(url)?;
    let database = options.get_database().unwrap_or(options.get_username());
    Ok(format!("{}:{} (database {database})", options.get_host(), options.get_port()))
}

impl Session {
    /// Connects, begins the transaction and finds the views.
    pub(crate) async fn open(url: &SecretString, views: &Views) -> Result<Self, TaskError> {
        let server = server_of(url)?;
        let connecting = timeout(CONNECT_DEADLINE, PgConnection::connect_with(&options(url)?)).await;
        let mut connection = match connecting {
            Ok(Ok(connection)) => connection,
            Ok(Err(error)) => return Err(no_connection(&server, &error)),
            Err(_) => {
                let seconds = CONNECT_DEADLINE.as_secs();
                return Err(plain(
                    UNREACHABLE,
                    format!("Postgres at {server} gave no answer within {seconds} s"),
                ));
            }
        };
        let begin = AssertSqlSafe(statements::begin(STATEMENT_DEADLINE.as_secs()));
        let outcome = connection.execute(sqlx::raw_sql(begin)).await;
        outcome.map_err(|error| interrupted("beginning the transaction", &error))?;
        let views = views.found(&mut connection).await?;
        Ok(Self { connection, views })
    }

    /// The newest days of any view, oldest first, at most `limit`, not after `bound`.
    pub(crate) async fn days(&mut self, bound: Option<Date>, limit: usize) -> Result<Vec<Date>, TaskError> {
        let mut days = BTreeSet::new();
        for view in &self.views {
            let found: Vec<(String,)> =
                view.fetch(&mut self.connection, &statements::days(view, bound, limit)).await?;
            days.extend(found.iter().filter_map(|(day,)| day.parse::<Date>().ok()));
        }
        let surplus = days.len().saturating_sub(limit);
        Ok(days.into_iter().skip(surplus).collect())
    }

    /// The statements that [`Session::read`] runs for these days.
    pub(crate) fn plan(&self, days: &[Date]) -> Vec<String> {
        Plan::of(&self.views, days).map(|plan| plan.all().to_vec()).unwrap_or_default()
    }

    /// Reads what a report on the last of these days needs.
    pub(crate) async fn read(&mut self, days: Vec<Date>, journal: &Journal) -> Result<Reading, TaskError> {
        let Some(plan) = Plan::of(&self.views, &days) else {
            return Ok(Reading::default());
        };
        let Self { connection, views: [kpis, series, extremes, portfolio] } = self;
        journal.progress(20, "reading displayed KPIs");
        let mut reading = Reading { days, ..Reading::default() };
        reading.displayed = kpis.fetch(connection, &plan.displayed).await?;
        journal.progress(30, "reading the series of Daily PnL");
        reading.points = series.fetch(connection, &plan.points).await?;
        // Each of the two views by itself first, so that one that fails is the one that is named.
        journal.progress(50, "reading the portfolio and the extremes");
        let held: Vec<DropsRow> = portfolio.fetch(connection, &plan.portfolio_drops).await?;
        let listed: Vec<DropsRow> = extremes.fetch(connection, &plan.extremes_drops).await?;
        journal.progress(60, "summing up positions by day and symbol");
        reading.groups = extremes.fetch(connection, &plan.groups).await?;
        journal.progress(75, "reading the positions of the day and the day before");
        reading.holdings = extremes.fetch(connection, &plan.holdings).await?;
        let distinct =
            reading.groups.iter().filter(|row| row.symbol.is_none()).map(|row| row.positions).sum();
        for row in held {
            row.into_drops("portfolio", Some(distinct), &mut reading.drops);
        }
        for row in listed {
            row.into_drops("extremes", None, &mut reading.drops);
        }
        Ok(reading)
    }

    /// Ends the transaction and closes the connection.
    pub(crate) async fn close(mut self) {
        // All has been read: what fails from here on takes nothing away.
        let _ = self.connection.execute(sqlx::raw_sql("COMMIT")).await;
        let _ = self.connection.close().await;
    }
}

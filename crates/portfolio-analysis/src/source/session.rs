//! The connection with its transaction, and the statements that read a report's rows.

use std::collections::BTreeSet;
use std::time::Duration;

use common::postgres::Server;
use jiff::civil::Date;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use tokio::time::{Instant, interval_at};
use trading_views::{Relation, View, ViewError, Views, begin, text};
use trigger_core::task::TaskError;
use trigger_core::task_context::TaskContext;

use super::error::{no_connection, of_transaction, of_view};
use super::rows::{DisplayedRow, DropsRow, SourceRows};
use super::statements::{self, EXTREMES_COLUMNS, Statements};

const STATEMENT_TIMEOUT: Duration = Duration::from_mins(1);
/// The interval in which a run that waits for its connection reports its progress.
const REPORT_INTERVAL: Duration = Duration::from_secs(5);

/// A read-only transaction over the four views, on a connection of its own.
pub(crate) struct Session {
    connection: PgConnection,
    views: [View; 4],
    relations: [Relation; 4],
}

/// Connects and reports the progress. Transient failures are retried within `budget`.
pub(crate) async fn connect(
    server: &Server,
    budget: Duration,
    context: &TaskContext,
) -> Result<PgConnection, TaskError> {
    context.report_progress(0, format!("connecting to {server}"));
    let started = Instant::now();
    let mut reports = interval_at(started + REPORT_INTERVAL, REPORT_INTERVAL);
    let connecting = server.connect_within(budget);
    tokio::pin!(connecting);
    loop {
        tokio::select! {
            connected = &mut connecting => return connected.map_err(|error| no_connection(&error)),
            _ = reports.tick() => {
                let (elapsed, limit) = (started.elapsed().as_secs(), budget.as_secs());
                let note = format!("connecting to {server}: no connection after {elapsed} s, tried for {limit} s");
                context.report_progress(0, note);
            }
        }
    }
}

impl Session {
    /// Begins the transaction and finds the views.
    pub(crate) async fn begin(mut connection: PgConnection, views: &Views) -> Result<Self, TaskError> {
        begin(&mut connection, Some(STATEMENT_TIMEOUT)).await.map_err(|failure| of_transaction(&failure))?;
        let [kpis, series, extremes, portfolio] = views.all();
        let relations = [
            find(&mut connection, kpis, &["kpi_name", "display_value"]).await?,
            find(&mut connection, series, &["kpi_name", "ts", "value"]).await?,
            find(&mut connection, extremes, EXTREMES_COLUMNS).await?,
            find(&mut connection, portfolio, portfolio.columns).await?,
        ];
        Ok(Self { connection, views: views.all().map(View::clone), relations })
    }

    /// The newest `limit` days that any view has up to `bound`, oldest first.
    pub(crate) async fn days(&mut self, bound: Option<Date>, limit: usize) -> Result<Vec<Date>, TaskError> {
        let mut days = BTreeSet::new();
        for (view, relation) in self.views.iter().zip(&self.relations) {
            let sql = statements::days(relation, bound, limit);
            let found: Vec<(String,)> = fetch(&mut self.connection, view, &sql).await?;
            days.extend(found.iter().filter_map(|(day,)| day.parse::<Date>().ok()));
        }
        let surplus = days.len().saturating_sub(limit);
        Ok(days.into_iter().skip(surplus).collect())
    }

    /// The statements that [`Session::read`] executes for these days.
    pub(crate) fn statements(&self, days: &[Date]) -> Vec<String> {
        Statements::over(&self.relations, days).map(|all| all.in_order().to_vec()).unwrap_or_default()
    }

    /// Reads the rows of a report on the last of these days.
    pub(crate) async fn read(
        &mut self,
        days: Vec<Date>,
        context: &TaskContext,
    ) -> Result<SourceRows, TaskError> {
        let Some(sql) = Statements::over(&self.relations, &days) else {
            return Ok(SourceRows::default());
        };
        let value_kind = self.relations[0].kind("display_value");
        let Self { connection, views: [kpis, series, extremes, portfolio], .. } = self;
        context.report_progress(20, "reading displayed KPIs");
        let mut rows = SourceRows { days, ..SourceRows::default() };
        let displayed: Vec<DisplayedRow> = fetch(connection, kpis, &sql.displayed).await?;
        let as_displayed = |row: DisplayedRow| DisplayedRow {
            displayed: row.displayed.map(|text| text::displayed(&text, value_kind).into_owned()),
            ..row
        };
        rows.displayed = displayed.into_iter().map(as_displayed).collect();
        context.report_progress(30, "reading the series of Daily PnL");
        rows.points = fetch(connection, series, &sql.points).await?;
        // Each of the two views is read by itself before they are joined, so that an error names the view that failed.
        context.report_progress(50, "reading the portfolio and the extremes");
        let held: Vec<DropsRow> = fetch(connection, portfolio, &sql.portfolio_drops).await?;
        let listed: Vec<DropsRow> = fetch(connection, extremes, &sql.extremes_drops).await?;
        context.report_progress(60, "summing up the positions by day and symbol");
        rows.groups = fetch(connection, extremes, &sql.groups).await?;
        context.report_progress(75, "reading the positions of the day and the day before");
        rows.holdings = fetch(connection, extremes, &sql.holdings).await?;
        let distinct = rows.groups.iter().filter(|row| row.is_total).map(|row| row.positions).sum();
        for row in held {
            row.add_to(&mut rows.drops, "portfolio", Some(distinct));
        }
        for row in listed {
            row.add_to(&mut rows.drops, "extremes", None);
        }
        Ok(rows)
    }

    /// Ends the transaction and closes the connection.
    pub(crate) async fn close(mut self) {
        // All rows have been read, so failures no longer matter.
        let _ = self.connection.execute(sqlx::raw_sql("COMMIT")).await;
        let _ = self.connection.close().await;
    }
}

async fn find(
    connection: &mut PgConnection,
    view: &View,
    columns: &[&'static str],
) -> Result<Relation, TaskError> {
    view.find(connection, columns).await.map_err(|error| of_view(&error))
}

/// Executes a query on a view. The statement is unnamed, because a pooler in transaction mode does not keep named ones
/// on the same server connection.
async fn fetch<Row>(connection: &mut PgConnection, view: &View, sql: &str) -> Result<Vec<Row>, TaskError>
where
    Row: for<'r> sqlx::FromRow<'r, sqlx::postgres::PgRow> + Send + Unpin,
{
    let rows = sqlx::query_as(AssertSqlSafe(sql.to_owned())).persistent(false).fetch_all(connection).await;
    rows.map_err(|error| of_view(&ViewError::reading(view, &error)))
}

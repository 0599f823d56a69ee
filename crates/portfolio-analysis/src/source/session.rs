//! A connection with its transaction, and the reading of a report's rows.

use std::collections::BTreeSet;
use std::time::Duration;

use common::postgres::Server;
use jiff::civil::Date;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use tokio::time::{Instant, interval_at};
use trading_views::{Relation, View, ViewError, Views, begin, text};

use super::error::{no_connection, of_session, of_view};
use super::rows::{DisplayedRow, DropsRow, Reading};
use super::statements::{self, Plan};
use trigger_core::task::{TaskContext, TaskError};

const STATEMENT_DEADLINE: Duration = Duration::from_mins(1);
/// How often a run that waits for its connection reports that.
const REPORT_INTERVAL: Duration = Duration::from_secs(5);

/// A read-only transaction over the four views. It ends with its connection, which no other run uses.
pub(crate) struct Session {
    connection: PgConnection,
    views: [View; 4],
    relations: [Relation; 4],
}

/// Connects; repeats that until `patience` is over, while the failure is transient, and reports the progress.
pub(crate) async fn connect(
    server: &Server,
    patience: Duration,
    context: &TaskContext,
) -> Result<PgConnection, TaskError> {
    context.progress(0, format!("connecting to {server}"));
    let started = Instant::now();
    let mut reports = interval_at(started + REPORT_INTERVAL, REPORT_INTERVAL);
    let connecting = server.connect_within(patience);
    tokio::pin!(connecting);
    loop {
        tokio::select! {
            connected = &mut connecting => return connected.map_err(|error| no_connection(&error)),
            _ = reports.tick() => {
                let (elapsed, limit) = (started.elapsed().as_secs(), patience.as_secs());
                let note = format!("connecting to {server}: no connection after {elapsed} s, tried for {limit} s");
                context.progress(0, note);
            }
        }
    }
}

impl Session {
    /// Begins the transaction and finds the views.
    pub(crate) async fn begin(mut connection: PgConnection, views: &Views) -> Result<Self, TaskError> {
        begin(&mut connection, Some(STATEMENT_DEADLINE)).await.map_err(|failure| of_session(&failure))?;
        let [kpis, series, extremes, portfolio] = views.all();
        let relations = [
            find(&mut connection, kpis, &["kpi_name", "display_value"]).await?,
            find(&mut connection, series, &["kpi_name", "ts", "value"]).await?,
            find(&mut connection, extremes, statements::EXTREMES).await?,
            find(&mut connection, portfolio, portfolio.columns).await?,
        ];
        Ok(Self { connection, views: views.all().map(View::clone), relations })
    }

    /// The newest days of any view, oldest first, at most `limit`, not after `bound`.
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

    /// The statements that [`Session::read`] runs for these days.
    pub(crate) fn plan(&self, days: &[Date]) -> Vec<String> {
        Plan::of(&self.relations, days).map(|plan| plan.all().to_vec()).unwrap_or_default()
    }

    /// Reads what a report on the last of these days needs.
    pub(crate) async fn read(
        &mut self,
        days: Vec<Date>,
        context: &TaskContext,
    ) -> Result<Reading, TaskError> {
        let Some(plan) = Plan::of(&self.relations, &days) else {
            return Ok(Reading::default());
        };
        let value_kind = self.relations[0].kind("display_value");
        let Self { connection, views: [kpis, series, extremes, portfolio], .. } = self;
        context.progress(20, "reading displayed KPIs");
        let mut reading = Reading { days, ..Reading::default() };
        let displayed: Vec<DisplayedRow> = fetch(connection, kpis, &plan.displayed).await?;
        let as_displayed = |row: DisplayedRow| DisplayedRow {
            displayed: row.displayed.map(|text| text::displayed(&text, value_kind).into_owned()),
            ..row
        };
        reading.displayed = displayed.into_iter().map(as_displayed).collect();
        context.progress(30, "reading the series of Daily PnL");
        reading.points = fetch(connection, series, &plan.points).await?;
        // Each of the two views by itself first, so that one that fails is the one that is named.
        context.progress(50, "reading the portfolio and the extremes");
        let held: Vec<DropsRow> = fetch(connection, portfolio, &plan.portfolio_drops).await?;
        let listed: Vec<DropsRow> = fetch(connection, extremes, &plan.extremes_drops).await?;
        context.progress(60, "summing up positions by day and symbol");
        reading.groups = fetch(connection, extremes, &plan.groups).await?;
        context.progress(75, "reading the positions of the day and the day before");
        reading.holdings = fetch(connection, extremes, &plan.holdings).await?;
        let distinct = reading.groups.iter().filter(|row| row.is_total).map(|row| row.positions).sum();
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
        // Everything has been read: what fails from here on changes nothing.
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

/// Runs a query on a view, and returns the rows. The statement has no name, so a pooler has none to confuse.
async fn fetch<Row>(connection: &mut PgConnection, view: &View, sql: &str) -> Result<Vec<Row>, TaskError>
where
    Row: for<'r> sqlx::FromRow<'r, sqlx::postgres::PgRow> + Send + Unpin,
{
    let rows = sqlx::query_as(AssertSqlSafe(sql.to_owned())).persistent(false).fetch_all(connection).await;
    rows.map_err(|error| of_view(&ViewError::reading(view, &error)))
}

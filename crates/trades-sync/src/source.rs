//! Reads a trading day out of Postgres.
//!
//! One connection does everything: it holds the advisory lock of the date for as long as the day is
//! on its way, and reads the four views in one read-only repeatable-read transaction, so that the
//! parts of a day agree with each other.

mod error;
mod lock;
mod rows;
mod view;

use std::str::FromStr;
use std::time::Duration;

use jiff::civil::Date;
use secrecy::{ExposeSecret, SecretString};
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, Executor, PgConnection};
use tokio::time::timeout;

use crate::domain::{Drops, Moment, Snapshot};

pub use self::error::SourceError;
pub use self::rows::ViewRows;
pub use self::view::{View, Views};

const CONNECT_DEADLINE: Duration = Duration::from_secs(15);
const READ_DEADLINE: Duration = Duration::from_mins(5);

/// Rows come in the order they are stored in, so that "the later row" means the same in every run, and
/// as texts in one spelling, whatever the server's defaults are.
const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
    SET LOCAL synchronize_seqscans = off; SET LOCAL max_parallel_workers_per_gather = 0;
    SET LOCAL timezone = 'UTC'; SET LOCAL datestyle = 'ISO'; SET LOCAL extra_float_digits = 1";

/// An open connection to the database with the views.
pub struct Source {
    connection: PgConnection,
    views: Views,
    server: String,
}

/// A day as the views have it.
#[derive(Clone, Debug)]
pub struct ViewDay {
    /// What can be stored. It may be empty.
    pub snapshot: Snapshot,
    /// What can't.
    pub drops: Drops,
    /// How many rows the views have for the day.
    pub rows: ViewRows,
}

impl Source {
    /// Connects.
    ///
    /// # Errors
    /// [`SourceError::Url`] for a URL that can't be used, [`SourceError::Connect`] when there is no way in.
    /// Neither shows the URL or its password.
    pub async fn connect(url: &SecretString, views: Views) -> Result<Self, SourceError> {
        let url = url.expose_secret();
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            return Err(SourceError::Url);
        }
        let options = PgConnectOptions::from_str(url).map_err(|_| SourceError::Url)?;
        let options = options.application_name("trades-sync").disable_statement_logging();
        let server = format!(
            "{}:{} (database {}, user {})",
            options.get_host(),
            options.get_port(),
            options.get_database().unwrap_or(options.get_username()),
            options.get_username()
        );
        let connect = timeout(CONNECT_DEADLINE, PgConnection::connect_with(&options)).await;
        let reason = match connect {
            Ok(Ok(connection)) => {
                return Ok(Self { connection, views, server });
            }
            Ok(Err(error)) => error::reason(&error),
            Err(_) => format!("no answer within {} s", CONNECT_DEADLINE.as_secs()),
        };
        Err(SourceError::Connect { server, reason })
    }

    /// Where this is connected to: host, port, database and user.
    pub fn server(&self) -> &str {
        &self.server
    }

    /// Takes the advisory lock of a date; it is held until [`Source::unlock`] or the end of the connection.
    ///
    /// # Errors
    /// [`SourceError::Locked`] when another run has held it for longer than this one waits.
    pub async fn lock(&mut self, date: Date) -> Result<(), SourceError> {
        lock::acquire(&mut self.connection, date).await
    }

    /// Gives the lock of a date back.
    pub async fn unlock(&mut self, date: Date) {
        lock::release(&mut self.connection, date).await;
    }

    /// Reads a day, which may turn out to be empty.
    ///
    /// # Errors
    /// When a view can't be read; the error names it, the date and what to do.
    pub async fn read(&mut self, date: Date) -> Result<ViewDay, SourceError> {
        match timeout(READ_DEADLINE, self.read_day(date)).await {
            Ok(day) => day,
            Err(_) => Err(SourceError::Slow { date, deadline: READ_DEADLINE }),
        }
    }

    async fn read_day(&mut self, date: Date) -> Result<ViewDay, SourceError> {
        let Self { connection, views, .. } = self;
        let lost = |error| SourceError::Session { date, reason: error::reason(&error) };
        connection.execute(sqlx::raw_sql(BEGIN)).await.map_err(lost)?;
        let mut drops = Drops::default();
        let mut rows = ViewRows::default();
        let (kpis, count) = rows::kpis(connection, &views.kpis, date, &mut drops).await?;
        rows.kpis = count;
        let mut snapshot = Snapshot {
            date,
            updated_at: Moment::now(),
            headline: Snapshot::default_headline(date),
            summary: String::new(),
            rows: kpis,
            overlay: rows::overlay(connection, views, date, &mut drops, &mut rows).await?,
        };
        connection.execute(sqlx::raw_sql("COMMIT")).await.map_err(lost)?;
        snapshot.arrange();
        snapshot.resolve_repeats(&mut drops);
        Ok(ViewDay { snapshot, drops, rows })
    }

    /// Checks each view as far as that goes without reading it: one outcome a view, in a fixed order.
    pub async fn check(&mut self) -> Vec<(View, Result<(), SourceError>)> {
        let mut outcomes = Vec::new();
        for view in self.views.all() {
            let outcome = view::relation(&mut self.connection, view, None).await.map(drop);
            outcomes.push((view.clone(), outcome));
        }
        outcomes
    }
}

impl Snapshot {
    /// Puts series and extremes into the order of the KPIs, and points into the order of time.
    fn arrange(&mut self) {
        let places: std::collections::HashMap<&str, usize> =
            self.rows.iter().enumerate().map(|(place, row)| (row.kpi.as_str(), place)).collect();
        let place = |kpi: &str| (places.get(kpi).copied().unwrap_or(usize::MAX), kpi.to_owned());
        self.overlay.series.sort_by_cached_key(|kpi, _| place(kpi));
        self.overlay.extremes.sort_by_cached_key(|kpi, _| place(kpi));
        for points in self.overlay.series.values_mut() {
            points.sort_by(|a, b| a.t.cmp(&b.t));
        }
    }
}

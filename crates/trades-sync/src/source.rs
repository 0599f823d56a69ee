//! Reads a trading day from Postgres.
//!
//! The four views are read in one read-only repeatable-read transaction, so that the parts of a day are consistent. A run
//! that stores the day takes the advisory lock of the date in the same transaction, which stays open until the day is
//! stored. No state outlives a transaction, so the connection can use a pooler in transaction mode.

mod error;
mod lock;
mod rows;

use std::time::Duration;

use common::postgres::Server;
use jiff::civil::Date;
use sqlx::{AssertSqlSafe, Executor, PgConnection};
use tokio::time::timeout;
use trading_views::{Failure, Relation, View, ViewError, Views, begin};

use crate::domain::{Drops, Moment, Snapshot};

pub use self::error::SourceError;
use self::rows::FoundView;
pub use self::rows::ViewRows;

const READ_TIMEOUT: Duration = Duration::from_mins(5);

/// The database with the views.
pub struct Source {
    server: Server,
    connect_budget: Duration,
    views: Views,
    /// None after the connection was lost. The next use connects again.
    connection: Option<PgConnection>,
    /// The date whose lock the open transaction holds.
    locked: Option<Date>,
}

/// A day of the views.
#[derive(Clone, Debug)]
pub struct ViewDay {
    /// The rows that can be stored. There may be none.
    pub snapshot: Snapshot,
    /// The rows and numbers that can't be stored.
    pub drops: Drops,
    /// The number of rows that the views have for the day.
    pub rows: ViewRows,
}

impl Source {
    /// Connects. Transient failures are retried within the budget.
    ///
    /// # Errors
    /// [`SourceError::Connect`].
    pub async fn connect(
        server: Server,
        views: Views,
        connect_budget: Duration,
    ) -> Result<Self, SourceError> {
        let connection = Some(server.connect_within(connect_budget).await?);
        Ok(Self { server, connect_budget, views, connection, locked: None })
    }

    /// The host, port, database and user.
    pub fn server(&self) -> String {
        self.server.to_string()
    }

    async fn connection(&mut self) -> Result<&mut PgConnection, SourceError> {
        match &mut self.connection {
            Some(connection) => Ok(connection),
            none => Ok(none.insert(self.server.connect_within(self.connect_budget).await?)),
        }
    }

    /// Begins the transaction that reads a date, and takes the advisory lock of the date. Both end with
    /// [`Source::unlock`], or when the connection is lost.
    ///
    /// # Errors
    /// [`SourceError::Locked`] if another run holds the lock for longer than the maximum wait.
    pub async fn lock(&mut self, date: Date) -> Result<(), SourceError> {
        lock::begin_locked(self.connection().await?, date).await?;
        self.locked = Some(date);
        Ok(())
    }

    /// Ends the transaction that holds the lock of a date.
    pub async fn unlock(&mut self, date: Date) {
        self.locked = None;
        let Some(connection) = &mut self.connection else { return };
        if let Err(error) = connection.execute(sqlx::raw_sql("COMMIT")).await {
            self.connection = None;
            tracing::warn!(
                %date,
                error = Failure::of(&error).detail,
                "the connection to Postgres was lost while the day was being stored, and the lock of its date with it; \
                 another run of this date may have stored it at the same time"
            );
        }
    }

    /// Reads a day, which may be empty.
    ///
    /// # Errors
    /// If a view can't be read. The error names the view, the date and what to do.
    pub async fn read(&mut self, date: Date) -> Result<ViewDay, SourceError> {
        let day = match timeout(READ_TIMEOUT, self.read_day(date)).await {
            Ok(day) => day,
            Err(_) => Err(SourceError::Timeout { date, timeout: READ_TIMEOUT }),
        };
        if day.is_err() {
            // The connection is dropped instead of ending its transaction, which could have to wait for a statement.
            (self.connection, self.locked) = (None, None);
        }
        day
    }

    async fn read_day(&mut self, date: Date) -> Result<ViewDay, SourceError> {
        let in_transaction = self.locked == Some(date);
        let views = self.views.clone();
        let connection = self.connection().await?;
        if !in_transaction {
            begin(connection, None).await.map_err(|failure| SourceError::session(date, failure))?;
        }
        let relations = views.find(connection).await;
        let relations = relations.map_err(|error| SourceError::View { date: Some(date), error })?;
        let [kpis, overlay @ ..]: [FoundView<'_>; 4] =
            std::array::from_fn(|index| FoundView { view: views.all()[index], relation: &relations[index] });
        let mut drops = Drops::default();
        let mut rows = ViewRows::default();
        let (kpis, count) = rows::kpis(connection, kpis, date, &mut drops).await?;
        rows.kpis = count;
        let mut snapshot = Snapshot {
            date,
            updated_at: Moment::now(),
            headline: Snapshot::default_headline(date),
            summary: String::new(),
            rows: kpis,
            overlay: rows::overlay(connection, overlay, date, &mut drops, &mut rows).await?,
        };
        // A refresh of a view waits for the transactions that have read it, but must not wait until the day is stored. The
        // rollback to the savepoint releases the locks of the views. It keeps the lock of the date, which was taken before
        // the savepoint.
        let end = if in_transaction { &format!("ROLLBACK TO {}", lock::SAVEPOINT) } else { "COMMIT" };
        let ended = connection.execute(sqlx::raw_sql(AssertSqlSafe(end))).await;
        ended.map_err(|error| SourceError::session(date, Failure::of(&error)))?;
        snapshot.sort();
        snapshot.resolve_repeats(&mut drops);
        Ok(ViewDay { snapshot, drops, rows })
    }

    /// Checks each view without reading it. Returns one outcome per view, in the order of [`Views::all`].
    ///
    /// # Errors
    /// If the connection fails.
    pub async fn check(&mut self) -> Result<Vec<(View, Result<Relation, SourceError>)>, SourceError> {
        let views = self.views.clone();
        let connection = self.connection().await?;
        let mut outcomes = Vec::new();
        for view in views.all() {
            // Each view has its own transaction, because an error aborts the transaction in which it occurs.
            let failed = |failure: Failure| SourceError::Check { reason: failure.detail };
            begin(connection, None).await.map_err(failed)?;
            let found: Result<_, ViewError> = view.find(connection, view.columns).await;
            let ended = connection.execute(sqlx::raw_sql("ROLLBACK")).await;
            let outcome = found.map_err(|error| SourceError::View { date: None, error });
            outcomes.push((view.clone(), outcome));
            ended.map_err(|error| failed(Failure::of(&error)))?;
        }
        Ok(outcomes)
    }
}

impl Snapshot {
    /// Sorts series and extremes by the order of the KPIs, and points by time.
    fn sort(&mut self) {
        let positions: std::collections::HashMap<&str, usize> =
            self.rows.iter().enumerate().map(|(index, row)| (row.kpi.as_str(), index)).collect();
        let position = |kpi: &str| (positions.get(kpi).copied().unwrap_or(usize::MAX), kpi.to_owned());
        self.overlay.series.sort_by_cached_key(|kpi, _| position(kpi));
        self.overlay.extremes.sort_by_cached_key(|kpi, _| position(kpi));
        for points in self.overlay.series.values_mut() {
            points.sort_by(|a, b| a.t.cmp(&b.t));
        }
    }
}

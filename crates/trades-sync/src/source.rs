//! Reads a trading day out of Postgres.
//!
//! The four views are read in one read-only repeatable-read transaction, so that the parts of a day agree with each
//! other. A run that stores the day takes the advisory lock of the date in the same transaction, which stays open until
//! the day is stored. Nothing outlives a transaction, so a connection pooler may be in between.

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
use self::rows::Found;
pub use self::rows::ViewRows;

const READ_DEADLINE: Duration = Duration::from_mins(5);

/// The database with the views.
pub struct Source {
    server: Server,
    patience: Duration,
    views: Views,
    /// None after the connection was lost; the next use connects again.
    connection: Option<PgConnection>,
    /// The date whose lock the open transaction holds.
    locked: Option<Date>,
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
    /// Connects; repeats that until `patience` is over, while the failure is transient.
    ///
    /// # Errors
    /// [`SourceError::Connect`].
    pub async fn connect(server: Server, views: Views, patience: Duration) -> Result<Self, SourceError> {
        let connection = Some(server.connect_within(patience).await?);
        Ok(Self { server, patience, views, connection, locked: None })
    }

    /// The server: host, port, database and user.
    pub fn server(&self) -> String {
        self.server.to_string()
    }

    async fn connection(&mut self) -> Result<&mut PgConnection, SourceError> {
        match &mut self.connection {
            Some(connection) => Ok(connection),
            none => Ok(none.insert(self.server.connect_within(self.patience).await?)),
        }
    }

    /// Takes the advisory lock of a date, and begins the transaction that reads it. Both last until
    /// [`Source::unlock`], or until the connection is lost.
    ///
    /// # Errors
    /// [`SourceError::Locked`] if another run holds the lock for longer than this one waits.
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
                error = Failure::of(&error).words,
                "the connection to Postgres was lost while the day was being stored, and the lock of its date with it; \
                 another run of this date may have stored it at the same time"
            );
        }
    }

    /// Reads a day, which may turn out to be empty.
    ///
    /// # Errors
    /// When a view can't be read; the error names it, the date and what to do.
    pub async fn read(&mut self, date: Date) -> Result<ViewDay, SourceError> {
        let day = match timeout(READ_DEADLINE, self.read_day(date)).await {
            Ok(day) => day,
            Err(_) => Err(SourceError::Slow { date, deadline: READ_DEADLINE }),
        };
        if day.is_err() {
            // The transaction is of no use any more, and its end may have to wait for a statement.
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
        let [kpis, overlay @ ..]: [Found<'_>; 4] =
            std::array::from_fn(|index| Found { view: views.all()[index], relation: &relations[index] });
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
        // A refresh of a view waits for whoever has read it, but must not wait until the day is stored. The rollback
        // releases the locks of the views, and keeps the lock of the date, which was taken before.
        let end = if in_transaction { &format!("ROLLBACK TO {}", lock::SAVEPOINT) } else { "COMMIT" };
        let ended = connection.execute(sqlx::raw_sql(AssertSqlSafe(end))).await;
        ended.map_err(|error| SourceError::session(date, Failure::of(&error)))?;
        snapshot.arrange();
        snapshot.resolve_repeats(&mut drops);
        Ok(ViewDay { snapshot, drops, rows })
    }

    /// Checks each view as far as that is possible without reading it: one outcome per view, in a fixed order.
    ///
    /// # Errors
    /// When the connection fails.
    pub async fn check(&mut self) -> Result<Vec<(View, Result<Relation, SourceError>)>, SourceError> {
        let views = self.views.clone();
        let connection = self.connection().await?;
        let mut outcomes = Vec::new();
        for view in views.all() {
            // A transaction for each: an error ends the one in which it happens.
            let failed = |failure: Failure| SourceError::Check { reason: failure.words };
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

//! Stores days in a SQLite file. Tests compare the other sinks with this one.

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::civil::Date;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteRow};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, Row, TypeInfo, ValueRef};

use super::statements::{MIGRATIONS, replace_day, select_day};
use super::{Receipt, SinkError};
use crate::domain::{Cell, Snapshot, TABLES, Table};

/// A SQLite file with the receiver's five tables. It is created if it does not exist.
#[derive(Debug)]
pub struct SqliteSink {
    path: PathBuf,
}

impl SqliteSink {
    /// The file at `path`.
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    pub(super) async fn store(&self, snapshot: &Snapshot) -> Result<Receipt, SinkError> {
        self.replace(snapshot).await.map_err(|error| self.failed(&error))
    }

    async fn replace(&self, snapshot: &Snapshot) -> Result<Receipt, sqlx::Error> {
        let mut connection = self.open(true).await?;
        // IMMEDIATE takes the write lock now, so that a second writer waits here and does not fail at a later statement.
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
        let mut bytes = 0;
        for statement in replace_day(snapshot) {
            let mut query = sqlx::query(statement.sql);
            for parameter in statement.params {
                bytes += parameter.len();
                query = query.bind(parameter);
            }
            query.execute(&mut *transaction).await?;
        }
        transaction.commit().await?;
        connection.close().await?;
        Ok(Receipt { sink: "sqlite", bytes })
    }

    pub(super) async fn stored(&self, date: Date) -> Result<Vec<Table>, SinkError> {
        if !self.path.exists() {
            return Err(SinkError::rejected(
                &self.name(),
                "the file does not exist; run trades-sync run --sink sqlite first",
            ));
        }
        self.tables(date).await.map_err(|error| self.failed(&error))
    }

    async fn tables(&self, date: Date) -> Result<Vec<Table>, sqlx::Error> {
        let mut connection = self.open(false).await?;
        // One transaction, so that all tables are of the same day even if a writer replaces it.
        let mut transaction = connection.begin().await?;
        let mut tables = Vec::new();
        for shape in &TABLES {
            let query = sqlx::query(AssertSqlSafe(select_day(shape))).bind(date.to_string());
            let rows = query.fetch_all(&mut *transaction).await?;
            tables.push(Table { shape, rows: rows.iter().map(cells).collect::<Result<_, _>>()? });
        }
        Ok(tables)
    }

    pub(super) async fn check(&self) -> Result<String, SinkError> {
        self.open(true).await.map_err(|error| self.failed(&error))?;
        Ok(format!("{} can be written", self.name()))
    }

    async fn open(&self, create: bool) -> Result<SqliteConnection, sqlx::Error> {
        let options = SqliteConnectOptions::new()
            .filename(&self.path)
            .create_if_missing(create)
            .journal_mode(SqliteJournalMode::Wal)
            .busy_timeout(Duration::from_secs(30))
            // SQLite would write larger temporary data to /tmp, which a container may not have.
            .pragma("temp_store", "MEMORY")
            .disable_statement_logging();
        let mut connection = options.connect().await?;
        if create {
            migrate(&mut connection).await?;
        }
        Ok(connection)
    }

    fn name(&self) -> String {
        format!("SQLite file {}", self.path.display())
    }

    fn failed(&self, error: &sqlx::Error) -> SinkError {
        let reason = match error {
            sqlx::Error::Database(error) => error.message().to_owned(),
            other => other.to_string(),
        };
        SinkError::rejected(&self.name(), format!("{reason}; check SQLITE_PATH, its folder and the disk"))
    }
}

/// Applies the migrations that the file does not have yet. `user_version` counts them. In files of versions that did not
/// set it, it is 0 and the tables exist; applying the first migration again does not change them.
async fn migrate(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    if applied_migrations(connection).await? >= MIGRATIONS.len() {
        return Ok(());
    }
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    // Another process may have migrated the file while this one waited for the write lock.
    let applied = applied_migrations(&mut transaction).await?;
    for migration in MIGRATIONS.iter().skip(applied) {
        transaction.execute(sqlx::raw_sql(*migration)).await?;
    }
    let version = MIGRATIONS.len().max(applied);
    transaction.execute(sqlx::raw_sql(AssertSqlSafe(format!("PRAGMA user_version = {version}")))).await?;
    transaction.commit().await
}

async fn applied_migrations(connection: &mut SqliteConnection) -> Result<usize, sqlx::Error> {
    let version: i64 = sqlx::query_scalar("PRAGMA user_version").fetch_one(connection).await?;
    Ok(usize::try_from(version).unwrap_or(0))
}

fn cells(row: &SqliteRow) -> Result<Vec<Cell>, sqlx::Error> {
    (0..row.len())
        .map(|column| {
            let value = row.try_get_raw(column)?;
            Ok(match value.type_info().name() {
                _ if value.is_null() => Cell::Null,
                "INTEGER" | "REAL" => Cell::Number(row.try_get_unchecked(column)?),
                _ => Cell::Text(row.try_get_unchecked(column)?),
            })
        })
        .collect()
}

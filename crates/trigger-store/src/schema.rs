//! Creates the tables and upgrades those of older versions.
//!
//! sqlx's `Migrator` is not used, because it would break guarantees that the tests check: it takes a session-level
//! advisory lock, which PgBouncer's transaction mode does not support (and no lock at all on SQLite); at every start it
//! executes `CREATE TABLE IF NOT EXISTS`, which fails for a user without the right CREATE even if the table exists; it
//! applies each step in a transaction of its own; and it would have to adopt the tables of existing installations, whose
//! version is in `trigger_api_schema`.

use trigger_core::store_error::StoreError;

use super::address::Address;
use super::execute_error::ExecuteError;
use super::schema_connection::SchemaConnection;

/// The steps from an empty database to the current tables, for SQLite and for Postgres. A change of the tables is a new
/// step; steps that were released do not change.
const STEPS: [(&str, &str); 5] = [
    (include_str!("schema/sqlite_1_runs.sql"), include_str!("schema/postgres_1_runs.sql")),
    (include_str!("schema/sqlite_2_tasks.sql"), include_str!("schema/postgres_2_tasks.sql")),
    (include_str!("schema/sqlite_3_requests.sql"), include_str!("schema/postgres_3_requests.sql")),
    (include_str!("schema/sqlite_4_lists.sql"), include_str!("schema/postgres_4_lists.sql")),
    (include_str!("schema/sqlite_5_streams.sql"), include_str!("schema/postgres_5_streams.sql")),
];
/// The version of the tables after the last step.
#[expect(clippy::cast_possible_wrap, reason = "there are few steps")]
const NEWEST: i64 = STEPS.len() as i64;

const READ_VERSION: &str = "SELECT COALESCE(MAX(version), 0) AS version FROM trigger_api_schema";
/// Takes the write lock at once: a second process waits here instead of failing at its first write.
const BEGIN_SQLITE: &str = "BEGIN IMMEDIATE";
/// Serializes replicas that start at the same time: the lock is held until the transaction ends. The key is arbitrary.
const BEGIN_POSTGRES: &str = "BEGIN; SELECT pg_advisory_xact_lock(7400216918)";
const CREATE_VERSIONS: &str =
    "CREATE TABLE IF NOT EXISTS trigger_api_schema (version BIGINT NOT NULL PRIMARY KEY)";

/// Why the tables can't be used.
pub(super) enum PrepareError {
    /// The database can't be reached or written.
    Failed {
        /// What was being done.
        operation: &'static str,
        error: ExecuteError,
    },
    /// The tables have a newer version than this program supports.
    Newer { found: i64 },
}

impl PrepareError {
    pub(super) fn into_store_error(self, place: &str) -> StoreError {
        match self {
            Self::Failed { operation, error } => error.into_store_error(operation, place),
            Self::Newer { found } => {
                StoreError::NewerSchema { place: place.to_owned(), found, newest: NEWEST }
            }
        }
    }
}

/// Connects and upgrades the tables to the newest version.
///
/// # Errors
/// If the database can't be reached or written, or its tables have a newer version than this program supports.
pub(super) async fn prepare(address: &Address) -> Result<(), PrepareError> {
    let connection = SchemaConnection::open(address).await;
    let mut connection =
        connection.map_err(|error| PrepareError::Failed { operation: "connecting", error })?;
    // The version is read first, so that a user without the right to create tables can use existing ones.
    let found = match connection.read_number(READ_VERSION).await {
        Ok(version) if version >= NEWEST => version,
        // Either there are no tables, or the upgrade fails with an error that describes the problem better.
        Ok(_) | Err(_) => upgrade(&mut connection).await.map_err(|error| PrepareError::Failed {
            operation: "creating the tables",
            error: ExecuteError::Statement(error),
        })?,
    };
    connection.close().await;
    if found > NEWEST { Err(PrepareError::Newer { found }) } else { Ok(()) }
}

/// Applies all missing steps in one transaction and returns the resulting version. After an error the connection must be
/// dropped.
async fn upgrade(connection: &mut SchemaConnection) -> Result<i64, sqlx::Error> {
    let is_sqlite = matches!(connection, SchemaConnection::Sqlite(_));
    connection.execute(if is_sqlite { BEGIN_SQLITE } else { BEGIN_POSTGRES }).await?;
    connection.execute(CREATE_VERSIONS).await?;
    let found = connection.read_number(READ_VERSION).await?;
    for ((sqlite, postgres), version) in STEPS.into_iter().zip(1..) {
        if version > found {
            connection.execute(if is_sqlite { sqlite } else { postgres }).await?;
            connection
                .execute(format!("INSERT INTO trigger_api_schema (version) VALUES ({version})"))
                .await?;
        }
    }
    connection.execute("COMMIT").await?;
    Ok(found.max(NEWEST))
}

#[cfg(test)]
mod tests {
    use sqlx::{Connection as _, SqliteConnection};
    use testkit::postgres::Server;

    use super::super::run_row::{RUN_COLUMNS, TASK_COLUMNS};
    use super::*;

    /// The columns of both tables that are no part of a run.
    const OTHER_COLUMNS: [(&str, &[&str]); 2] =
        [("runs", &["saved_at", "version", "worker", "slot", "beat"]), ("run_events", &["sequence", "at"])];

    fn expected(table: &str, others: &[&str]) -> Vec<String> {
        let name = |column: &&str| match (table, *column) {
            ("run_events", "id") => "run_id".to_owned(),
            (_, column) => column.to_owned(),
        };
        let mut columns: Vec<String> =
            [RUN_COLUMNS, TASK_COLUMNS, others].concat().iter().map(name).collect();
        columns.sort();
        columns
    }

    #[tokio::test]
    async fn the_tables_of_both_databases_have_the_columns_of_a_run() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("runs.sqlite").display());
        assert!(prepare(&Address::parse(&url.clone().into()).unwrap()).await.is_ok());
        let mut sqlite = SqliteConnection::connect(&url).await.unwrap();
        let database = Server::shared().database().await;
        assert!(prepare(&Address::parse(&database.url.clone().into()).unwrap()).await.is_ok());
        let mut postgres = database.connect().await;
        for (table, others) in OTHER_COLUMNS {
            let expected = expected(table, others);
            let sql = "SELECT name FROM pragma_table_info($1) ORDER BY name";
            let found: Vec<String> =
                sqlx::query_scalar(sql).bind(table).fetch_all(&mut sqlite).await.unwrap();
            assert_eq!(found, expected, "{table} in SQLite");
            let sql = "SELECT attname::text COLLATE \"C\" FROM pg_attribute \
                WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped ORDER BY 1";
            let found: Vec<String> =
                sqlx::query_scalar(sql).bind(table).fetch_all(&mut postgres).await.unwrap();
            assert_eq!(found, expected, "{table} in Postgres");
        }
    }
}

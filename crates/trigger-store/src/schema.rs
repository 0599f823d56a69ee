//! Makes the tables, and knows which version of them it understands.

use super::address::Address;
use super::connections::Connection;
use super::failure::Failure;
use trigger_core::ports::StoreError;

/// The steps from an empty database to the tables of today, for SQLite and for Postgres. A change of the tables is a
/// further step; the steps that were released stay as they are.
const STEPS: [(&str, &str); 2] = [
    (include_str!("sqlite.sql"), include_str!("postgres.sql")),
    (include_str!("sqlite_tasks.sql"), include_str!("postgres_tasks.sql")),
];
/// The version that the last step makes.
#[expect(clippy::cast_possible_wrap, reason = "there are few steps")]
const NEWEST: i64 = STEPS.len() as i64;

const LAST_STEP: &str = "SELECT COALESCE(MAX(version), 0) AS version FROM trigger_api_schema";
/// The write lock from the start: a second process waits instead of failing half-way.
const BEGIN_SQLITE: &str = "BEGIN IMMEDIATE";
/// Two replicas that start at once take this lock in turn, and hold it until the transaction ends. The number is arbitrary
/// and this program's own.
const BEGIN_POSTGRES: &str = "BEGIN; SELECT pg_advisory_xact_lock(7400216918)";
const VERSIONS: &str = "CREATE TABLE IF NOT EXISTS trigger_api_schema (version BIGINT NOT NULL PRIMARY KEY)";

/// Connects and brings the tables to the newest version. Refuses tables of a version that is newer still.
pub(super) async fn prepare(address: &Address) -> Result<(), StoreError> {
    let place = address.place();
    let connection = Connection::open(address).await;
    let mut connection = connection.map_err(|failure| failure.store_error("connecting", &place))?;
    // Asked first, so that a user who may not make tables will do once they are there.
    let version = match connection.number(LAST_STEP).await {
        Ok(version) if version >= NEWEST => version,
        // There are no tables yet, or something is wrong that the next step says better.
        Ok(_) | Err(_) => migrate(&mut connection)
            .await
            .map_err(|error| Failure::Statement(error).store_error("creating the tables", &place))?,
    };
    connection.close().await;
    if version > NEWEST {
        return Err(StoreError::NewerSchema { place, found: version, newest: NEWEST });
    }
    Ok(())
}

/// All steps that are missing, in one transaction, and the version that results. After an error the connection must be
/// dropped.
async fn migrate(connection: &mut Connection) -> Result<i64, sqlx::Error> {
    let is_sqlite = matches!(connection, Connection::Sqlite(_));
    connection.script(if is_sqlite { BEGIN_SQLITE } else { BEGIN_POSTGRES }).await?;
    connection.script(VERSIONS).await?;
    let before = connection.number(LAST_STEP).await?;
    for ((sqlite, postgres), number) in STEPS.into_iter().zip(1..) {
        if number > before {
            connection.script(if is_sqlite { sqlite } else { postgres }).await?;
            connection.script(format!("INSERT INTO trigger_api_schema (version) VALUES ({number})")).await?;
        }
    }
    connection.script("COMMIT").await?;
    Ok(before.max(NEWEST))
}

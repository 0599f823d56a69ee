//! Makes the tables, and knows which version of them it understands.

use sqlx::{AnyConnection, Connection, Executor, Row};

use super::address::{Address, Kind};
use super::connections::{connect, failed};
use crate::domain::ports::StoreError;

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
/// The lock that two replicas starting at once take in turn. The number is arbitrary and this program's own.
const LOCK: &str = "SELECT pg_advisory_xact_lock(7400216918)";

/// Connects and brings the tables to the newest version. Refuses tables of a version that is newer still.
pub(super) async fn prepare(address: &Address) -> Result<(), StoreError> {
    let mut connection = connect(address).await?;
    // Asked first, so that a user who may not make tables will do once they are there.
    let version = match version(&mut connection).await {
        Ok(version) if version >= NEWEST => version,
        // There are no tables yet, or something is wrong that the next step says better.
        Ok(_) | Err(_) => migrate(&mut connection, address.kind)
            .await
            .map_err(|error| failed("making the tables", &address.place, &error))?,
    };
    // Nothing depends on how the connection ends.
    let _ = connection.close().await;
    if version > NEWEST {
        return Err(StoreError(format!(
            "the tables in {} are of version {version}, and this program knows versions up to {NEWEST}: it is older than \
             the one that made them; run that one, or name another database",
            address.place
        )));
    }
    Ok(())
}

async fn version(connection: &mut AnyConnection) -> Result<i64, sqlx::Error> {
    sqlx::query(LAST_STEP).fetch_one(connection).await?.try_get("version")
}

/// All steps that are missing, in one transaction, and the version that results.
async fn migrate(connection: &mut AnyConnection, kind: Kind) -> Result<i64, sqlx::Error> {
    let (begin, lock) = match kind {
        // The write lock from the start: a second process waits instead of failing half-way.
        Kind::Sqlite => ("BEGIN IMMEDIATE", "SELECT 1"),
        Kind::Postgres => ("BEGIN", LOCK),
    };
    let mut transaction = connection.begin_with(begin).await?;
    transaction.execute(lock).await?;
    transaction
        .execute("CREATE TABLE IF NOT EXISTS trigger_api_schema (version BIGINT NOT NULL PRIMARY KEY)")
        .await?;
    let before = version(&mut transaction).await?;
    for ((sqlite, postgres), number) in STEPS.into_iter().zip(1..) {
        if number > before {
            let step = match kind {
                Kind::Sqlite => sqlite,
                Kind::Postgres => postgres,
            };
            sqlx::raw_sql(step).execute(&mut *transaction).await?;
            let note = sqlx::query("INSERT INTO trigger_api_schema (version) VALUES ($1)").bind(number);
            note.execute(&mut *transaction).await?;
        }
    }
    transaction.commit().await?;
    Ok(before.max(NEWEST))
}

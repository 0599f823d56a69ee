//! The SQLite file.

use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use futures_util::TryStreamExt;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Either, Executor, SqliteConnection};
use tokio::time::{Instant, sleep, timeout};

use super::execute_error::ExecuteError;
use super::row::{Row, StatementResult};
use super::statement::Statement;

/// How long a call waits for the connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a call waits for the result of its statement.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(12);
/// How long opening a file is retried while another process locks it.
const OPEN_BUDGET: Duration = Duration::from_secs(10);
/// The pause between two attempts to open the file.
const PAUSE: Duration = Duration::from_millis(250);

/// The mode is stored in the file. Setting it ignores the busy timeout, so [`open`] sets it and retries.
const JOURNAL: &str = "PRAGMA journal_mode = WAL";

/// A write that changes no stored data. SQLite does not write a value that is unchanged, so the row id changes.
pub(super) const CHECK: &str = "UPDATE run_event_counter SET rowid = -rowid";

/// Identifies the file that was opened. If it is deleted or replaced, it stays open, and later writes are
/// lost when it is closed.
pub(super) struct SqliteFile {
    path: String,
    opened: Option<(u64, u64)>,
}

impl SqliteFile {
    /// The file that is at the path now.
    pub(super) fn at(path: String) -> Self {
        Self { opened: identity(&path), path }
    }

    /// Whether the file at the path is missing now, or a different one.
    pub(super) fn is_replaced(&self) -> bool {
        identity(&self.path) != self.opened
    }
}

/// The device and the inode number.
fn identity(path: &str) -> Option<(u64, u64)> {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.dev(), metadata.ino()))
}

/// With WAL and NORMAL, no committed transaction is lost if the program is killed. A power failure can lose the last
/// ones, which are read again from the cluster, and does not damage the file. The busy timeout applies to other processes,
/// such as the previous pod during an update. The cache is small to save memory. The image has no folder for temporary
/// files, so SQLite sorts in memory.
fn options(path: &str) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .busy_timeout(Duration::from_secs(5))
        .synchronous(SqliteSynchronous::Normal)
        .foreign_keys(true)
        .pragma("cache_size", "-512")
        .pragma("journal_size_limit", "4194304")
        .pragma("temp_store", "MEMORY")
        .disable_statement_logging()
}

/// A pool of one connection: the writes of this process wait for it instead of failing on each other's locks, and there
/// is only one page cache.
pub(super) fn pool(path: &str) -> SqlitePool {
    SqlitePoolOptions::new()
        .max_connections(1)
        .idle_timeout(None)
        .max_lifetime(None)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .test_before_acquire(false)
        .connect_lazy_with(options(path))
}

/// Opens the file, or creates it if it is missing. Retries while another process locks it.
pub(super) async fn open(path: &str) -> Result<SqliteConnection, ExecuteError> {
    let deadline = Instant::now() + OPEN_BUDGET;
    loop {
        let error = match options(path).connect().await {
            Ok(mut connection) => match connection.execute(JOURNAL).await {
                Ok(_) => return Ok(connection),
                Err(error) => error,
            },
            Err(error) => error,
        };
        if Instant::now() + PAUSE >= deadline || !is_busy(&error) {
            return Err(ExecuteError::Statement(error));
        }
        tracing::info!(path, "the history's file is locked by another process; retrying");
        sleep(PAUSE).await;
    }
}

/// Executes a statement in an implicit transaction.
pub(super) async fn execute(
    pool: &SqlitePool,
    statement: &Statement,
) -> Result<StatementResult, ExecuteError> {
    let mut connection = pool.acquire().await.map_err(|error| match error {
        sqlx::Error::PoolTimedOut => ExecuteError::NoConnection,
        error => ExecuteError::Statement(error),
    })?;
    match timeout(ANSWER_TIMEOUT, fetch(&mut connection, statement)).await {
        Ok(result) => result.map_err(ExecuteError::Statement),
        Err(_) => {
            // A connection that is still executing the statement must not return to the pool.
            drop(connection.detach());
            Err(ExecuteError::Timeout(ANSWER_TIMEOUT))
        }
    }
}

async fn fetch(
    connection: &mut SqliteConnection,
    statement: &Statement,
) -> Result<StatementResult, sqlx::Error> {
    let mut parts = connection.fetch_many(statement.query());
    let mut result = StatementResult::default();
    while let Some(part) = parts.try_next().await? {
        match part {
            Either::Left(done) => result.rows_affected += done.rows_affected(),
            Either::Right(row) => result.rows.push(Row::Sqlite(row)),
        }
    }
    Ok(result)
}

/// Whether another process locks the file.
fn is_busy(error: &sqlx::Error) -> bool {
    // The lower byte of an extended result code is the primary one; 5 is SQLITE_BUSY.
    let code = error.as_database_error().and_then(|error| error.code()?.parse::<u32>().ok());
    code.is_some_and(|code| code & 0xff == 5)
}

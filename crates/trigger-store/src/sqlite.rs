//! The SQLite file.

use std::time::Duration;

use futures_util::TryStreamExt;
use sqlx::pool::PoolConnection;
use sqlx::sqlite::{
    SqliteAutoVacuum, SqliteConnectOptions, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{ConnectOptions, Either, Executor, Sqlite, SqliteConnection};
use tokio::time::{Instant, sleep, timeout};

use super::execute_error::ExecuteError;
use super::reserve::Reserve;
use super::row::{Row, StatementResult};
use super::sqlite_file::SqliteFile;
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

/// The size of the pages in use. Free pages are used before the file grows.
pub(super) const USED_BYTES: &str = "SELECT (page_count - freelist_count) * page_size AS bytes \
    FROM pragma_page_count, pragma_freelist_count, pragma_page_size";

/// The number of free pages. They can be returned to the disk in steps if the file was created by this version.
pub(super) const FREE_PAGES: &str = "SELECT freelist_count AS pages FROM pragma_freelist_count";

/// The default size of SQLite's pages.
const PAGE_BYTES: u64 = 4096;

/// After a deletion from the reserve: returns pages to the disk, and moves those of the write-ahead log into the file.
const AFTER_DELETION: [&str; 2] = ["PRAGMA incremental_vacuum(1000)", "PRAGMA wal_checkpoint(TRUNCATE)"];

/// With WAL and NORMAL, no committed transaction is lost if the program is killed. A power failure can lose the last
/// ones, which are read again from the cluster, and does not damage the file. The busy timeout applies to other processes,
/// such as the previous pod during an update. The cache is small to save memory. The image has no folder for temporary
/// files, so SQLite sorts in memory. A deletion does not overwrite what it deletes, so it changes few pages.
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
        .pragma("secure_delete", "OFF")
        .auto_vacuum(SqliteAutoVacuum::Incremental)
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

/// Opens the file, or creates it if it is missing. Retries while another process locks it. On a full disk, the reserve is
/// released.
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
        if needs_space(&error) && Reserve::of(path).release() {
            continue;
        }
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
    let mut connection = acquire(pool).await?;
    match timeout(ANSWER_TIMEOUT, fetch(&mut connection, statement)).await {
        Ok(result) => result.map_err(ExecuteError::Statement),
        Err(_) => {
            // A connection that is still executing the statement must not return to the pool.
            drop(connection.detach());
            Err(ExecuteError::Timeout(ANSWER_TIMEOUT))
        }
    }
}

/// Executes a deletion. If the disk is full, it uses the reserve. No other statement is executed meanwhile, because it would
/// use the reserve too.
pub(super) async fn delete(
    pool: &SqlitePool,
    file: &SqliteFile,
    statement: &Statement,
) -> Result<StatementResult, ExecuteError> {
    let result = execute(pool, statement).await;
    match &result {
        Err(ExecuteError::Statement(error)) if needs_space(error) => {}
        _ => return result,
    }
    let mut connection = acquire(pool).await?;
    if !file.reserve.release() {
        return result;
    }
    let result = fetch(&mut connection, statement).await;
    for pragma in AFTER_DELETION {
        // A failure leaves pages in the file or in the log, where later statements use them.
        let _ = connection.execute(pragma).await;
    }
    file.reserve.refill();
    result.map_err(ExecuteError::Statement)
}

/// The statement that limits the size of the file. The limit applies to the connection.
pub(super) fn limit_size(max_bytes: u64) -> Statement {
    // Page numbers of SQLite have 32 bits.
    let pages = (max_bytes / PAGE_BYTES).min(u64::from(u32::MAX - 1));
    Statement::new(format!("PRAGMA max_page_count = {pages}"), Vec::new())
}

async fn acquire(pool: &SqlitePool) -> Result<PoolConnection<Sqlite>, ExecuteError> {
    pool.acquire().await.map_err(|error| match error {
        sqlx::Error::PoolTimedOut => ExecuteError::NoConnection,
        error => ExecuteError::Statement(error),
    })
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
    primary_code(error) == Some(5)
}

/// Whether the error can be due to a full disk: `SQLITE_FULL`, or `SQLITE_IOERR` or `SQLITE_CANTOPEN` if a file beside the
/// database can't be created.
fn needs_space(error: &sqlx::Error) -> bool {
    matches!(primary_code(error), Some(10 | 13 | 14))
}

/// The primary result code: the lower byte of the extended one.
fn primary_code(error: &sqlx::Error) -> Option<u32> {
    let code = error.as_database_error()?.code()?.parse::<u32>().ok()?;
    Some(code & 0xff)
}

//! The SQLite file.

use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use futures_util::TryStreamExt;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Either, Executor, SqliteConnection};
use tokio::time::{Instant, sleep, timeout};

use super::failure::Failure;
use super::row::{Answer, Row};
use super::statement::Statement;

/// How long a call waits for the connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a call waits for an answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(12);
/// How long a file that another process locks is waited for when the program starts.
const PATIENCE: Duration = Duration::from_secs(10);
/// The pause between two attempts meanwhile.
const PAUSE: Duration = Duration::from_millis(250);

/// Stays with the file. It does not keep to the busy timeout, so it is set where a busy file is tried again.
const JOURNAL: &str = "PRAGMA journal_mode = WAL";

/// Writes without changing what is stored. SQLite writes nothing when a value stays as it is, so the row moves.
pub(super) const CHECK: &str = "UPDATE run_event_counter SET rowid = -rowid";

/// The file that was opened. A file that is deleted or replaced meanwhile stays open, and what is written is lost.
pub(super) struct File {
    path: String,
    opened: Option<(u64, u64)>,
}

impl File {
    /// The file at that path as it is now.
    pub(super) fn at(path: String) -> Self {
        Self { opened: identity(&path), path }
    }

    /// Whether the path leads to another file by now, or to none.
    pub(super) fn is_misplaced(&self) -> bool {
        identity(&self.path) != self.opened
    }
}

/// The device and the number of the file on it.
fn identity(path: &str) -> Option<(u64, u64)> {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.dev(), metadata.ino()))
}

/// WAL with NORMAL loses nothing that was acknowledged when the program is killed; a power cut may take the last
/// commits, which the cluster still knows, and leaves the file whole. The busy timeout is for another process, such as
/// the earlier version of this program while it is replaced. The cache is small since memory counts more here. The image
/// has no folder for temporary files, so what is sorted is sorted in memory.
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

/// A pool of one connection: the writes of this process queue for it instead of meeting each other's locks, and there is
/// one page cache.
pub(super) fn pool(path: &str) -> SqlitePool {
    SqlitePoolOptions::new()
        .max_connections(1)
        .idle_timeout(None)
        .max_lifetime(None)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .test_before_acquire(false)
        .connect_lazy_with(options(path))
}

/// Opens the file and makes it when it is missing. A file that another process locks is waited for.
pub(super) async fn open(path: &str) -> Result<SqliteConnection, Failure> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let error = match options(path).connect().await {
            Ok(mut connection) => match connection.execute(JOURNAL).await {
                Ok(_) => return Ok(connection),
                Err(error) => error,
            },
            Err(error) => error,
        };
        if Instant::now() + PAUSE >= deadline || !is_busy(&error) {
            return Err(Failure::Statement(error));
        }
        tracing::info!(path, "the history's file is locked by another process; trying again");
        sleep(PAUSE).await;
    }
}

/// Runs a statement, which is a transaction by itself.
pub(super) async fn run(pool: &SqlitePool, statement: &Statement) -> Result<Answer, Failure> {
    let mut connection = pool.acquire().await.map_err(|error| match error {
        sqlx::Error::PoolTimedOut => Failure::NoConnection,
        error => Failure::Statement(error),
    })?;
    match timeout(ANSWER_TIMEOUT, answer(&mut connection, statement)).await {
        Ok(result) => result.map_err(Failure::Statement),
        Err(_) => {
            drop(connection.detach());
            Err(Failure::NoAnswer(ANSWER_TIMEOUT))
        }
    }
}

async fn answer(connection: &mut SqliteConnection, statement: &Statement) -> Result<Answer, sqlx::Error> {
    let mut parts = connection.fetch_many(statement.query());
    let mut answer = Answer::default();
    while let Some(part) = parts.try_next().await? {
        match part {
            Either::Left(done) => answer.changed += done.rows_affected(),
            Either::Right(row) => answer.rows.push(Row::Sqlite(row)),
        }
    }
    Ok(answer)
}

/// Whether another process locks the file.
fn is_busy(error: &sqlx::Error) -> bool {
    // The lower byte of the code is SQLITE_BUSY, the upper one says more.
    let code = error.as_database_error().and_then(|error| error.code()?.parse::<u32>().ok());
    code.is_some_and(|code| code & 0xff == 5)
}

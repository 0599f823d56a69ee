//! The connections to the database: how they are made, how long they may take, and when something is tried again.

use std::time::Duration;

use futures_util::TryStreamExt;
use sqlx::any::{AnyPoolOptions, AnyRow};
use sqlx::{AnyConnection, AnyPool, ConnectOptions, Either, Executor};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::address::{Address, Kind};
use super::statement::Statement;
use crate::domain::ports::StoreError;

/// How long a database that is starting is waited for.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often it is asked meanwhile.
const PAUSE: Duration = Duration::from_millis(250);
/// How long a call waits for a connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a call waits for an answer. Postgres gives up a little earlier, so this is for a network that went silent.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(12);
/// How many connections there are to Postgres at most.
const POSTGRES_CONNECTIONS: u32 = 8;
/// How often a call is tried: when Postgres restarts, every idle connection may be dead.
const ATTEMPTS: u32 = POSTGRES_CONNECTIONS + 2;

/// WAL with NORMAL loses nothing that was acknowledged when the program is killed; a power cut may take the last
/// commits, which the cluster still knows, and leaves the file whole. The busy timeout is for another process, such as
/// the earlier version of this program while it is replaced. The cache is small since memory counts more here.
const SQLITE_SETTINGS: &str = "PRAGMA busy_timeout = 5000; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON; \
    PRAGMA cache_size = -512; PRAGMA journal_size_limit = 4194304";
/// Stays with the file. It does not keep to the busy timeout, so it is set where a busy file is tried again.
const SQLITE_JOURNAL: &str = "PRAGMA journal_mode = WAL";
const POSTGRES_SETTINGS: &str = "SET application_name = 'trigger-api'; SET statement_timeout = '10s'";

/// A pool, and the address for its messages.
#[derive(Clone)]
pub(super) struct Connections {
    pool: AnyPool,
    place: String,
}

impl Connections {
    /// A pool that connects when it is first used.
    pub(super) fn to(address: Address) -> Self {
        let settings = settings(address.kind);
        let options = AnyPoolOptions::new()
            .acquire_timeout(ACQUIRE_TIMEOUT)
            // A round trip before each call is saved: a connection that turns out dead is replaced, see `run`.
            .test_before_acquire(false)
            .after_connect(move |connection, _| {
                Box::pin(async move { connection.execute(settings).await.map(drop) })
            });
        let options = match address.kind {
            // One connection: the writes of this process stand in line instead of meeting SQLITE_BUSY, and there is
            // one page cache.
            Kind::Sqlite => options.max_connections(1).idle_timeout(None).max_lifetime(None),
            Kind::Postgres => options.max_connections(POSTGRES_CONNECTIONS),
        };
        Self { pool: options.connect_lazy_with(address.options), place: address.place }
    }

    /// What people call the database.
    pub(super) fn place(&self) -> &str {
        &self.place
    }

    pub(super) async fn close(&self) {
        self.pool.close().await;
    }

    /// Runs a statement and gives how many rows it changed, not counting those that triggers changed.
    pub(super) async fn execute(&self, doing: &str, statement: &Statement) -> Result<u64, StoreError> {
        Ok(self.run(doing, statement).await?.changed)
    }

    /// Reads the first row that a statement gives; None also when the statement would put a second row where an index wants
    /// one, which is how one of two that do the same at the same moment learns that it was the second.
    pub(super) async fn first_unless_taken<T>(
        &self,
        doing: &str,
        statement: &Statement,
        read: fn(&AnyRow) -> Result<T, sqlx::Error>,
    ) -> Result<Option<T>, StoreError> {
        let rows = match self.repeated(statement).await {
            Ok(answer) => answer.rows,
            Err(sqlx::Error::Database(error)) if error.is_unique_violation() => return Ok(None),
            Err(error) => return Err(failed(doing, &self.place, &error)),
        };
        rows.first().map(read).transpose().map_err(|error| failed(doing, &self.place, &error))
    }

    /// Reads all rows that a statement gives.
    pub(super) async fn all<T>(
        &self,
        doing: &str,
        statement: &Statement,
        read: fn(&AnyRow) -> Result<T, sqlx::Error>,
    ) -> Result<Vec<T>, StoreError> {
        let rows = self.run(doing, statement).await?.rows;
        let read: Result<_, _> = rows.iter().map(read).collect();
        read.map_err(|error| failed(doing, &self.place, &error))
    }

    /// Reads the first row that a statement gives.
    pub(super) async fn first<T>(
        &self,
        doing: &str,
        statement: &Statement,
        read: fn(&AnyRow) -> Result<T, sqlx::Error>,
    ) -> Result<Option<T>, StoreError> {
        Ok(self.all(doing, statement, read).await?.into_iter().next())
    }

    async fn run(&self, doing: &str, statement: &Statement) -> Result<Answer, StoreError> {
        self.repeated(statement).await.map_err(|error| failed(doing, &self.place, &error))
    }

    /// Runs a statement, more than once if need be: every statement of this store may be repeated.
    async fn repeated(&self, statement: &Statement) -> Result<Answer, sqlx::Error> {
        let mut attempt = 1;
        loop {
            match self.attempt(statement).await {
                Err(error) if attempt < ATTEMPTS && may_pass(&error) => attempt += 1,
                result => return result,
            }
        }
    }

    async fn attempt(&self, statement: &Statement) -> Result<Answer, sqlx::Error> {
        let mut connection = self.pool.acquire().await?;
        let result = timeout(ANSWER_TIMEOUT, answer(&mut connection, statement)).await.unwrap_or_else(|_| {
            Err(sqlx::Error::AnyDriverError(format!("no answer within {ANSWER_TIMEOUT:?}").into()))
        });
        if let Err(sqlx::Error::Io(_) | sqlx::Error::Protocol(_) | sqlx::Error::AnyDriverError(_)) = &result {
            // Closed at once: nobody waits for a dead peer before its place in the pool is free again.
            drop(connection.detach());
        }
        result
    }
}

/// What a statement gave.
#[derive(Default)]
struct Answer {
    rows: Vec<AnyRow>,
    changed: u64,
}

async fn answer(connection: &mut AnyConnection, statement: &Statement) -> Result<Answer, sqlx::Error> {
    let mut parts = connection.fetch_many(statement.query());
    let mut answer = Answer::default();
    while let Some(part) = parts.try_next().await? {
        match part {
            Either::Left(done) => answer.changed += done.rows_affected(),
            Either::Right(row) => answer.rows.push(row),
        }
    }
    Ok(answer)
}

/// Makes one connection, and waits some seconds for a database that is starting.
pub(super) async fn connect(address: &Address) -> Result<AnyConnection, StoreError> {
    let deadline = Instant::now() + PATIENCE;
    let mut last = None;
    loop {
        let error = match timeout_at(deadline, open(address)).await {
            Ok(Ok(connection)) => return Ok(connection),
            Ok(Err(error)) => error,
            Err(_) => last.unwrap_or(sqlx::Error::PoolTimedOut),
        };
        if Instant::now() + PAUSE >= deadline || !(may_pass(&error) || is_busy(address.kind, &error)) {
            return Err(failed("connecting", &address.place, &error));
        }
        tracing::info!(place = address.place, reason = reason(&error), "the database is waited for");
        last = Some(error);
        sleep(PAUSE).await;
    }
}

async fn open(address: &Address) -> Result<AnyConnection, sqlx::Error> {
    let mut connection = address.options.connect().await?;
    connection.execute(settings(address.kind)).await?;
    if address.kind == Kind::Sqlite {
        connection.execute(SQLITE_JOURNAL).await?;
    }
    Ok(connection)
}

fn settings(kind: Kind) -> &'static str {
    match kind {
        Kind::Sqlite => SQLITE_SETTINGS,
        Kind::Postgres => POSTGRES_SETTINGS,
    }
}

/// Whether the next attempt may go better: the connection broke, the server restarts, or two transactions met.
fn may_pass(error: &sqlx::Error) -> bool {
    match error {
        // A connection that ends early is the one or the other, by the moment at which it ends.
        sqlx::Error::Io(_) | sqlx::Error::Protocol(_) => true,
        sqlx::Error::Database(error) => error.code().is_some_and(|code| {
            // Postgres: deadlock, serialization failure, shutdown, start, too many clients, broken connection.
            matches!(&*code, "40P01" | "40001" | "57P01" | "57P02" | "57P03" | "53300")
                || code.starts_with("08")
        }),
        _ => false,
    }
}

/// Whether another process is at the SQLite file.
fn is_busy(kind: Kind, error: &sqlx::Error) -> bool {
    // The lower byte of the code is SQLITE_BUSY, the upper one says more.
    let code = error.as_database_error().and_then(|error| error.code()?.parse::<u32>().ok());
    kind == Kind::Sqlite && code.is_some_and(|code| code & 0xff == 5)
}

/// What went wrong, without the URL.
pub(super) fn failed(doing: &str, place: &str, error: &sqlx::Error) -> StoreError {
    StoreError(format!("{doing}: {place}: {}", reason(error)))
}

fn reason(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(error) => error.message().to_owned(),
        sqlx::Error::Io(error) => error.to_string(),
        sqlx::Error::PoolTimedOut => {
            "no connection in time; it is down, out of reach or overloaded".to_owned()
        }
        sqlx::Error::AnyDriverError(error) => error.to_string(),
        other => other.to_string(),
    }
}

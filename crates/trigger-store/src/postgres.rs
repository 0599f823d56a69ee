//! The connections to Postgres: how they are made, how long they can take, and when a statement is repeated.
//!
//! The statements also work through a pooler that assigns each transaction another connection to the server: they do not
//! depend on the session, and each is prepared without a name, in a transaction of its own.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use common::postgres::{Server, is_connection_failure, sqlstate};
use futures_util::TryStreamExt;
use sqlx::{Connection, Either, Executor, PgConnection};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::execute_error::{ExecuteError, is_read_only};
use super::row::{Row, StatementResult};
use super::statement::Statement;

/// How long a call waits for a connection to a server that can execute its statement.
const CONNECTION_BUDGET: Duration = Duration::from_secs(5);
/// The pause before a statement is repeated on another new connection.
const PAUSE: Duration = Duration::from_millis(250);
/// How long a call waits for an answer. Postgres cancels the statement earlier, so this limit applies only if the network
/// drops packets.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(12);
const BEGIN: &str = "BEGIN; SET LOCAL statement_timeout = '10s'";
const MAX_CONNECTIONS: usize = 8;
const MAX_ATTEMPTS: u32 = 30;
/// How long a connection is used. It limits how long a changed DNS record is ignored.
const MAX_LIFETIME: Duration = Duration::from_mins(10);
/// How long a connection can be idle. Afterwards a pooler in session mode can assign its server connection to another
/// replica.
const MAX_IDLE: Duration = Duration::from_mins(1);

/// A write that changes no stored data. It requires the same rights as saving a run.
pub(super) const CHECK: &str = "WITH none AS (INSERT INTO runs SELECT * FROM runs WHERE FALSE), \
    same AS (UPDATE runs SET version = version WHERE FALSE) \
    UPDATE run_event_counter SET last = last";

/// The approximate size of the rows. That of the tables does not decrease when rows are deleted. Lengths are read without
/// the values.
pub(super) const USED_BYTES: &str = "SELECT \
    (SELECT COUNT(*) * 2048 FROM runs) + (SELECT COUNT(*) * 1024 FROM run_events) \
    + (SELECT COALESCE(SUM(octet_length(text)), 0) FROM run_logs) \
    + (SELECT COALESCE(SUM(octet_length(result)), 0) FROM run_results) AS bytes";

/// Connections to Postgres. Idle ones are kept for the next statements.
pub(super) struct PostgresPool {
    server: Server,
    permits: Semaphore,
    idle: Mutex<Vec<PooledConnection>>,
    /// Counts connection failures. A connection of an earlier generation most likely leads to the same failed server and is
    /// dropped.
    generation: AtomicU64,
}

struct PooledConnection {
    inner: PgConnection,
    generation: u64,
    opened: Instant,
    last_used: Instant,
    /// Whether it was opened for the current statement.
    is_new: bool,
}

impl PostgresPool {
    /// Connects at the first use.
    pub(super) fn new(server: Server) -> Self {
        Self {
            server,
            permits: Semaphore::new(MAX_CONNECTIONS),
            idle: Mutex::default(),
            generation: AtomicU64::new(0),
        }
    }

    /// Executes a statement in a transaction, and repeats it if its connection fails; every statement of this store can be
    /// repeated. With `wait_for_server` the call waits some seconds for a server that restarts or is replaced. Without it,
    /// as after an earlier failure, the statement is attempted on one new connection only.
    pub(super) async fn execute(
        &self,
        statement: &Statement,
        wait_for_server: bool,
    ) -> Result<StatementResult, ExecuteError> {
        let deadline = Instant::now() + CONNECTION_BUDGET;
        let permit = timeout_at(deadline, self.permits.acquire()).await;
        let _permit = permit.ok().and_then(Result::ok).ok_or(ExecuteError::NoConnection)?;
        let mut last = None;
        for _ in 0..MAX_ATTEMPTS {
            let mut connection = match self.acquire(deadline, wait_for_server).await {
                Ok(connection) => connection,
                // An error of the server describes the problem better than a timeout of the next connection.
                Err(error) => return Err(last.map_or(error, ExecuteError::Statement)),
            };
            let executed = timeout(ANSWER_TIMEOUT, transaction(&mut connection.inner, statement)).await;
            let Ok(result) = executed else {
                self.invalidate(&connection);
                return Err(ExecuteError::Timeout(ANSWER_TIMEOUT));
            };
            let error = match result {
                Ok(result) => {
                    self.put_back(connection);
                    return Ok(result);
                }
                Err(error) => error,
            };
            if !is_connection_failure(&error) {
                self.put_back(connection);
                if !is_transaction_conflict(&error) {
                    return Err(ExecuteError::Statement(error));
                }
            } else if connection.is_new && !(wait_for_server && pause_before(deadline).await) {
                self.give_up(connection, &error);
                return Err(ExecuteError::Statement(error));
            } else {
                self.invalidate(&connection);
            }
            last = Some(error);
        }
        Err(last.map_or(ExecuteError::NoConnection, ExecuteError::Statement))
    }

    /// Closes idle connections that are no longer usable.
    pub(super) async fn close_unusable(&self) {
        let (usable, unusable) =
            std::mem::take(&mut *self.idle()).into_iter().partition(|connection| self.is_usable(connection));
        self.idle().extend::<Vec<PooledConnection>>(usable);
        close_all(unusable).await;
    }

    /// Closes the idle connections and rejects further statements.
    pub(super) async fn close(&self) {
        self.permits.close();
        let all = std::mem::take(&mut *self.idle());
        close_all(all).await;
    }

    /// Returns an idle connection, or opens one to a server that is suitable now.
    async fn acquire(
        &self,
        deadline: Instant,
        wait_for_server: bool,
    ) -> Result<PooledConnection, ExecuteError> {
        loop {
            let Some(connection) = self.idle().pop() else { break };
            if self.is_usable(&connection) {
                return Ok(PooledConnection { is_new: false, ..connection });
            }
        }
        let generation = self.generation.load(Ordering::Acquire);
        let connecting = async {
            if wait_for_server {
                self.server.connect_within(deadline.saturating_duration_since(Instant::now())).await
            } else {
                self.server.connect().await
            }
        };
        // The extra pause allows the last attempt to return its error.
        let connected = timeout_at(deadline + PAUSE, connecting).await;
        let now = Instant::now();
        let inner = connected.map_err(|_| ExecuteError::NoConnection)?.map_err(ExecuteError::Connect)?;
        Ok(PooledConnection { inner, generation, opened: now, last_used: now, is_new: true })
    }

    fn put_back(&self, connection: PooledConnection) {
        self.idle().push(PooledConnection { last_used: Instant::now(), ..connection });
    }

    /// Handles the failure of a new connection. One to a read-only server is kept: no better server was found, and this one
    /// can be read.
    fn give_up(&self, connection: PooledConnection, error: &sqlx::Error) {
        if is_read_only(error) { self.put_back(connection) } else { self.invalidate(&connection) }
    }

    /// Makes all connections of this generation and of earlier ones unusable.
    fn invalidate(&self, connection: &PooledConnection) {
        self.generation.fetch_max(connection.generation + 1, Ordering::AcqRel);
    }

    fn is_usable(&self, connection: &PooledConnection) -> bool {
        connection.generation == self.generation.load(Ordering::Acquire)
            && connection.opened.elapsed() < MAX_LIFETIME
            && connection.last_used.elapsed() < MAX_IDLE
    }

    fn idle(&self) -> MutexGuard<'_, Vec<PooledConnection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Pauses before another attempt. Returns false if there is no time for one.
async fn pause_before(deadline: Instant) -> bool {
    let has_time = Instant::now() + PAUSE < deadline;
    if has_time {
        sleep(PAUSE).await;
    }
    has_time
}

async fn close_all(connections: Vec<PooledConnection>) {
    for connection in connections {
        // An error is ignored: an idle connection has no open transaction.
        let _ = timeout(PAUSE, connection.inner.close()).await;
    }
}

/// Executes a statement in a transaction. If the future is dropped before it is ready, the connection must be dropped too.
async fn transaction(
    connection: &mut PgConnection,
    statement: &Statement,
) -> Result<StatementResult, sqlx::Error> {
    let mut transaction = connection.begin_with(BEGIN).await?;
    match fetch(&mut transaction, statement).await {
        Ok(result) => transaction.commit().await.map(|()| result),
        Err(error) => {
            // A pooler keeps its connection to the server until the transaction has ended.
            if !is_connection_failure(&error) || is_read_only(&error) {
                transaction.rollback().await?;
            }
            Err(error)
        }
    }
}

async fn fetch(connection: &mut PgConnection, statement: &Statement) -> Result<StatementResult, sqlx::Error> {
    let mut parts = connection.fetch_many(statement.query().persistent(false));
    let mut result = StatementResult::default();
    while let Some(part) = parts.try_next().await? {
        match part {
            Either::Left(done) => result.rows_affected += done.rows_affected(),
            Either::Right(row) => result.rows.push(Row::Postgres(row)),
        }
    }
    Ok(result)
}

/// Whether the transaction was rolled back because of another one: a deadlock or a serialization failure.
fn is_transaction_conflict(error: &sqlx::Error) -> bool {
    sqlstate(error).is_some_and(|code| code == "40P01" || code == "40001")
}

//! The connections to Postgres: how they are made, how long they may take, and when a statement is repeated.
//!
//! The statements also work through a pooler that gives each transaction another connection to the server: nothing that
//! belongs to a session is used. A statement is prepared without a name, in a transaction of its own.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use common::postgres::{Server, is_connection_failure, sqlstate};
use futures_util::TryStreamExt;
use sqlx::{Connection, Either, Executor, PgConnection};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::failure::{Failure, is_read_only};
use super::row::{Answer, Row};
use super::statement::Statement;

/// How long a call waits for a connection to a server that can execute its statement.
const PATIENCE: Duration = Duration::from_secs(5);
/// The pause before a statement is repeated on another new connection.
const PAUSE: Duration = Duration::from_millis(250);
/// How long a call waits for an answer. Postgres gives up a little earlier, so this is for a network that went silent.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(12);
const BEGIN: &str = "BEGIN; SET LOCAL statement_timeout = '10s'";
/// The limit of connections.
const MAX_CONNECTIONS: usize = 8;
/// How often a statement is tried.
const MAX_ATTEMPTS: u32 = 30;
/// How long a connection is used: a name that leads to another server by now is noticed in the end.
const MAX_LIFETIME: Duration = Duration::from_mins(10);
/// How long a connection may be idle. A pooler in session mode can give it to another replica then.
const MAX_IDLE: Duration = Duration::from_mins(1);

/// Writes without changing what is stored. It needs the rights that saving a run needs.
pub(super) const CHECK: &str = "WITH none AS (INSERT INTO runs SELECT * FROM runs WHERE FALSE), \
    same AS (UPDATE runs SET version = version WHERE FALSE) \
    UPDATE run_event_counter SET last = last";

/// Some connections. Those that are idle are kept for the next statements.
pub(super) struct Pool {
    server: Server,
    permits: Semaphore,
    idle: Mutex<Vec<Session>>,
    /// Counts the failures of connections. A connection of an earlier generation most likely leads to the same broken
    /// server and is dropped.
    generation: AtomicU64,
}

struct Session {
    connection: PgConnection,
    generation: u64,
    opened: Instant,
    used: Instant,
    /// Whether it was made for the statement that uses it now.
    is_new: bool,
}

impl Pool {
    /// A pool that connects when it is first used.
    pub(super) fn new(server: Server) -> Self {
        Self {
            server,
            permits: Semaphore::new(MAX_CONNECTIONS),
            idle: Mutex::default(),
            generation: AtomicU64::new(0),
        }
    }

    /// Runs a statement in a transaction. Every statement of this store may be repeated, and is when its connection fails.
    /// The call waits some seconds for a server that restarts or is replaced, but only if `patient`: when the store was
    /// unusable before, one attempt on a new connection is enough.
    pub(super) async fn run(&self, statement: &Statement, patient: bool) -> Result<Answer, Failure> {
        let deadline = Instant::now() + PATIENCE;
        let permit = timeout_at(deadline, self.permits.acquire()).await;
        let _permit = permit.ok().and_then(Result::ok).ok_or(Failure::NoConnection)?;
        let mut last = None;
        for _ in 0..MAX_ATTEMPTS {
            let mut session = match self.session(deadline, patient).await {
                Ok(session) => session,
                // What a server answered says more than that there was no time left for another connection.
                Err(failure) => return Err(last.map_or(failure, Failure::Statement)),
            };
            let answer = timeout(ANSWER_TIMEOUT, transaction(&mut session.connection, statement)).await;
            let Ok(result) = answer else {
                self.outdate(&session);
                return Err(Failure::NoAnswer(ANSWER_TIMEOUT));
            };
            let error = match result {
                Ok(answer) => {
                    self.put_back(session);
                    return Ok(answer);
                }
                Err(error) => error,
            };
            if !is_connection_failure(&error) {
                self.put_back(session);
                if !met_another_transaction(&error) {
                    return Err(Failure::Statement(error));
                }
            } else if session.is_new && !(patient && pause_before(deadline).await) {
                self.give_up(session, &error);
                return Err(Failure::Statement(error));
            } else {
                self.outdate(&session);
            }
            last = Some(error);
        }
        Err(last.map_or(Failure::NoConnection, Failure::Statement))
    }

    /// Closes connections that nobody has needed for a while.
    pub(super) async fn reap(&self) {
        let (kept, old) =
            std::mem::take(&mut *self.idle()).into_iter().partition(|session| self.is_usable(session));
        self.idle().extend::<Vec<Session>>(kept);
        close_all(old).await;
    }

    /// Closes the idle connections; there are no others when the program ends.
    pub(super) async fn close(&self) {
        self.permits.close();
        let all = std::mem::take(&mut *self.idle());
        close_all(all).await;
    }

    /// An idle connection, or a new one to the server that is suitable now.
    async fn session(&self, deadline: Instant, patient: bool) -> Result<Session, Failure> {
        loop {
            let Some(session) = self.idle().pop() else { break };
            if self.is_usable(&session) {
                return Ok(Session { is_new: false, ..session });
            }
        }
        let generation = self.generation.load(Ordering::Acquire);
        let connecting = async {
            if patient {
                self.server.connect_within(deadline.saturating_duration_since(Instant::now())).await
            } else {
                self.server.connect().await
            }
        };
        // Some time more, so that the error of the last attempt is not lost.
        let connection = timeout_at(deadline + PAUSE, connecting).await.map_err(|_| Failure::NoConnection)?;
        let now = Instant::now();
        let connection = connection.map_err(Failure::Connect)?;
        Ok(Session { connection, generation, opened: now, used: now, is_new: true })
    }

    fn put_back(&self, session: Session) {
        self.idle().push(Session { used: Instant::now(), ..session });
    }

    /// A new connection failed as well. If its server is only read-only, it is kept: no better one was found, and it can be
    /// read.
    fn give_up(&self, session: Session, error: &sqlx::Error) {
        if is_read_only(error) { self.put_back(session) } else { self.outdate(&session) }
    }

    /// Makes all connections that are as old as this one unusable.
    fn outdate(&self, session: &Session) {
        self.generation.fetch_max(session.generation + 1, Ordering::AcqRel);
    }

    fn is_usable(&self, session: &Session) -> bool {
        session.generation == self.generation.load(Ordering::Acquire)
            && session.opened.elapsed() < MAX_LIFETIME
            && session.used.elapsed() < MAX_IDLE
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Session>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Pauses before another attempt; false if there is no time for one.
async fn pause_before(deadline: Instant) -> bool {
    let is_time = Instant::now() + PAUSE < deadline;
    if is_time {
        sleep(PAUSE).await;
    }
    is_time
}

async fn close_all(sessions: Vec<Session>) {
    for session in sessions {
        // Nothing depends on how a connection ends.
        let _ = timeout(PAUSE, session.connection.close()).await;
    }
}

/// When it is dropped half-way, the connection must be dropped as well.
async fn transaction(connection: &mut PgConnection, statement: &Statement) -> Result<Answer, sqlx::Error> {
    let mut transaction = connection.begin_with(BEGIN).await?;
    match answer(&mut transaction, statement).await {
        Ok(answer) => transaction.commit().await.map(|()| answer),
        Err(error) => {
            // A pooler keeps the connection to the server until the transaction has ended.
            if !is_connection_failure(&error) || is_read_only(&error) {
                transaction.rollback().await?;
            }
            Err(error)
        }
    }
}

async fn answer(connection: &mut PgConnection, statement: &Statement) -> Result<Answer, sqlx::Error> {
    let mut parts = connection.fetch_many(statement.query().persistent(false));
    let mut answer = Answer::default();
    while let Some(part) = parts.try_next().await? {
        match part {
            Either::Left(done) => answer.changed += done.rows_affected(),
            Either::Right(row) => answer.rows.push(Row::Postgres(row)),
        }
    }
    Ok(answer)
}

/// Whether the transaction was rolled back in favour of another: a deadlock or a serialization failure.
fn met_another_transaction(error: &sqlx::Error) -> bool {
    sqlstate(error).is_some_and(|code| code == "40P01" || code == "40001")
}

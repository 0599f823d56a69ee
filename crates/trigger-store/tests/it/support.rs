//! What the store's tests share: databases, and runs to put into them.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use sqlx::{Connection, SqliteConnection};
use tempfile::TempDir;
use testkit::postgres::{Database, Server};
use trigger_core::event::Event;
use trigger_core::feed::Feed;
use trigger_core::ports::RunStore;
use trigger_core::recorder::Recorder;
use trigger_core::run::{Cause, Run, RunId, State, Trigger};
use trigger_core::target::TargetName;
use trigger_store::SqlStore;

/// How long anything may take that is waited for.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// A database of its own.
pub(crate) struct Place {
    pub(crate) url: String,
    /// None on SQLite.
    pub(crate) postgres: Option<Database>,
    /// Where a SQLite file is.
    folder: Option<TempDir>,
}

/// One of each kind, empty.
pub(crate) async fn both() -> [Place; 2] {
    [sqlite(), postgres().await]
}

pub(crate) fn sqlite() -> Place {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let url = format!("sqlite:{}", folder.path().join("runs of today.sqlite").display());
    Place { url, postgres: None, folder: Some(folder) }
}

pub(crate) async fn postgres() -> Place {
    let database = Server::shared().database().await;
    Place { url: database.url.clone(), postgres: Some(database), folder: None }
}

impl Place {
    /// The store there, with connections of its own, as a replica has it.
    pub(crate) async fn open(&self) -> SqlStore {
        open(&self.url).await
    }

    /// The folder with the file.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.as_ref().expect("it is a SQLite file of its own").path()
    }

    /// Connects to the SQLite file, past the store.
    pub(crate) async fn connect(&self) -> SqliteConnection {
        let url = format!("{}?mode=rwc", self.url);
        SqliteConnection::connect(&url).await.expect("the file can be opened")
    }

    /// Runs SQL past the store.
    pub(crate) async fn execute(&self, sql: &str) {
        if let Some(database) = &self.postgres {
            return database.execute(sql).await;
        }
        let mut connection = self.connect().await;
        let statements = sqlx::raw_sql(sqlx::AssertSqlSafe(sql.to_owned()));
        statements.execute(&mut connection).await.unwrap_or_else(|error| panic!("{error}: {sql}"));
        connection.close().await.expect("it is closed");
    }
}

pub(crate) async fn open(url: &str) -> SqlStore {
    SqlStore::connect(&url.into()).await.expect("the store can be opened")
}

/// A recorder into the store there.
pub(crate) async fn recorder(url: &str) -> (Arc<dyn RunStore>, Recorder) {
    let store: Arc<dyn RunStore> = Arc::new(open(url).await);
    let feed = Arc::new(Feed::new(Arc::clone(&store)));
    (Arc::clone(&store), Recorder::new(store, feed))
}

/// A moment of the day of the tests.
pub(crate) fn at(second: i64) -> Timestamp {
    let noon: Timestamp = "2026-02-11T12:00:00Z".parse().expect("a time");
    noon + SignedDuration::from_secs(second)
}

pub(crate) fn target(name: &str) -> TargetName {
    name.parse().expect("a target's name")
}

/// A run that was just asked for.
pub(crate) fn pending(id: &str) -> Run {
    Run {
        id: RunId::new(id),
        target: target("trades-sync"),
        namespace: "trading".to_owned(),
        job_name: format!("trades-sync-{id}"),
        trigger: Trigger::Manual,
        state: State::Pending,
        cause: None,
        requested_by: Some("dashboard".to_owned()),
        reason: Some("the morning's numbers".to_owned()),
        request_id: Some("request-1".to_owned()),
        fingerprint: Some("0f".repeat(32)),
        created_at: at(0),
        started_at: None,
        finished_at: None,
        task: None,
    }
}

/// The run as it is later.
pub(crate) fn running(run: &Run) -> Run {
    Run { state: State::Running, started_at: Some(at(1)), ..run.clone() }
}

/// The run after its end.
pub(crate) fn failed(run: &Run, code: i32) -> Run {
    let cause =
        Cause { reason: "Error".to_owned(), message: format!("exit code {code}"), exit_code: Some(code) };
    running(run).ended(State::Failed, cause, at(2))
}

/// A run of that target, created in that second, that has ended.
pub(crate) fn ended(id: &str, of: &str, second: i64) -> Run {
    failed(&Run { target: target(of), created_at: at(second), ..pending(id) }, 1)
}

/// All events.
pub(crate) async fn events(store: &SqlStore) -> Vec<Event> {
    store.events_after(0, u16::MAX).await.expect("the events can be read")
}

/// The events' numbers.
pub(crate) fn numbers(events: &[Event]) -> Vec<i64> {
    events.iter().map(|event| event.sequence).collect()
}

/// Waits until the condition holds.
pub(crate) async fn until(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let met = tokio::time::timeout(PATIENCE, async { while !condition().await {} });
    assert!(met.await.is_ok(), "never: {what}");
}

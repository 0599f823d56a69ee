//! Databases and runs for the tests.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use sqlx::{Connection, SqliteConnection};
use tempfile::TempDir;
use testkit::postgres::{Database, Server};
use trigger_core::event::Event;
use trigger_core::feed::Feed;
use trigger_core::recorder::Recorder;
use trigger_core::run::{Cause, Run, RunId, State, Trigger};
use trigger_core::run_store::RunStore;
use trigger_core::target_name::TargetName;
use trigger_store::SqlStore;

/// The time limit for everything that the tests wait for.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// An empty database.
pub(crate) struct TestDatabase {
    pub(crate) url: String,
    /// None on SQLite.
    pub(crate) postgres: Option<Database>,
    /// None on Postgres.
    folder: Option<TempDir>,
}

/// One of each kind.
pub(crate) async fn both() -> [TestDatabase; 2] {
    [sqlite(), postgres().await]
}

pub(crate) fn sqlite() -> TestDatabase {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let url = format!("sqlite:{}", folder.path().join("runs of today.sqlite").display());
    TestDatabase { url, postgres: None, folder: Some(folder) }
}

pub(crate) async fn postgres() -> TestDatabase {
    let database = Server::shared().database().await;
    TestDatabase { url: database.url.clone(), postgres: Some(database), folder: None }
}

impl TestDatabase {
    /// Opens a store, as each replica does.
    pub(crate) async fn open(&self) -> SqlStore {
        open(&self.url).await
    }

    /// The folder of the SQLite file.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.as_ref().expect("the database is a SQLite file").path()
    }

    pub(crate) fn postgres(&self) -> &Database {
        self.postgres.as_ref().expect("the database is on Postgres")
    }

    /// Connects to the SQLite file without the store.
    pub(crate) async fn connect(&self) -> SqliteConnection {
        let url = format!("{}?mode=rwc", self.url);
        SqliteConnection::connect(&url).await.expect("the file can be opened")
    }

    /// Executes SQL without the store.
    pub(crate) async fn execute(&self, sql: &str) {
        if let Some(postgres) = &self.postgres {
            return postgres.execute(sql).await;
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

/// Opens a store and a recorder that writes to it.
pub(crate) async fn recorder(url: &str) -> (Arc<dyn RunStore>, Recorder) {
    let store: Arc<dyn RunStore> = Arc::new(open(url).await);
    let feed = Arc::new(Feed::new(Arc::clone(&store)));
    (Arc::clone(&store), Recorder::new(store, feed, 8 << 20))
}

/// A time on the day of the tests.
pub(crate) fn at(second: i64) -> Timestamp {
    let noon: Timestamp = "2026-02-11T12:00:00Z".parse().expect("a time");
    noon + SignedDuration::from_secs(second)
}

pub(crate) fn target(name: &str) -> TargetName {
    name.parse().expect("a target's name")
}

/// A run that was just requested.
pub(crate) fn pending(id: &str) -> Run {
    Run {
        requested_by: Some("dashboard".to_owned()),
        reason: Some("the morning's numbers".to_owned()),
        request_id: Some("request-1".to_owned()),
        fingerprint: Some("0f".repeat(32)),
        requested_via: Some("console".to_owned()),
        containers: vec!["sync".to_owned()],
        ..Run::pending(
            RunId::new(id),
            target("trades-sync"),
            "trading",
            format!("trades-sync-{id}"),
            Trigger::Manual,
            at(0),
        )
    }
}

/// The run after its container has started.
pub(crate) fn running(run: &Run) -> Run {
    Run { state: State::Running, started_at: Some(at(1)), ..run.clone() }
}

/// The run after its container has failed.
pub(crate) fn failed(run: &Run, code: i32) -> Run {
    let cause =
        Cause { reason: "Error".to_owned(), message: format!("exit code {code}"), exit_code: Some(code) };
    running(run).ended(State::Failed, cause, at(2))
}

/// A failed run of that target, created in that second.
pub(crate) fn ended(id: &str, of: &str, second: i64) -> Run {
    failed(&Run { target: target(of), created_at: at(second), ..pending(id) }, 1)
}

/// All events.
pub(crate) async fn events(store: &SqlStore) -> Vec<Event> {
    store.events_after(0, u16::MAX).await.expect("the events can be read")
}

/// The sequence numbers of the events.
pub(crate) fn numbers(events: &[Event]) -> Vec<i64> {
    events.iter().map(|event| event.sequence).collect()
}

/// Waits until the condition holds.
pub(crate) async fn until(description: &str, mut condition: impl AsyncFnMut() -> bool) {
    let met = tokio::time::timeout(PATIENCE, async { while !condition().await {} });
    assert!(met.await.is_ok(), "timed out: {description}");
}

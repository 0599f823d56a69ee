//! A local executor with a folder of CronJobs, a store and the rules of trigger-core.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};
use trigger_core::access::Caller;
use trigger_core::cronjob::CronJobTarget;
use trigger_core::executor::Executor;
use trigger_core::executor::ExecutorError;
use trigger_core::feed::Feed;
use trigger_core::log_buffers::LogBuffers;
use trigger_core::recorder::Recorder;
use trigger_core::request::{IdempotencyKey, RunRequest};
use trigger_core::run::{Cause, Run, RunId};
use trigger_core::run_store::RunStore;
use trigger_core::runs::{Parts, RunError, Runs};
use trigger_core::start::Preview;
use trigger_core::start::{StartError, Started};
use trigger_core::target::{Target, Targets};
use trigger_core::task_queue::TaskQueue;
use trigger_core::task_store::TaskStore;
use trigger_local::{LocalConfig, LocalExecutor};
use trigger_store::SqlStore;

/// The time limit of each wait. It only expires in a failed test.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The executor and everything that it needs.
pub(crate) struct TestEnv {
    pub(crate) executor: Arc<LocalExecutor>,
    runs: Runs,
    pub(crate) recorder: Arc<Recorder>,
    pub(crate) logs: Arc<LogBuffers>,
    pub(crate) store: Arc<dyn RunStore>,
    feed: Arc<Feed>,
    _tasks: JoinSet<()>,
}

impl TestEnv {
    /// Starts it for a CronJob, with a first retry after a millisecond.
    pub(crate) async fn new(folder: &TempDir, manifest: &Value) -> Self {
        write(folder, manifest);
        Self::start(config(folder.path()), store(folder.path()).await).await
    }

    /// Starts it with these settings and that store.
    pub(crate) async fn start(config: LocalConfig, sql: Arc<SqlStore>) -> Self {
        let store = Arc::clone(&sql) as Arc<dyn RunStore>;
        let feed = Arc::new(Feed::new(Arc::clone(&store)));
        let recorder = Arc::new(Recorder::new(Arc::clone(&store), Arc::clone(&feed), 8 << 20));
        let logs = Arc::new(LogBuffers::default());
        let targets = [target()];
        let started = LocalExecutor::start(
            config,
            &targets,
            Arc::clone(&recorder),
            Arc::clone(&logs),
            Arc::clone(&store),
        );
        let executor = Arc::new(started.await.expect("the store can be read"));
        let shared: Arc<dyn Executor> = executor.clone();
        let queue =
            TaskQueue::new([], "local", sql as Arc<dyn TaskStore>, Arc::clone(&store), Arc::clone(&feed));
        let runs = Runs::new(Parts {
            targets: Targets::new([Target::CronJob(target())], None),
            executor: shared,
            queue: Arc::new(queue),
            store: Arc::clone(&store),
            recorder: Arc::clone(&recorder),
            feed: Arc::clone(&feed),
            logs: Arc::clone(&logs),
        });
        let mut tasks = JoinSet::new();
        let (recorder_task, feed_task) = (Arc::clone(&recorder), Arc::clone(&feed));
        tasks.spawn(async move { recorder_task.run().await });
        tasks.spawn(async move { feed_task.run().await });
        Self { executor, runs, recorder, logs, store, feed, _tasks: tasks }
    }

    /// Requests a run.
    pub(crate) async fn request(&self, request: &RunRequest) -> Result<Started, StartError> {
        self.runs.start(&Caller::default(), &Target::CronJob(target()), request).await
    }

    /// Previews a run.
    pub(crate) async fn preview(&self) -> Result<Preview, ExecutorError> {
        self.runs.preview(&Caller::default(), &Target::CronJob(target()), &request()).await
    }

    /// Cancels a run on behalf of `operator`.
    pub(crate) async fn cancel(&self, run: &Run) -> Result<Run, RunError> {
        let caller = Caller { name: "operator".to_owned(), ..Caller::default() };
        self.runs.cancel(&caller, &run.id).await
    }

    /// Starts a run.
    pub(crate) async fn launch(&self) -> Run {
        self.request(&request()).await.expect("it is started").run
    }

    /// Starts a run and waits for its end.
    pub(crate) async fn run(&self) -> Run {
        let run = self.launch().await;
        self.wait_for_end(&run).await
    }

    /// Waits for the end of a run.
    pub(crate) async fn wait_for_end(&self, run: &Run) -> Run {
        let run = self.feed.ended(run.clone(), Instant::now() + TIMEOUT).await;
        let run = run.expect("the store can be read");
        assert!(run.state.is_final(), "{run:?}");
        run
    }

    /// Waits until the log of an active run has the text.
    pub(crate) async fn wait_for_output(&self, id: &RunId, text: &str) {
        let (tail, pieces) = self.logs.follow(id).expect("the run is active");
        let mut pieces = Box::pin(pieces);
        let mut log = tail.text.to_vec();
        while !String::from_utf8_lossy(&log).contains(text) {
            let piece = timeout(TIMEOUT, pieces.next()).await.expect("there is more output");
            log.extend_from_slice(&piece.expect("the text precedes the end of the log").text);
        }
    }

    /// The stored log.
    pub(crate) async fn log(&self, id: &RunId) -> String {
        let tail = self.store.log(id).await.expect("the store can be read").expect("a log is stored");
        String::from_utf8(tail.text.to_vec()).expect("the log is text")
    }

    /// The published states of a run, each followed by the reason of its cause.
    pub(crate) async fn published_states(&self, id: &RunId) -> Vec<String> {
        let events = self.store.events_after(0, u16::MAX).await.expect("the store can be read");
        let states = events.iter().filter(|event| event.run_id == *id).map(|event| {
            let run = event.run().expect("no run is deleted");
            let reason = run.cause.as_ref().map(|cause| format!(" {}", cause.reason));
            format!("{}{}", run.state, reason.unwrap_or_default())
        });
        states.collect()
    }
}

/// The only target.
pub(crate) fn target() -> CronJobTarget {
    CronJobTarget {
        name: "sync".parse().expect("a valid name"),
        namespace: "trading".to_owned(),
        cronjob: "trades-sync".to_owned(),
        allow_suspended: false,
        job_prefix: "trades-sync-".to_owned(),
    }
}

/// A request of the caller `dashboard`.
pub(crate) fn request() -> RunRequest {
    RunRequest { caller: "dashboard".to_owned(), ..RunRequest::default() }
}

/// A request with an idempotency key and a reason.
pub(crate) fn keyed(key: &str, reason: &str) -> RunRequest {
    let key = Some(IdempotencyKey::parse(key).expect("a valid key"));
    RunRequest { key, reason: Some(reason.to_owned()), ..request() }
}

/// A CronJob that executes a shell script in the folder, without retries.
pub(crate) fn cronjob(folder: &TempDir, script: &str) -> Value {
    json!({
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": { "name": "trades-sync", "namespace": "trading" },
        "spec": { "schedule": "0 14 * * 1-5", "jobTemplate": { "spec": {
            "backoffLimit": 0,
            "template": { "spec": {
                "restartPolicy": "Never",
                "containers": [{
                    "name": "main",
                    "image": "registry.local/shell:1",
                    "command": ["/bin/sh", "-c", script],
                    "workingDir": folder.path(),
                }],
            } },
        } } },
    })
}

/// The spec of the Job in a CronJob.
pub(crate) fn job(manifest: &mut Value) -> &mut Value {
    &mut manifest["spec"]["jobTemplate"]["spec"]
}

/// The spec of the pod in a CronJob.
pub(crate) fn pod(manifest: &mut Value) -> &mut Value {
    &mut job(manifest)["template"]["spec"]
}

/// The container in a CronJob.
pub(crate) fn container(manifest: &mut Value) -> &mut Value {
    &mut pod(manifest)["containers"][0]
}

/// Writes the CronJob into the folder, as JSON, which is valid YAML.
pub(crate) fn write(folder: &TempDir, manifest: &Value) {
    std::fs::write(folder.path().join("jobs.yaml"), manifest.to_string()).expect("the file can be written");
}

/// Opens the store in a folder.
pub(crate) async fn store(folder: &Path) -> Arc<SqlStore> {
    let url = format!("sqlite:{}", folder.join("runs.sqlite").display());
    Arc::new(SqlStore::connect(&url.into()).await.expect("the store can be created"))
}

/// Settings for the manifests in a folder.
pub(crate) fn config(folder: &Path) -> LocalConfig {
    LocalConfig { retry_after_ms: 1, ..LocalConfig::new(folder) }
}

/// The cause of a run, which must have one.
#[track_caller]
pub(crate) fn cause(run: &Run) -> &Cause {
    run.cause.as_ref().expect("the run has a cause")
}

/// A named pipe. Opening one end blocks until the other end is opened.
pub(crate) struct NamedPipe(PathBuf);

/// Completes when every writer has closed a pipe.
pub(crate) type PipeClosed = oneshot::Receiver<io::Result<()>>;

impl NamedPipe {
    /// Creates the pipe in the folder.
    pub(crate) fn new(folder: &TempDir, name: &str) -> Self {
        let path = folder.path().join(name);
        let created = Command::new("mkfifo").arg(&path).status();
        assert!(created.expect("mkfifo is installed").success());
        Self(path)
    }

    /// Opens the pipe for writing and closes it, which unblocks all readers.
    pub(crate) async fn open(&self) {
        let path = self.0.clone();
        let opened = on_a_thread(move || File::options().write(true).open(path).map(drop));
        received(opened).await.expect("the pipe can be opened");
    }

    /// Waits until a process writes `held` and returns a receiver for the moment when every writer has closed the pipe.
    pub(crate) async fn watch_for_close(&self) -> PipeClosed {
        let path = self.0.clone();
        let (held, is_held) = oneshot::channel();
        let closing = on_a_thread(move || {
            let mut pipe = File::open(path)?;
            pipe.read_exact(&mut [0; 5])?;
            // A test that has failed has dropped the receiver.
            let _ = held.send(());
            pipe.read_to_end(&mut Vec::new()).map(drop)
        });
        received(is_held).await;
        closing
    }
}

/// Waits until every writer has closed the pipe.
pub(crate) async fn wait_for_close(closing: PipeClosed) {
    received(closing).await.expect("the pipe can be read");
}

/// Runs blocking work on a thread of its own. The end of a failed test would wait for the runtime's own blocking threads.
fn on_a_thread(work: impl FnOnce() -> io::Result<()> + Send + 'static) -> PipeClosed {
    let (done, is_done) = oneshot::channel();
    std::thread::spawn(move || done.send(work()));
    is_done
}

async fn received<T>(receiver: oneshot::Receiver<T>) -> T {
    timeout(TIMEOUT, receiver)
        .await
        .expect("the other end of the pipe is opened or closed")
        .expect("the thread sends its result")
}

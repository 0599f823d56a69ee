//! A folder of CronJobs and all that runs them.

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
use trigger_core::dispatcher::{Dispatcher, StartError, Started};
use trigger_core::feed::Feed;
use trigger_core::log_buffers::LogBuffers;
use trigger_core::ports::{Executor, RunStore};
use trigger_core::recorder::Recorder;
use trigger_core::request::{IdempotencyKey, RunRequest};
use trigger_core::run::{Cause, Run, RunId};
use trigger_core::target::Target;
use trigger_local::{LocalConfig, LocalExecutor};
use trigger_store::SqlStore;

/// Past this a test has failed; nothing waits that long when all is well.
const PATIENCE: Duration = Duration::from_secs(30);

/// The executor and everything around it.
pub(crate) struct Machine {
    pub(crate) executor: Arc<LocalExecutor>,
    pub(crate) dispatcher: Dispatcher,
    pub(crate) recorder: Arc<Recorder>,
    pub(crate) book: Arc<LogBuffers>,
    pub(crate) store: Arc<dyn RunStore>,
    feed: Arc<Feed>,
    _tasks: JoinSet<()>,
}

impl Machine {
    /// One that runs this CronJob, with a retry after a millisecond.
    pub(crate) async fn new(folder: &TempDir, manifest: &Value) -> Self {
        write(folder, manifest);
        Self::start(config(folder.path()), store(folder.path()).await).await
    }

    /// One with these settings over that store.
    pub(crate) async fn start(config: LocalConfig, store: Arc<dyn RunStore>) -> Self {
        let feed = Arc::new(Feed::new(Arc::clone(&store)));
        let recorder = Arc::new(Recorder::new(Arc::clone(&store), Arc::clone(&feed)));
        let book = Arc::new(LogBuffers::default());
        let targets = [target()];
        let started = LocalExecutor::start(
            config,
            &targets,
            Arc::clone(&recorder),
            Arc::clone(&book),
            Arc::clone(&store),
        );
        let executor = Arc::new(started.await.expect("the store can be read"));
        let shared: Arc<dyn Executor> = executor.clone();
        let dispatcher = Dispatcher::new([target()], None, shared, Arc::clone(&store), Arc::clone(&recorder));
        let mut tasks = JoinSet::new();
        let (writing, telling) = (Arc::clone(&recorder), Arc::clone(&feed));
        tasks.spawn(async move { writing.run().await });
        tasks.spawn(async move { telling.run().await });
        Self { executor, dispatcher, recorder, book, store, feed, _tasks: tasks }
    }

    /// Asks for a run.
    pub(crate) async fn ask(&self, request: &RunRequest) -> Result<Started, StartError> {
        self.dispatcher.start(&target(), request).await
    }

    /// Starts a run.
    pub(crate) async fn launch(&self) -> Run {
        self.ask(&request()).await.expect("it is started").run
    }

    /// Starts a run and waits for its end.
    pub(crate) async fn run(&self) -> Run {
        let run = self.launch().await;
        self.ended(&run).await
    }

    /// The run when it has ended.
    pub(crate) async fn ended(&self, run: &Run) -> Run {
        let run = self.feed.ended(run.clone(), Instant::now() + PATIENCE).await;
        let run = run.expect("the store can be read");
        assert!(run.state.is_final(), "{run:?}");
        run
    }

    /// Waits until an open log has the text.
    pub(crate) async fn printed(&self, id: &RunId, text: &str) {
        let (tail, pieces) = self.book.follow(id).expect("the run goes on");
        let mut pieces = Box::pin(pieces);
        let mut log = tail.text.to_vec();
        while !String::from_utf8_lossy(&log).contains(text) {
            let piece = timeout(PATIENCE, pieces.next()).await.expect("something is printed");
            log.extend_from_slice(&piece.expect("it is printed before the end"));
        }
    }

    /// The log that was kept.
    pub(crate) async fn log(&self, id: &RunId) -> String {
        let tail = self.store.log(id).await.expect("the store can be read").expect("a log is kept");
        String::from_utf8(tail.text.to_vec()).expect("the log is text")
    }

    /// The words for all that was told: states, and reasons where there are some.
    pub(crate) async fn told(&self, id: &RunId) -> Vec<String> {
        let events = self.store.events_after(0, u16::MAX).await.expect("the store can be read");
        let words = events.iter().filter(|event| event.run_id == *id).map(|event| {
            let reason = event.run.cause.as_ref().map(|cause| format!(" {}", cause.reason));
            format!("{}{}", event.state, reason.unwrap_or_default())
        });
        words.collect()
    }
}

/// The one target.
pub(crate) fn target() -> Target {
    Target {
        name: "sync".parse().expect("a name"),
        namespace: "trading".to_owned(),
        cronjob: "trades-sync".to_owned(),
        allow_suspended: false,
    }
}

/// A request of the dashboard's.
pub(crate) fn request() -> RunRequest {
    RunRequest { caller: "dashboard".to_owned(), ..RunRequest::default() }
}

/// The same with an idempotency key and a reason.
pub(crate) fn keyed(key: &str, reason: &str) -> RunRequest {
    let key = Some(IdempotencyKey::parse(key).expect("a key"));
    RunRequest { key, reason: Some(reason.to_owned()), ..request() }
}

/// A CronJob that runs a shell script once, in the folder.
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

/// The Job's part of a CronJob.
pub(crate) fn job(manifest: &mut Value) -> &mut Value {
    &mut manifest["spec"]["jobTemplate"]["spec"]
}

/// The pod's part of a CronJob.
pub(crate) fn pod(manifest: &mut Value) -> &mut Value {
    &mut job(manifest)["template"]["spec"]
}

/// The container's part of a CronJob.
pub(crate) fn container(manifest: &mut Value) -> &mut Value {
    &mut pod(manifest)["containers"][0]
}

/// Writes the CronJob into the folder; JSON is YAML.
pub(crate) fn write(folder: &TempDir, manifest: &Value) {
    std::fs::write(folder.path().join("jobs.yaml"), manifest.to_string()).expect("the file can be written");
}

/// The store in a folder.
pub(crate) async fn store(folder: &Path) -> Arc<dyn RunStore> {
    let url = format!("sqlite:{}", folder.join("runs.sqlite").display());
    Arc::new(SqlStore::connect(&url.into()).await.expect("a file can be made"))
}

/// Settings for what is in a folder.
pub(crate) fn config(folder: &Path) -> LocalConfig {
    LocalConfig { retry_after_ms: 1, ..LocalConfig::new(folder) }
}

/// The cause of a run that has one.
#[track_caller]
pub(crate) fn cause(run: &Run) -> &Cause {
    run.cause.as_ref().expect("a cause")
}

/// A named pipe: who opens it waits for the other side.
pub(crate) struct Pipe(PathBuf);

/// Tells the end of a pipe.
pub(crate) type Closing = oneshot::Receiver<io::Result<()>>;

impl Pipe {
    /// Makes the pipe of that name.
    pub(crate) fn new(folder: &TempDir, name: &str) -> Self {
        let path = folder.path().join(name);
        let made = Command::new("mkfifo").arg(&path).status();
        assert!(made.expect("mkfifo is there").success());
        Self(path)
    }

    /// Lets everyone go on who reads it.
    pub(crate) async fn open(&self) {
        let path = self.0.clone();
        let opened = on_a_thread(move || File::options().write(true).open(path).map(drop));
        arrived(opened).await.expect("the pipe can be opened");
    }

    /// Waits until someone writes a line; what it gives tells when nobody has the pipe open for writing any more.
    pub(crate) async fn closes(&self) -> Closing {
        let path = self.0.clone();
        let (held, is_held) = oneshot::channel();
        let closing = on_a_thread(move || {
            let mut pipe = File::open(path)?;
            pipe.read_exact(&mut [0; 5])?;
            // A test that has failed meanwhile does not listen.
            let _ = held.send(());
            pipe.read_to_end(&mut Vec::new()).map(drop)
        });
        arrived(is_held).await;
        closing
    }
}

/// Waits for the end of a pipe.
pub(crate) async fn closed(closing: Closing) {
    arrived(closing).await.expect("the pipe can be read");
}

/// A thread of its own, as a test that has failed would wait for the runtime's threads for ever.
fn on_a_thread(work: impl FnOnce() -> io::Result<()> + Send + 'static) -> Closing {
    let (done, is_done) = oneshot::channel();
    std::thread::spawn(move || done.send(work()));
    is_done
}

async fn arrived<T>(receiver: oneshot::Receiver<T>) -> T {
    timeout(PATIENCE, receiver).await.expect("the other side comes or goes").expect("the thread ends well")
}

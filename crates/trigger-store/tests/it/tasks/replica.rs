//! A replica: a store, a task queue and a runner.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;
use trigger_core::feed::{Feed, Notice};
use trigger_core::log_buffers::LogBuffers;
use trigger_core::recorder::Recorder;
use trigger_core::request::{IdempotencyKey, RunRequest};
use trigger_core::run::{Run, RunId};
use trigger_core::run_store::RunStore;
use trigger_core::runner::{Runner, RunnerConfig};
use trigger_core::start::{StartError, Started};
use trigger_core::task::TaskTarget;
use trigger_core::task_queue::TaskQueue;
use trigger_store::SqlStore;

use crate::support::{PATIENCE, open};

/// As short as a slow machine allows.
pub(crate) const LEASE: Duration = Duration::from_secs(3);

pub(crate) struct Replica {
    pub(crate) queue: Arc<TaskQueue>,
    pub(crate) store: SqlStore,
    target: TaskTarget,
    feed: Arc<Feed>,
    stop: watch::Sender<bool>,
    runner: JoinHandle<()>,
    _background_tasks: JoinSet<()>,
}

impl Replica {
    /// Starts a replica with four workers.
    pub(crate) async fn start(url: &str, target: &TaskTarget) -> Self {
        Self::with_lease(url, target, LEASE).await
    }

    /// Starts a replica with that lease.
    pub(crate) async fn with_lease(url: &str, target: &TaskTarget, lease: Duration) -> Self {
        Self::of([target.clone()], url, target, lease).await
    }

    /// Starts a replica on which the task is not configured.
    pub(crate) async fn without_tasks(url: &str, target: &TaskTarget) -> Self {
        Self::of([], url, target, LEASE).await
    }

    async fn of<const N: usize>(
        targets: [TaskTarget; N],
        url: &str,
        target: &TaskTarget,
        lease: Duration,
    ) -> Self {
        let store = open(url).await;
        let (runs, tasks): (Arc<dyn RunStore>, _) = (Arc::new(store.clone()), Arc::new(store.clone()));
        let feed = Arc::new(Feed::new(Arc::clone(&runs)));
        let recorder = Arc::new(Recorder::new(Arc::clone(&runs), Arc::clone(&feed), 8 << 20));
        let log_buffers = Arc::new(LogBuffers::default());
        let queue = Arc::new(TaskQueue::new(targets, "trading", tasks.clone(), runs, Arc::clone(&feed)));
        let config = RunnerConfig { workers: 4, lease };
        let runner = Runner::new(
            config,
            Arc::clone(&queue),
            tasks,
            Arc::clone(&recorder),
            Arc::clone(&feed),
            log_buffers,
        );
        let (stop, stopping) = watch::channel(false);
        let mut background_tasks = JoinSet::new();
        let published = Arc::clone(&feed);
        background_tasks.spawn(async move { recorder.run().await });
        background_tasks.spawn(async move { published.run().await });
        let runner = tokio::spawn(runner.run(stopping));
        Self { queue, store, target: target.clone(), feed, stop, runner, _background_tasks: background_tasks }
    }

    pub(crate) async fn request(&self, request: &RunRequest) -> Result<Started, StartError> {
        self.queue.submit(&self.target, request).await
    }

    /// Queues a run with the parameter `number`.
    pub(crate) async fn submit(&self, number: u32) -> Run {
        self.request(&numbered(number)).await.expect("it is queued").run
    }

    /// Reads the run at each event until it meets the condition.
    pub(crate) async fn until(&self, id: &RunId, condition: impl Fn(&Run) -> bool) -> Run {
        let mut notices = Box::pin(self.feed.subscribe(None).await.expect("the store can be read").notices);
        let found = timeout(PATIENCE, async {
            loop {
                let run = self.store.run(id).await.expect("the store can be read").expect("the run exists");
                if condition(&run) {
                    return run;
                }
                while !matches!(notices.next().await, Some(Notice::Event(event)) if event.run_id == *id) {}
            }
        });
        let found = found.await.ok();
        let last = self.store.run(id).await;
        found.unwrap_or_else(|| panic!("timed out; the run is {last:?}"))
    }

    pub(crate) async fn ended(&self, id: &RunId) -> Run {
        self.until(id, |run| run.state.is_final()).await
    }

    /// The states and causes of the events of the run.
    pub(crate) async fn events_of(&self, id: &RunId) -> Vec<String> {
        let events = self.store.events_after(0, u16::MAX).await.expect("the events can be read");
        let texts = events.iter().filter(|event| event.run_id == *id).map(|event| {
            let run = event.run().expect("no run is deleted");
            let reason = run.cause.as_ref().map(|cause| format!(" {}", cause.reason));
            format!("{}{}", run.state, reason.unwrap_or_default())
        });
        texts.collect()
    }

    pub(crate) async fn log(&self, id: &RunId) -> String {
        let tail = self.store.log(id).await.expect("the store can be read").expect("a log tail is stored");
        String::from_utf8(tail.text.to_vec()).expect("the log is text")
    }

    /// Shuts down gracefully.
    pub(crate) async fn stop(self) {
        self.stop.send_replace(true);
        timeout(PATIENCE, self.runner).await.expect("it ends").expect("it does not panic");
    }

    /// Stops at once, like a program that is killed.
    pub(crate) async fn kill(self) {
        self.runner.abort();
        let _ = self.runner.await;
    }
}

pub(crate) fn numbered(number: u32) -> RunRequest {
    let parameters = serde_json::json!({ "number": number });
    let parameters = parameters.as_object().expect("an object").clone();
    RunRequest { caller: "admin".to_owned(), parameters, ..RunRequest::default() }
}

pub(crate) fn keyed(key: &str, number: u32) -> RunRequest {
    RunRequest { key: Some(IdempotencyKey::parse(key).expect("a key")), ..numbered(number) }
}

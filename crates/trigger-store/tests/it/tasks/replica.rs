//! A replica: a queue and its runner, over a store of its own connections.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;
use trigger_core::dispatcher::{StartError, Started};
use trigger_core::feed::{Feed, Notice};
use trigger_core::log_buffers::LogBuffers;
use trigger_core::ports::RunStore;
use trigger_core::recorder::Recorder;
use trigger_core::request::{IdempotencyKey, RunRequest};
use trigger_core::run::{Run, RunId};
use trigger_core::runner::{Runner, RunnerConfig};
use trigger_core::task::TaskTarget;
use trigger_core::task_queue::TaskQueue;
use trigger_store::SqlStore;

use crate::support::PATIENCE;
use crate::support::open;

/// As short as can be told from a slow machine.
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
    /// One with four workers.
    pub(crate) async fn start(url: &str, target: &TaskTarget) -> Self {
        Self::with_lease(url, target, LEASE).await
    }

    /// One whose workers may be silent that long.
    pub(crate) async fn with_lease(url: &str, target: &TaskTarget, lease: Duration) -> Self {
        Self::of([target.clone()], url, target, lease).await
    }

    /// One that has the task no more.
    pub(crate) async fn without_tasks(url: &str, target: &TaskTarget) -> Self {
        Self::of([], url, target, LEASE).await
    }

    async fn of<const N: usize>(
        tasks_to_do: [TaskTarget; N],
        url: &str,
        target: &TaskTarget,
        lease: Duration,
    ) -> Self {
        let store = open(url).await;
        let (runs, tasks): (Arc<dyn RunStore>, _) = (Arc::new(store.clone()), Arc::new(store.clone()));
        let feed = Arc::new(Feed::new(Arc::clone(&runs)));
        let recorder = Arc::new(Recorder::new(Arc::clone(&runs), Arc::clone(&feed)));
        let book = Arc::new(LogBuffers::default());
        let queue = Arc::new(TaskQueue::new(tasks_to_do, "trading", tasks.clone(), runs, Arc::clone(&feed)));
        let rules = RunnerConfig { workers: 4, lease };
        let runner =
            Runner::new(rules, Arc::clone(&queue), tasks, Arc::clone(&recorder), Arc::clone(&feed), book);
        let (stop, stopping) = watch::channel(false);
        let mut background_tasks = JoinSet::new();
        let telling = Arc::clone(&feed);
        background_tasks.spawn(async move { recorder.run().await });
        background_tasks.spawn(async move { telling.run().await });
        let runner = tokio::spawn(runner.run(stopping));
        Self { queue, store, target: target.clone(), feed, stop, runner, _background_tasks: background_tasks }
    }

    pub(crate) async fn ask(&self, request: &RunRequest) -> Result<Started, StartError> {
        self.queue.submit(&self.target, request).await
    }

    /// Queues a run whose parameter `number` is that one.
    pub(crate) async fn submit(&self, number: u32) -> Run {
        self.ask(&numbered(number)).await.expect("it is queued").run
    }

    /// Reads the run at each change until it is as wanted.
    pub(crate) async fn until(&self, id: &RunId, wanted: impl Fn(&Run) -> bool) -> Run {
        let mut notices = Box::pin(self.feed.subscribe(None).await.expect("the store can be read"));
        let found = timeout(PATIENCE, async {
            loop {
                let run = self.store.run(id).await.expect("the store can be read").expect("there is the run");
                if wanted(&run) {
                    return run;
                }
                while !matches!(notices.next().await, Some(Notice::Event(event)) if event.run_id == *id) {}
            }
        });
        let found = found.await.ok();
        let last = self.store.run(id).await;
        found.unwrap_or_else(|| panic!("the run never was as wanted; it is {last:?}"))
    }

    pub(crate) async fn ended(&self, id: &RunId) -> Run {
        self.until(id, |run| run.state.is_final()).await
    }

    /// The states and reasons of all that was told of the run.
    pub(crate) async fn told(&self, id: &RunId) -> Vec<String> {
        let events = self.store.events_after(0, u16::MAX).await.expect("the events can be read");
        let words = events.iter().filter(|event| event.run_id == *id).map(|event| {
            let reason = event.run.cause.as_ref().map(|cause| format!(" {}", cause.reason));
            format!("{}{}", event.state, reason.unwrap_or_default())
        });
        words.collect()
    }

    pub(crate) async fn log(&self, id: &RunId) -> String {
        let tail = self.store.log(id).await.expect("the store can be read").expect("a log is kept");
        String::from_utf8(tail.text.to_vec()).expect("the log is text")
    }

    /// Ends as a program does that is asked to.
    pub(crate) async fn stop(self) {
        self.stop.send_replace(true);
        timeout(PATIENCE, self.runner).await.expect("it ends").expect("it does not panic");
    }

    /// Ends as a program does that is killed: in the midst of whatever it does.
    pub(crate) async fn die(self) {
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

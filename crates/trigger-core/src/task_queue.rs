//! Takes requests for tasks in, and ends runs of tasks. What waits is done by a [`super::runner::Runner`], here or in
//! another replica.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::{Notify, watch};

use super::dispatcher::{StartError, Started, repeat};
use super::feed::Feed;
use super::naming;
use super::ports::{RunStore, StoreError, TaskStore};
use super::request::{RunRequest, fingerprint};
use super::run::{CANCELLED_ON_REQUEST, Cause, Run, RunId, State, TaskRun, Trigger};
use super::target::TargetName;
use super::task::TaskTarget;

/// The queue of this store's tasks, as one replica sees it.
pub struct TaskQueue {
    targets: BTreeMap<TargetName, TaskTarget>,
    namespace: String,
    tasks: Arc<dyn TaskStore>,
    runs: Arc<dyn RunStore>,
    feed: Arc<Feed>,
    submitted: Notify,
    ended: watch::Sender<()>,
}

/// What a target has to do.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct QueueDepth {
    /// Runs that wait.
    pub waiting: u64,
    /// Runs that go on, in all replicas.
    pub running: u64,
}

impl TaskQueue {
    /// A queue of those tasks, for a program that runs in `namespace`.
    pub fn new(
        targets: impl IntoIterator<Item = TaskTarget>,
        namespace: impl Into<String>,
        tasks: Arc<dyn TaskStore>,
        runs: Arc<dyn RunStore>,
        feed: Arc<Feed>,
    ) -> Self {
        let targets = targets.into_iter().map(|target| (target.name.clone(), target)).collect();
        let (submitted, ended) = (Notify::new(), watch::Sender::new(()));
        Self { targets, namespace: namespace.into(), tasks, runs, feed, submitted, ended }
    }

    /// The targets that are tasks, by name.
    pub fn targets(&self) -> impl Iterator<Item = &TaskTarget> {
        self.targets.values()
    }

    /// The target of that name, if it is a task.
    pub fn target(&self, name: &TargetName) -> Option<&TaskTarget> {
        self.targets.get(name)
    }

    /// The target whose task has that name.
    pub fn target_of(&self, task: &str) -> Option<&TaskTarget> {
        self.targets.values().find(|target| target.task.name() == task)
    }

    /// Queues a run, or finds the one that an earlier request with the same key queued.
    ///
    /// # Errors
    /// When the task does not take the parameters, too many runs wait, the key was used for another request, or the store
    /// can't be written.
    pub async fn submit(&self, target: &TaskTarget, request: &RunRequest) -> Result<Started, StartError> {
        target.task.check(&request.parameters).map_err(StartError::BadParameters)?;
        let run = self.pending(target, request);
        if self.tasks.enqueue(&run, &request.parameters, target.queue).await? {
            self.submitted.notify_one();
            self.feed.wake();
            return Ok(Started { run, found: false });
        }
        match self.runs.run_of_job(&target.name, &run.job_name).await? {
            Some(earlier) => repeat(earlier, request),
            None => Err(StartError::QueueFull { target: target.name.clone(), waiting: target.queue }),
        }
    }

    /// Why a run would not be queued now; None when it would.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn rejection(&self, target: &TaskTarget) -> Result<Option<StartError>, StoreError> {
        let waiting = self.tasks.waiting().await?.into_iter().find(|(name, _)| *name == target.name);
        let full = waiting.is_some_and(|(_, waiting)| waiting >= target.queue.into());
        Ok(full.then(|| StartError::QueueFull { target: target.name.clone(), waiting: target.queue }))
    }

    /// Ends a run on the caller's wish, also one that another replica does. One that has ended stays as it is.
    ///
    /// # Errors
    /// When the store can't be written.
    pub async fn cancel(&self, run: Run, caller: &str) -> Result<Run, StoreError> {
        let cause = Cause::new(CANCELLED_ON_REQUEST, format!("Cancelled by {caller}."));
        if self.tasks.end_task(&run.id, State::Cancelled, &cause).await? {
            self.feed.wake();
            self.ended.send_replace(());
        }
        Ok(self.runs.run(&run.id).await?.unwrap_or(run))
    }

    /// What came out of a run; None before it has succeeded.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn result(&self, id: &RunId) -> Result<Option<Value>, StoreError> {
        self.tasks.result(id).await
    }

    /// What each target has to do.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn depths(&self) -> Result<BTreeMap<TargetName, QueueDepth>, StoreError> {
        let mut depths: BTreeMap<TargetName, QueueDepth> =
            self.targets.keys().map(|name| (name.clone(), QueueDepth::default())).collect();
        for (target, waiting) in self.tasks.waiting().await? {
            depths.entry(target).or_default().waiting = waiting;
        }
        for held in self.tasks.leases().await? {
            depths.entry(held.target).or_default().running += 1;
        }
        Ok(depths)
    }

    /// Waits until a run was queued by this replica since the last time.
    pub(super) async fn submitted(&self) {
        self.submitted.notified().await;
    }

    /// Tells when this replica ended a run early.
    pub(super) fn ended(&self) -> watch::Receiver<()> {
        self.ended.subscribe()
    }

    fn pending(&self, target: &TaskTarget, request: &RunRequest) -> Run {
        let now = Timestamp::now();
        let key = request.key.as_ref().map(super::request::IdempotencyKey::as_str);
        Run {
            id: naming::task_run_id(now),
            target: target.name.clone(),
            namespace: self.namespace.clone(),
            job_name: naming::of_task(&target.name, &request.caller, key),
            trigger: Trigger::Manual,
            state: State::Pending,
            cause: None,
            requested_by: Some(request.caller.clone()),
            reason: request.reason.clone(),
            request_id: Some(request.request_id.clone()),
            fingerprint: Some(fingerprint(request)),
            created_at: now,
            started_at: None,
            finished_at: None,
            task: Some(TaskRun::default()),
        }
    }
}

//! Queues and cancels runs of tasks. A [`super::runner::Runner`] executes them, in this replica or in another one.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::{Notify, watch};

use super::feed::Feed;
use super::naming;
use super::request::{IdempotencyKey, RunRequest, fingerprint};
use super::run::{CANCELLED_ON_REQUEST, Cause, Run, RunId, State, TaskRun, Trigger};
use super::run_store::RunStore;
use super::start::{Preview, StartError, Started, repeated};
use super::store_error::StoreError;
use super::target_name::TargetName;
use super::task::TaskTarget;
use super::task_store::TaskStore;

/// The queue of the store's tasks, as one replica uses it.
pub struct TaskQueue {
    targets: BTreeMap<TargetName, TaskTarget>,
    namespace: String,
    tasks: Arc<dyn TaskStore>,
    runs: Arc<dyn RunStore>,
    feed: Arc<Feed>,
    submitted: Notify,
    ended: watch::Sender<()>,
}

/// How many runs of a target have not ended.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct QueueDepth {
    /// Runs that wait.
    pub waiting: u64,
    /// Runs that are running, in all replicas.
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

    /// Queues a run, or finds the one that an earlier request with the same key queued.
    ///
    /// # Errors
    /// When the task does not accept the parameters, the queue is full, the key was used for another request, or the
    /// store fails.
    pub async fn submit(&self, target: &TaskTarget, request: &RunRequest) -> Result<Started, StartError> {
        target.task.check(&request.parameters).map_err(StartError::BadParameters)?;
        let run = self.pending(target, request);
        if self.tasks.enqueue(&run, target.max_queued).await? {
            self.submitted.notify_one();
            self.feed.wake();
            return Ok(Started { run, found: false });
        }
        match self.runs.run_of_job(&target.name, &run.job_name).await? {
            Some(earlier) => repeated(earlier, request),
            None => Err(queue_full(target)),
        }
    }

    /// Whether a start would be rejected now.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn preview(&self, target: &TaskTarget, request: &RunRequest) -> Result<Preview, StoreError> {
        if let Err(problem) = target.task.check(&request.parameters) {
            return Ok(Preview { job: None, rejection: Some(StartError::BadParameters(problem)) });
        }
        let waiting = self.tasks.waiting().await?.into_iter().find(|(name, _)| *name == target.name);
        let full = waiting.is_some_and(|(_, waiting)| waiting >= target.max_queued.into());
        Ok(Preview { job: None, rejection: full.then(|| queue_full(target)) })
    }

    /// Cancels a run, even if another replica executes it. A run that has ended is returned unchanged.
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

    /// The result of a run; None unless the run has succeeded.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn result(&self, id: &RunId) -> Result<Option<Value>, StoreError> {
        self.tasks.result(id).await
    }

    /// The depth of each target's queue.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn depths(&self) -> Result<BTreeMap<TargetName, QueueDepth>, StoreError> {
        let mut depths: BTreeMap<TargetName, QueueDepth> =
            self.targets.keys().map(|name| (name.clone(), QueueDepth::default())).collect();
        for (target, waiting) in self.tasks.waiting().await? {
            depths.entry(target).or_default().waiting = waiting;
        }
        for lease in self.tasks.leases().await? {
            depths.entry(lease.target).or_default().running += 1;
        }
        Ok(depths)
    }

    pub(super) fn targets(&self) -> impl Iterator<Item = &TaskTarget> {
        self.targets.values()
    }

    pub(super) fn target(&self, name: &TargetName) -> Option<&TaskTarget> {
        self.targets.get(name)
    }

    /// Waits until this replica has queued a run since the last call.
    pub(super) async fn submitted(&self) {
        self.submitted.notified().await;
    }

    /// Changes whenever this replica cancels a run.
    pub(super) fn ended(&self) -> watch::Receiver<()> {
        self.ended.subscribe()
    }

    fn pending(&self, target: &TaskTarget, request: &RunRequest) -> Run {
        let now = Timestamp::now();
        let key = request.key.as_ref().map(IdempotencyKey::as_str);
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
            requested_via: request.via.clone(),
            retry_of: request.retry_of.clone(),
            parameters: request.parameters.clone(),
            containers: Vec::new(),
            created_at: now,
            started_at: None,
            finished_at: None,
            task: Some(TaskRun::default()),
        }
    }
}

fn queue_full(target: &TaskTarget) -> StartError {
    StartError::QueueFull { target: target.name.clone(), max_queued: target.max_queued }
}

//! The service for runs of every kind of target: it starts, cancels, describes and authorizes.

mod changes;
mod error;
mod lists;
mod logs;
mod views;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

pub use self::error::RunError;
pub use self::lists::{DurationPercentiles, TargetHistory};
pub use self::logs::{LogPosition, LogQuery, MAX_LAST_LINES_BYTES, RunLog};
pub use self::views::TargetStatus;
use super::access::{Action, Caller, authorize};
use super::dispatcher::Dispatcher;
use super::executor::{Executor, ExecutorError, Freshness, NotReady, Protection};
use super::feed::Feed;
use super::log_buffers::LogBuffers;
use super::recorder::{Dropped, Recorder};
use super::request::RunRequest;
use super::right::Limitation;
use super::run::{Run, RunId, State};
use super::run_store::RunStore;
use super::schedule;
use super::start::{Preview, StartError, Started};
use super::store_error::{StoreError, Unwritable};
use super::target::{Target, Targets};
use super::target_name::{TargetKind, TargetName};
use super::target_watch::TargetWatch;
use super::task_queue::TaskQueue;

/// The parts that [`Runs`] is made of.
pub struct Parts {
    /// What can be started.
    pub targets: Targets,
    /// Runs the Jobs of CronJobs.
    pub executor: Arc<dyn Executor>,
    /// Queues the runs of tasks.
    pub queue: Arc<TaskQueue>,
    /// The history.
    pub store: Arc<dyn RunStore>,
    /// Has the runs that are not stored yet.
    pub recorder: Arc<Recorder>,
    /// The changes of runs.
    pub feed: Arc<Feed>,
    /// The logs of the runs in progress.
    pub logs: Arc<LogBuffers>,
}

/// Starts, cancels and describes runs.
pub struct Runs {
    targets: Targets,
    dispatcher: Dispatcher,
    executor: Arc<dyn Executor>,
    queue: Arc<TaskQueue>,
    store: Arc<dyn RunStore>,
    recorder: Arc<Recorder>,
    feed: Arc<Feed>,
    logs: Arc<LogBuffers>,
    target_watch: TargetWatch,
}

impl Runs {
    /// The service for those targets.
    pub fn new(parts: Parts) -> Self {
        let Parts { targets, executor, queue, store, recorder, feed, logs } = parts;
        let dispatcher = Dispatcher::new(Arc::clone(&executor), Arc::clone(&store), Arc::clone(&recorder));
        let target_watch = TargetWatch::new(targets.cronjobs().cloned().collect(), Arc::clone(&executor));
        Self { targets, dispatcher, executor, queue, store, recorder, feed, logs, target_watch }
    }

    /// What can be started.
    pub fn targets(&self) -> &Targets {
        &self.targets
    }

    /// The target of that name.
    ///
    /// # Errors
    /// When there is none.
    pub fn target(&self, name: &TargetName) -> Result<&Target, RunError> {
        self.targets.get(name).ok_or_else(|| RunError::UnknownTarget(name.clone()))
    }

    /// The target of a run, which a retry starts again.
    ///
    /// # Errors
    /// When the target is not configured any more.
    pub fn target_of(&self, run: &Run) -> Result<&Target, RunError> {
        let not_configured =
            || RunError::TargetNotConfigured { run: run.id.clone(), target: run.target.clone() };
        self.targets.get(&run.target).ok_or_else(not_configured)
    }

    /// The target that is started if none is named.
    ///
    /// # Errors
    /// When several targets are configured and none is the default.
    pub fn default_target(&self) -> Result<&Target, RunError> {
        self.targets.default_target().ok_or(RunError::NoDefaultTarget)
    }

    /// The target of a task, which the task's own routes need.
    pub fn target_of_task(&self, task: &str) -> Option<&Target> {
        self.targets.iter().find(|target| target.task_name() == Some(task))
    }

    /// The state of a target, which may be cached.
    ///
    /// # Errors
    /// When the executor or the store fails.
    pub async fn status(&self, target: &Target) -> Result<TargetStatus, ExecutorError> {
        match target {
            Target::CronJob(target) => {
                let snapshot = self.executor.inspect(target, Freshness::Cached).await?;
                let next_run = schedule::next_run(&snapshot.cronjob, Timestamp::now());
                Ok(TargetStatus {
                    cronjob: Some(snapshot.cronjob),
                    next_run: Some(next_run),
                    active: snapshot.active,
                })
            }
            Target::Task(target) => {
                let active = self.store.unfinished(&target.name).await?;
                let active = active.into_iter().map(Arc::new).collect();
                Ok(TargetStatus { cronjob: None, next_run: None, active })
            }
        }
    }

    /// What a start of the target by the caller would do now. Nothing is started.
    ///
    /// # Errors
    /// When the executor or the store fails.
    pub async fn preview(
        &self,
        caller: &Caller,
        target: &Target,
        request: &RunRequest,
    ) -> Result<Preview, ExecutorError> {
        let mut preview = match target {
            Target::CronJob(target) => self.dispatcher.preview(target, request).await?,
            Target::Task(target) => self.queue.preview(target, request).await?,
        };
        if let Err(denied) = authorize(caller, Action::Start, target.kind()) {
            preview.rejection = Some(denied.into());
        }
        Ok(preview)
    }

    /// Starts a run of the target, or finds the run of an earlier request with the same key.
    ///
    /// # Errors
    /// When the rules reject the request, or the executor or the store fails.
    pub async fn start(
        &self,
        caller: &Caller,
        target: &Target,
        request: &RunRequest,
    ) -> Result<Started, StartError> {
        authorize(caller, Action::Start, target.kind())?;
        match target {
            Target::CronJob(target) => self.dispatcher.start(target, request).await,
            Target::Task(target) => self.queue.submit(target, request).await,
        }
    }

    /// Cancels a run. A run that has ended is returned unchanged.
    ///
    /// # Errors
    /// When there is no such run, the caller may not cancel it, or the executor or the store fails.
    pub async fn cancel(&self, caller: &Caller, id: &RunId) -> Result<Run, RunError> {
        let run = self.find(id).await?;
        authorize(caller, Action::Cancel, run.kind())?;
        Ok(match run.kind() {
            TargetKind::CronJob => self.dispatcher.cancel(run, &caller.to_string()).await?,
            TargetKind::Task => self.queue.cancel(run, &caller.to_string()).await?,
        })
    }

    /// The run of that id, even if it is not stored yet. The executor is asked for a run that is not stored, because the
    /// recorder may have dropped it, and another replica may have started it while the store can't be written.
    ///
    /// # Errors
    /// When there is no such run, or the store fails.
    pub async fn find(&self, id: &RunId) -> Result<Run, RunError> {
        let recorded = self.recorder.find(id).await;
        let is_current = matches!(recorded, Ok(Some(_))) && !self.recorder.has_gap();
        let observed = if is_current { None } else { self.executor.observed(id) };
        match (recorded, observed) {
            (Ok(Some(run)), Some(observed)) => Ok(run.merged(&observed)),
            (Ok(Some(run)), None) | (Ok(None) | Err(_), Some(run)) => Ok(run),
            (Ok(None), None) => Err(RunError::UnknownRun(id.clone())),
            (Err(error), None) => Err(error.into()),
        }
    }

    /// The result of a run; None if it has none.
    ///
    /// # Errors
    /// When the caller may not read it, or the store can't be read.
    pub async fn result(&self, caller: &Caller, run: &Run) -> Result<Option<Value>, RunError> {
        authorize(caller, Action::ReadResult, run.kind())?;
        Ok(self.queue.result(&run.id).await?)
    }

    /// The page that the run's task makes of its result; None if the task has none.
    pub fn page(&self, run: &Run, result: &Value) -> Option<String> {
        match self.targets.get(&run.target)? {
            Target::Task(target) => target.task.page(result),
            Target::CronJob(_) => None,
        }
    }

    /// Waits until the run has ended or the deadline has passed, even if the end can't be stored, and returns the run. The
    /// run was started, so a failing store is not an error. The end of a run that is not observed is not waited for.
    pub async fn ended(&self, run: Run, deadline: Instant) -> Run {
        if run.state == State::Unknown {
            return run;
        }
        let started = run.clone();
        let unsaved = async move {
            let mut run = started;
            while !run.state.is_final() {
                run = self.recorder.unsaved_change(&run.id, run.state).await;
            }
            run
        };
        let stored = self.feed.ended(run.clone(), deadline);
        tokio::pin!(unsaved, stored);
        let latest = tokio::select! {
            run = &mut unsaved => Ok(run),
            stored = &mut stored => match stored {
                Ok(run) => Ok(run),
                Err(_) => timeout_at(deadline, unsaved).await,
            },
        };
        latest.unwrap_or(run)
    }

    /// The approximate memory of what is not stored yet, in bytes.
    pub fn unsaved_bytes(&self) -> usize {
        self.recorder.unsaved_bytes()
    }

    /// What was dropped because the history could not be written.
    pub fn dropped(&self) -> Dropped {
        self.recorder.dropped()
    }

    /// What the executor does not do for lack of a right.
    pub fn limitations(&self) -> Vec<Limitation> {
        self.executor.limitations()
    }

    /// Whether the executor has observed all its targets once, except for what it has no right to observe.
    ///
    /// # Errors
    /// With the reason when it has not.
    pub fn readiness(&self) -> Result<(), NotReady> {
        self.executor.readiness()
    }

    /// Whether targets are protected from a thief of this program's credential, for those where it was tried out.
    pub fn protection(&self) -> BTreeMap<TargetName, Protection> {
        self.executor.protection()
    }

    /// Reads from the store, to see whether it answers.
    ///
    /// # Errors
    /// When it can't be read.
    pub async fn check_history(&self) -> Result<(), StoreError> {
        self.store.event_range().await.map(drop)
    }

    /// Why the history can't be written now; None if it can.
    pub fn unwritable(&self) -> Option<Unwritable> {
        self.store.unwritable()
    }
}

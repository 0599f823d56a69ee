//! Starts and ends runs by the rules: what may be started, once, and not beside what forbids it.

mod overlap;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use self::overlap::rejection;
use super::naming;
use super::ports::{Executor, ExecutorError, Freshness, Launched, LogStream, RunStore, StoreError};
use super::recorder::Recorder;
use super::request::{RunRequest, fingerprint};
use super::run::{CANCELLED_ON_REQUEST, Cause, Run, State};
use super::target::{ConcurrencyPolicy, Target, TargetName};
use super::target_snapshot::TargetSnapshot;

/// How often a launch looks again after it lost a race.
const ATTEMPTS: u32 = 4;

/// What became of a request.
#[derive(Clone, Debug)]
pub struct Started {
    /// The run.
    pub run: Run,
    /// Whether an earlier request with the same key, or another one at the same moment, had started it.
    pub found: bool,
}

/// Why no run was started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// There is no such target.
    #[error("there is no target {0}")]
    UnknownTarget(TargetName),
    /// No target is the default one.
    #[error("no target is configured as the default one")]
    NoDefaultTarget,
    /// The target's schedule is suspended.
    #[error("the CronJob of {0} is suspended")]
    Suspended(TargetName),
    /// A run of the target goes on, and its CronJob forbids a second one.
    #[error("{} is in the way", .0.job_name)]
    ConflictingRun(Box<Run>),
    /// The idempotency key was used for another request.
    #[error("the key was used before, for another request, which started {}", .0.job_name)]
    KeyReused(Box<Run>),
    /// A task does not take the parameters; the text is for the caller.
    #[error("{0}")]
    BadParameters(String),
    /// As many runs of the task wait as may.
    #[error("{waiting} runs of {target} wait already")]
    QueueFull {
        /// The task.
        target: TargetName,
        /// How many may wait.
        waiting: u32,
    },
    /// Others kept being faster.
    #[error("other requests for {0} kept being faster")]
    Contended(TargetName),
    /// The executor could not.
    #[error(transparent)]
    Executor(#[from] ExecutorError),
    /// The store could not.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What would happen now if a run was asked for.
#[derive(Debug)]
pub struct Preview {
    /// The Job that would be made.
    pub job: Value,
    /// Why it would not be started; None when it would.
    pub rejection: Option<StartError>,
}

/// Starts and ends runs.
pub struct Dispatcher {
    targets: BTreeMap<TargetName, Target>,
    default_target: Option<TargetName>,
    executor: Arc<dyn Executor>,
    store: Arc<dyn RunStore>,
    recorder: Arc<Recorder>,
}

impl Dispatcher {
    /// A dispatcher for those targets; `default_target` is the one that `/trigger-sync` starts.
    pub fn new(
        targets: impl IntoIterator<Item = Target>,
        default_target: Option<TargetName>,
        executor: Arc<dyn Executor>,
        store: Arc<dyn RunStore>,
        recorder: Arc<Recorder>,
    ) -> Self {
        let targets = targets.into_iter().map(|target| (target.name.clone(), target)).collect();
        Self { targets, default_target, executor, store, recorder }
    }

    /// The targets, by name.
    pub fn targets(&self) -> impl Iterator<Item = &Target> {
        self.targets.values()
    }

    /// The target of that name.
    ///
    /// # Errors
    /// When there is none.
    pub fn target(&self, name: &TargetName) -> Result<&Target, StartError> {
        self.targets.get(name).ok_or_else(|| StartError::UnknownTarget(name.clone()))
    }

    /// The target that is started when none is named.
    ///
    /// # Errors
    /// When several are configured and none is the default one.
    pub fn default_target(&self) -> Result<&Target, StartError> {
        self.default_target
            .as_ref()
            .and_then(|name| self.targets.get(name))
            .ok_or(StartError::NoDefaultTarget)
    }

    /// What the target looks like, as last heard.
    ///
    /// # Errors
    /// When its executor can't say.
    pub async fn inspect(&self, target: &Target) -> Result<TargetSnapshot, ExecutorError> {
        self.executor.inspect(target, Freshness::Cached).await
    }

    /// Starts a run, or finds the one that an earlier request with the same key started.
    ///
    /// # Errors
    /// When the rules are against it, or the executor or the store fails.
    pub async fn start(&self, target: &Target, request: &RunRequest) -> Result<Started, StartError> {
        // Whoever edits the CronJob and then asks for a run means the CronJob as it is now.
        let mut freshness = Freshness::FreshCronJob;
        if let Some(earlier) = self.earlier(target, request).await? {
            return repeat(earlier, request);
        }
        for _ in 0..ATTEMPTS {
            let snapshot = self.executor.inspect(target, freshness).await?;
            let policy = snapshot.cronjob.concurrency_policy;
            let job_name = job_name(target, request, &snapshot);
            let rejection = rejection(target, &snapshot, &job_name);
            if rejection.is_some() && freshness != Freshness::Fresh {
                // A refusal needs better grounds than hearsay.
                freshness = Freshness::Fresh;
                continue;
            }
            rejection.map_or(Ok(()), Err)?;
            if policy == ConcurrencyPolicy::Replace {
                self.replace(&snapshot, &job_name, request).await?;
            }
            match self.executor.launch(target, &job_name, request).await {
                Ok(Launched::Created(run)) => {
                    let run = self.recorder.flush(run).await;
                    return self.settle(target, run, policy).await;
                }
                Ok(Launched::Found(run)) if request.key.is_some() => {
                    return repeat(self.recorder.flush(run).await, request);
                }
                Ok(Launched::Found(run)) if run.state.is_final() => freshness = Freshness::Fresh,
                Ok(Launched::Vanished) => freshness = Freshness::Fresh,
                Ok(Launched::Found(run)) if policy == ConcurrencyPolicy::Replace => {
                    return Ok(Started { run, found: true });
                }
                Ok(Launched::Found(run)) => return Err(StartError::ConflictingRun(Box::new(run))),
                // An admission policy may not have heard of the edited template yet, or the template changed since.
                Err(ExecutorError::Refused(_)) if freshness != Freshness::Fresh => {
                    freshness = Freshness::Fresh;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(StartError::Contended(target.name.clone()))
    }

    /// The Job that a run would be, and whether it would be started now. Nothing is done.
    ///
    /// # Errors
    /// When the executor can't say.
    pub async fn preview(&self, target: &Target, request: &RunRequest) -> Result<Preview, ExecutorError> {
        let snapshot = self.executor.inspect(target, Freshness::Fresh).await?;
        let job_name = job_name(target, request, &snapshot);
        let job = self.executor.preview(target, &job_name, request).await?;
        Ok(Preview { job, rejection: rejection(target, &snapshot, &job_name) })
    }

    /// Ends a run on the caller's wish. One that has ended stays as it is.
    ///
    /// # Errors
    /// When the executor can't end it.
    pub async fn cancel(&self, run: Run, caller: &str) -> Result<Run, ExecutorError> {
        if run.state.is_final() {
            return Ok(run);
        }
        if let Some(ended) = self.executor.cancel(&run).await? {
            // Its executor has reported it.
            return Ok(ended);
        }
        let cause = Cause::new(CANCELLED_ON_REQUEST, format!("Cancelled by {caller}."));
        Ok(self.recorder.record(run.ended(State::Cancelled, cause, Timestamp::now())).await)
    }

    /// The whole log of a run while its executor has it.
    ///
    /// # Errors
    /// When the executor fails.
    pub async fn log(&self, run: &Run) -> Result<Option<LogStream>, ExecutorError> {
        self.executor.log(run).await
    }

    /// The run that an earlier request with this key started, also when the cluster has forgotten it.
    async fn earlier(&self, target: &Target, request: &RunRequest) -> Result<Option<Run>, StoreError> {
        match &request.key {
            Some(key) => {
                let job_name = naming::keyed(target, &request.caller, key.as_str());
                let run = self.store.run_of_job(&target.name, &job_name).await?;
                Ok(run.filter(|run| !overlap::is_rolled_back(run)))
            }
            None => Ok(None),
        }
    }
}

fn job_name(target: &Target, request: &RunRequest, snapshot: &TargetSnapshot) -> String {
    match (&request.key, snapshot.cronjob.concurrency_policy) {
        (Some(key), _) => naming::keyed(target, &request.caller, key.as_str()),
        (None, ConcurrencyPolicy::Allow) => naming::unique(target),
        (None, ConcurrencyPolicy::Forbid | ConcurrencyPolicy::Replace) => {
            naming::successor(target, &snapshot.generation)
        }
    }
}

pub(super) fn repeat(run: Run, request: &RunRequest) -> Result<Started, StartError> {
    if run.fingerprint.as_deref() == Some(&fingerprint(request)) {
        Ok(Started { run, found: true })
    } else {
        Err(StartError::KeyReused(Box::new(run)))
    }
}

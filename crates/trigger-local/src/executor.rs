//! The executor: plans a run, registers it, and starts its supervisor.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::join_all;
use jiff::Timestamp;
use serde_json::Value;
use tokio::time::timeout;
use trigger_core::cronjob::{CronJobSummary, CronJobTarget, TargetSnapshot};
use trigger_core::executor::{
    Cancellation, Executor, ExecutorError, Freshness, Launched, NotReady, WholeLog,
};
use trigger_core::log_buffers::LogBuffers;
use trigger_core::recorder::Recorder;
use trigger_core::request::{RunRequest, fingerprint};
use trigger_core::run::{Run, RunId, State, Trigger};
use trigger_core::run_store::{RunFilter, RunStore};
use trigger_core::store_error::StoreError;

use super::config::LocalConfig;
use super::manifest::Manifest;
use super::manifest_files;
use super::outcome;
use super::plan::Plan;
use super::registry::{Claim, Registry, StopReason, StopSender};
use super::supervisor::{Context, Supervisor};
use super::variables::PlannedJob;

/// The time limit for stopping a run: its grace period, the rest of its log, and a reserve.
const STOP_TIMEOUT: Duration = Duration::from_secs(15);

/// Runs Jobs as child processes.
pub struct LocalExecutor {
    config: LocalConfig,
    store: Arc<dyn RunStore>,
    context: Arc<Context>,
}

impl LocalExecutor {
    /// Creates an executor for the targets. Unfinished runs of an earlier process are recorded as interrupted.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn start(
        config: LocalConfig,
        targets: &[CronJobTarget],
        recorder: Arc<Recorder>,
        logs: Arc<LogBuffers>,
        store: Arc<dyn RunStore>,
    ) -> Result<Self, StoreError> {
        let registry = Registry::default();
        for target in targets {
            for run in store.unfinished(&target.name).await? {
                tracing::warn!(run.id = %run.id, run.target = %run.target, "recording an unfinished run of an earlier process as interrupted");
                let run = run.ended(State::Interrupted, outcome::restarted(), Timestamp::now());
                recorder.record(run).await;
            }
            for run in store.runs(&RunFilter::newest_of(&target.name)).await?.runs {
                registry.add_earlier(run, target);
            }
        }
        Ok(Self { config, store, context: Arc::new(Context { registry, recorder, logs }) })
    }

    /// Ends every run as [`State::Interrupted`] and rejects new ones. The recorder may still have to write the ends, so
    /// drain it afterwards.
    pub async fn shutdown(&self) {
        let active = self.context.registry.close();
        join_all(active.iter().map(|sender| stop(sender, StopReason::Restarted))).await;
    }

    async fn manifest(&self, target: &CronJobTarget) -> Result<Manifest, ExecutorError> {
        let (path, target) = (self.config.manifests.clone(), target.clone());
        let (namespace, name) = (target.namespace.clone(), target.cronjob.clone());
        let read = tokio::task::spawn_blocking(move || {
            manifest_files::find(&path, &target.namespace, &target.cronjob)
        });
        let found = read.await.map_err(|error| ExecutorError::Failed(error.to_string()))??;
        found.ok_or(ExecutorError::NoCronJob { namespace, name })
    }

    /// The run that already has the Job's name.
    async fn existing(
        &self,
        target: &CronJobTarget,
        job_name: &str,
    ) -> Result<Option<Launched>, ExecutorError> {
        if let Some(run) = self.context.registry.find_by_job(&target.namespace, job_name) {
            return found(target, run).map(Some);
        }
        let stored = self.store.run_of_job(&target.name, job_name).await?;
        Ok(stored.map(Launched::Found))
    }
}

#[async_trait]
impl Executor for LocalExecutor {
    async fn inspect(
        &self,
        target: &CronJobTarget,
        _freshness: Freshness,
    ) -> Result<TargetSnapshot, ExecutorError> {
        let cronjob = self.manifest(target).await?.summary()?;
        // Taken after the last await and under one lock, so that the active runs fit the generation.
        let (active, generation) = self.context.registry.snapshot(target);
        let active = active.into_iter().map(Arc::new).collect();
        Ok(TargetSnapshot { cronjob, active, unobserved: None, generation })
    }

    async fn preview(
        &self,
        target: &CronJobTarget,
        job_name: &str,
        request: &RunRequest,
    ) -> Result<Value, ExecutorError> {
        let manifest = self.manifest(target).await?.with_parameters(&request.parameters)?;
        Plan::new(&manifest, &self.config, &planned_job(target, job_name, request))?;
        Ok(manifest.job(&target.namespace, job_name))
    }

    async fn launch(
        &self,
        target: &CronJobTarget,
        job_name: &str,
        request: &RunRequest,
    ) -> Result<Launched, ExecutorError> {
        if let Some(existing) = self.existing(target, job_name).await? {
            return Ok(existing);
        }
        let manifest = self.manifest(target).await?.with_parameters(&request.parameters)?;
        let plan = Plan::new(&manifest, &self.config, &planned_job(target, job_name, request))?;
        let run = Run { containers: vec![plan.container.clone()], ..pending(target, job_name, request) };
        let stop = match self.context.registry.claim(&run, target) {
            Claim::Granted(stop) => stop,
            Claim::NameTaken(run) => return found(target, *run),
            Claim::Closed => {
                return Err(ExecutorError::Unreachable("trigger-api is shutting down".to_owned()));
            }
        };
        self.context.logs.open(&run.id);
        self.context.recorder.observe(run.clone());
        let retry_delay = self.config.retry_delay();
        let context = Arc::clone(&self.context);
        let supervisor = Supervisor { context, plan, run: run.clone(), stop, retry_delay };
        tokio::spawn(supervisor.supervise());
        Ok(Launched::Created(run))
    }

    async fn active_before(&self, target: &CronJobTarget, run: &Run) -> Result<Vec<Run>, ExecutorError> {
        Ok(self.context.registry.active_before(target, &run.id))
    }

    async fn cancel(&self, run: &Run) -> Result<Cancellation, ExecutorError> {
        match self.context.registry.stop_sender(&run.id) {
            Some(sender) if !stop(&sender, StopReason::Cancelled).await => Err(ExecutorError::TimedOut(
                format!("the run {} did not end within {} seconds", run.id, STOP_TIMEOUT.as_secs()),
            )),
            Some(_) => Ok(Cancellation::Stopped),
            None => Ok(self
                .context
                .registry
                .ended(&run.id)
                .map_or(Cancellation::Stopped, |run| Cancellation::EndedBefore(Box::new(run)))),
        }
    }

    async fn cronjob(&self, target: &CronJobTarget) -> Option<CronJobSummary> {
        self.manifest(target).await.ok()?.summary().ok()
    }

    /// None: the log buffers and the store have everything there is.
    async fn log(&self, _run: &Run, _container: Option<&str>) -> Result<Option<WholeLog>, ExecutorError> {
        Ok(None)
    }

    fn observed(&self, id: &RunId) -> Option<Run> {
        self.context.registry.run(id)
    }

    fn observed_ids(&self) -> Vec<RunId> {
        self.context.registry.ids()
    }

    /// The output of an ended run is only in its stored tail.
    async fn recover_log(&self, _run: &Run) {}

    fn readiness(&self) -> Result<(), NotReady> {
        let path = &self.config.manifests;
        path.metadata().map(drop).map_err(|error| NotReady(format!("{}: {error}", path.display())))
    }
}

/// Stops a run. Returns whether it ended within the time limit. The first reason counts.
async fn stop(sender: &StopSender, reason: StopReason) -> bool {
    sender.send_if_modified(|stop| stop.is_none() && stop.replace(reason).is_none());
    timeout(STOP_TIMEOUT, sender.closed()).await.is_ok()
}

fn found(target: &CronJobTarget, run: Run) -> Result<Launched, ExecutorError> {
    if run.target == target.name {
        Ok(Launched::Found(run))
    } else {
        Err(ExecutorError::NameTaken(run.job_name))
    }
}

fn planned_job<'a>(target: &'a CronJobTarget, name: &'a str, request: &'a RunRequest) -> PlannedJob<'a> {
    PlannedJob { namespace: &target.namespace, name, parameters: &request.parameters }
}

fn pending(target: &CronJobTarget, job_name: &str, request: &RunRequest) -> Run {
    Run {
        id: RunId::new(format!("local-{:032x}", fastrand::u128(..))),
        target: target.name.clone(),
        namespace: target.namespace.clone(),
        job_name: job_name.to_owned(),
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
        created_at: Timestamp::now(),
        started_at: None,
        finished_at: None,
        task: None,
    }
}

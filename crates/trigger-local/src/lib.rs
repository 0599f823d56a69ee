//! Runs the Jobs of CronJobs as processes of this machine, for the demo and for development: the whole API, no cluster.
//!
//! The CronJobs come from YAML files, which are read anew for each run, so a file can be edited between two runs. Of a
//! Job's template the first container is run: the local program that the settings name for its image and then
//! its `args`, or its own `command` and `args` as they stand. Honoured are `env` with `$(VAR)`, the Job's name and the ConfigMaps of the files, `workingDir`,
//! `backoffLimit`, `podFailurePolicy` on exit codes, both `activeDeadlineSeconds`, `terminationGracePeriodSeconds`
//! (at most 10) and `restartPolicy`. What would change what the program does and can't be honoured, such as volumes
//! or a second container, is refused and named; what matters to a cluster alone is left aside.
//!
//! What is other than in a cluster:
//!
//! - nothing executes the schedule: runs start when they are asked for;
//! - a retry waits 1, 2, 4 ... 30 seconds, where Kubernetes begins with 10, and with `restartPolicy: OnFailure` too
//!   `backoffLimit` counts whole retries;
//! - a program that can't be found fails its run at once, where a cluster goes on pulling the image;
//! - runs end with this program and are then `interrupted`. After a SIGKILL of this program a guard beside each run
//!   ends it (a process that has left its process group excepted), and the next start records it. So a store belongs to
//!   one such program.
//!
//! A run has none of the API's own environment but `PATH`, `HOME`, `TZ`, `LANG` and `SSL_CERT_FILE`. Each is a process group,
//! and all of the group ends with the program.

mod config;
mod expand;
mod failure_policy;
mod group;
mod manifest;
mod outcome;
mod output;
mod plan;
mod process;
mod refusal;
mod registry;
mod supervisor;
mod variables;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::join_all;
use jiff::Timestamp;
use serde_json::Value;
use tokio::time::timeout;

use self::manifest::Manifest;
use self::plan::Plan;
use self::registry::{Claim, Registry, Stop, Stopper};
use self::supervisor::{Desk, Supervisor};
use self::variables::JobName;
use trigger_core::log_buffers::LogBuffers;
use trigger_core::ports::{
    Executor, ExecutorError, Freshness, Launched, LogStream, NotReady, RunFilter, RunStore, StoreError,
};
use trigger_core::recorder::Recorder;
use trigger_core::request::{RunRequest, fingerprint};
use trigger_core::run::{Run, RunId, State, Trigger};
use trigger_core::target::Target;
use trigger_core::target_snapshot::TargetSnapshot;

pub use self::config::{LocalConfig, Program};

/// How long the end of a run is waited for: its grace period, the rest of its log and some time to spare.
const END_WITHIN: Duration = Duration::from_secs(15);

/// Runs Jobs on this machine.
pub struct LocalExecutor {
    config: LocalConfig,
    store: Arc<dyn RunStore>,
    desk: Arc<Desk>,
}

impl LocalExecutor {
    /// An executor of those targets. Runs that an earlier process left unfinished are recorded as interrupted.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn start(
        config: LocalConfig,
        targets: &[Target],
        recorder: Arc<Recorder>,
        book: Arc<LogBuffers>,
        store: Arc<dyn RunStore>,
    ) -> Result<Self, StoreError> {
        let registry = Registry::default();
        for target in targets {
            for run in store.unfinished(&target.name).await? {
                tracing::warn!(run.id = %run.id, run.target = %run.target, "a run of an earlier process has not ended; it is interrupted");
                let run = run.ended(State::Interrupted, outcome::restarted(), Timestamp::now());
                recorder.record(run).await;
            }
            let newest = RunFilter { target: Some(target.name.clone()), limit: 1, ..RunFilter::default() };
            for run in store.runs(&newest).await? {
                registry.remember(run, target);
            }
        }
        Ok(Self { config, store, desk: Arc::new(Desk { registry, recorder, book }) })
    }

    /// Ends every run, as [`State::Interrupted`], and starts none any more. The ends are noted when this returns, so
    /// the recorder has to be drained after it.
    pub async fn shutdown(&self) {
        let stoppers = self.desk.registry.close();
        join_all(stoppers.iter().map(|stopper| end(stopper, Stop::Restarted))).await;
    }

    async fn manifest(&self, target: &Target) -> Result<Manifest, ExecutorError> {
        let (path, wanted) = (self.config.manifests.clone(), target.clone());
        let read =
            tokio::task::spawn_blocking(move || manifest::find(&path, &wanted.namespace, &wanted.cronjob));
        let found = read.await.map_err(|error| ExecutorError::Failed(error.to_string()))??;
        found.ok_or_else(|| ExecutorError::NoCronJob {
            namespace: target.namespace.clone(),
            name: target.cronjob.clone(),
        })
    }

    /// The run that has the Job's name already.
    async fn earlier(&self, target: &Target, job_name: &str) -> Result<Option<Launched>, ExecutorError> {
        if let Some(run) = self.desk.registry.of_job(&target.namespace, job_name) {
            return found(target, run).map(Some);
        }
        let remembered = self.store.run_of_job(&target.name, job_name).await?;
        Ok(remembered.map(Launched::Found))
    }
}

#[async_trait]
impl Executor for LocalExecutor {
    async fn inspect(&self, target: &Target, _freshness: Freshness) -> Result<TargetSnapshot, ExecutorError> {
        let cronjob = self.manifest(target).await?.summary()?;
        // After the last await: what is seen together was so at one moment.
        let (active, generation) = self.desk.registry.snapshot(target);
        Ok(TargetSnapshot { cronjob, active, generation })
    }

    async fn preview(
        &self,
        target: &Target,
        job_name: &str,
        _request: &RunRequest,
    ) -> Result<Value, ExecutorError> {
        let manifest = self.manifest(target).await?;
        Plan::new(&manifest, &self.config, &JobName { namespace: &target.namespace, name: job_name })?;
        Ok(manifest.job(&target.namespace, job_name))
    }

    async fn launch(
        &self,
        target: &Target,
        job_name: &str,
        request: &RunRequest,
    ) -> Result<Launched, ExecutorError> {
        if let Some(earlier) = self.earlier(target, job_name).await? {
            return Ok(earlier);
        }
        let name = JobName { namespace: &target.namespace, name: job_name };
        let plan = Plan::new(&self.manifest(target).await?, &self.config, &name)?;
        let run = pending(target, job_name, request);
        let stop = match self.desk.registry.claim(&run, target) {
            Claim::Granted(stop) => stop,
            Claim::Lease(run) => return found(target, *run),
            Claim::Closed => return Err(ExecutorError::Unreachable("this program is ending".to_owned())),
        };
        self.desk.book.open(&run.id);
        self.desk.recorder.observe(run.clone());
        let first_pause = self.config.retry_after();
        let supervisor =
            Supervisor { desk: Arc::clone(&self.desk), plan, run: run.clone(), stop, first_pause };
        tokio::spawn(supervisor.supervise());
        Ok(Launched::Created(run))
    }

    async fn active_before(&self, target: &Target, run: &Run) -> Result<Vec<Run>, ExecutorError> {
        Ok(self.desk.registry.before(target, &run.id))
    }

    async fn cancel(&self, run: &Run) -> Result<Option<Run>, ExecutorError> {
        match self.desk.registry.stopper(&run.id) {
            Some(stopper) if !end(&stopper, Stop::Cancelled).await => {
                Err(ExecutorError::TimedOut(format!("{} does not end", run.id)))
            }
            Some(_) => Ok(None),
            None => Ok(self.desk.registry.ended(&run.id)),
        }
    }

    /// None: what there is of a log is in the book and in the store.
    async fn log(&self, _run: &Run) -> Result<Option<LogStream>, ExecutorError> {
        Ok(None)
    }

    fn readiness(&self) -> Result<(), NotReady> {
        let path = &self.config.manifests;
        path.metadata().map(drop).map_err(|error| NotReady(format!("{}: {error}", path.display())))
    }
}

/// Has a run end, and says whether it has.
async fn end(stopper: &Stopper, why: Stop) -> bool {
    stopper.send_if_modified(|stop| stop.is_none() && stop.replace(why).is_none());
    timeout(END_WITHIN, stopper.closed()).await.is_ok()
}

fn found(target: &Target, run: Run) -> Result<Launched, ExecutorError> {
    if run.target == target.name {
        Ok(Launched::Found(run))
    } else {
        Err(ExecutorError::NameTaken(run.job_name))
    }
}

fn pending(target: &Target, job_name: &str, request: &RunRequest) -> Run {
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
        created_at: Timestamp::now(),
        started_at: None,
        finished_at: None,
        task: None,
    }
}

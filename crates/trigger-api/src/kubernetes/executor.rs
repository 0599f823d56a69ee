//! The [`Executor`] that runs Jobs in a cluster.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use common::kubernetes::Cluster;
use jiff::Timestamp;
use serde_json::Value;
use tokio::task::JoinSet;
use trigger_core::cronjob::{CronJobSummary, CronJobTarget, TargetSnapshot};
use trigger_core::executor::{
    Cancellation, Executor, ExecutorError, Freshness, Launched, NotReady, Protection, WholeLog,
};
use trigger_core::log_buffers::LogBuffers;
use trigger_core::recorder::Recorder;
use trigger_core::request::RunRequest;
use trigger_core::right::{Limitation, MissingRight};
use trigger_core::run::{Run, RunId};
use trigger_core::run_store::RunStore;
use trigger_core::target_name::TargetName;

use super::admission_check::AdmissionCheck;
use super::cache::ClusterCache;
use super::client::{ClusterClient, DeletionResult, JobCreation};
use super::config::KubernetesConfig;
use super::ended_runs::EndedRuns;
use super::events::EventRecorder;
use super::health::{Observed, WatchesHealth};
use super::logs::{FullLogStarts, LogCollector};
use super::newest_runs::NewestRuns;
use super::objects::{CronJobObject, JobObject};
use super::shared::Shared;
use super::shared_reads::SharedReads;
use super::snapshot::{active_jobs, cronjob_summary};
use super::{state, template, unlisted, watch};

/// The maximum number of attempts to delete a Job that changes.
const MAX_DELETE_ATTEMPTS: u32 = 10;

/// Runs Jobs in a cluster, and reports the state of every Job of its targets to the recorder.
pub struct KubernetesExecutor {
    shared: Arc<Shared>,
    events: EventRecorder,
    admission: Arc<AdmissionCheck>,
    newest_runs: NewestRuns,
    cronjob_reads: SharedReads<CronJobObject>,
    _watches: JoinSet<()>,
}

impl KubernetesExecutor {
    /// Starts the watches.
    pub fn start(
        cluster: &Cluster,
        config: KubernetesConfig,
        targets: &[CronJobTarget],
        recorder: Arc<Recorder>,
        log_buffers: Arc<LogBuffers>,
        store: Arc<dyn RunStore>,
    ) -> Self {
        let KubernetesConfig { request_timeout, permission_retry, check_admission, job_labels } = config;
        let rights = Arc::default();
        let client = ClusterClient { client: cluster.client.clone(), request_timeout, rights };
        let (ended, ended_receivers) = EndedRuns::new();
        let shared = Arc::new(Shared {
            logs: LogCollector::new(client.clone(), log_buffers, Arc::clone(&recorder), Arc::clone(&store)),
            cache: Mutex::new(ClusterCache::new(targets)),
            targets: targets.to_vec(),
            ended,
            health: WatchesHealth::default(),
            max_denied_delay: permission_retry,
            job_labels,
            cluster: client.clone(),
            recorder,
            store,
        });
        let mut watches = JoinSet::new();
        watch::start(&shared, &cluster.watching, &mut watches);
        watch::start_finishing(&shared, ended_receivers, &mut watches);
        let admission = Arc::new(AdmissionCheck::default());
        if check_admission {
            let (admission, shared) = (Arc::clone(&admission), Arc::clone(&shared));
            watches.spawn(async move { admission.run(&shared.cluster, &shared.targets).await });
        }
        Self {
            events: EventRecorder::start(client, &mut watches),
            shared,
            admission,
            newest_runs: NewestRuns::new(targets),
            cronjob_reads: SharedReads::default(),
            _watches: watches,
        }
    }

    /// The target's CronJob: the cached one if there is one and `freshness` allows it.
    async fn cronjob(
        &self,
        target: &CronJobTarget,
        freshness: Freshness,
    ) -> Result<Arc<CronJobObject>, ExecutorError> {
        let cached = self.shared.cache().cronjob(target);
        match cached {
            Some(cronjob) if freshness == Freshness::Cached => Ok(cronjob),
            _ => self.cronjob_reads.read(&target.name, || self.read_cronjob(target)).await,
        }
    }

    /// Reads the target's CronJob, and applies it to the cache.
    async fn read_cronjob(&self, target: &CronJobTarget) -> Result<Arc<CronJobObject>, ExecutorError> {
        let found = self.shared.cluster.cronjob(target).await;
        let mut cache = self.shared.cache();
        match found {
            Ok(cronjob) => Ok(cache.apply_cronjob(cronjob)),
            Err(error) => {
                if let ExecutorError::NoCronJob { namespace, name } = &error {
                    cache.remove_cronjob(namespace, name);
                }
                Err(error)
            }
        }
    }

    /// Lists the Jobs of the namespace and applies them to the cache, and the pods of those that were deleted.
    async fn relist(&self, namespace: &str) -> Result<(), ExecutorError> {
        let listing = self.shared.cache().begin_listing();
        self.shared.cluster.each_job(namespace, |job| self.apply_job(job)).await?;
        watch::apply(&self.shared, |cache, now| cache.end_job_listing(namespace, listing, now));
        let deleted = self.shared.cache().runs_of_deleted_jobs(namespace);
        for run in deleted {
            let Ok(pods) = self.shared.cluster.pods_of_job(namespace, &run.job_name).await else { continue };
            watch::apply(&self.shared, |cache, now| cache.replace_pods(&run.id, pods, now));
        }
        Ok(())
    }

    /// The target without the Jobs that can't be listed.
    async fn unlisted_snapshot(
        &self,
        target: &CronJobTarget,
        cronjob: &CronJobObject,
        right: MissingRight,
        freshness: Freshness,
    ) -> TargetSnapshot {
        if freshness == Freshness::Fresh {
            unlisted::read_active_jobs(&self.shared, &target.namespace, |job| self.apply_job(job)).await;
        }
        unlisted::snapshot(&self.shared, target, cronjob, right, freshness)
    }

    fn apply_job(&self, job: JobObject) {
        watch::apply(&self.shared, |cache, now| cache.apply_job(job, now));
    }

    /// The run of the Job of that name; an error if the Job is not one of the target.
    async fn run_of_job(&self, target: &CronJobTarget, job_name: &str) -> Result<Option<Run>, ExecutorError> {
        let Some(job) = self.shared.cluster.job(&target.namespace, job_name).await? else {
            return Ok(None);
        };
        let id = job.metadata.uid.clone().map(RunId::new);
        self.apply_job(job);
        // By id, because an earlier Job of the same name may still be cached.
        let run = id.and_then(|id| self.shared.cache().run(&id)).filter(|run| run.target == target.name);
        run.map(Some).ok_or_else(|| ExecutorError::NameTaken(job_name.to_owned()))
    }

    /// Applies a Job that was just created, and publishes its run. A run that can't be observed from now on is unknown.
    async fn apply_created_job(
        &self,
        target: &CronJobTarget,
        cronjob: &CronJobObject,
        job: JobObject,
    ) -> Result<Launched, ExecutorError> {
        let name = job.metadata.name.clone().unwrap_or_default();
        let id = job.metadata.uid.clone().map(RunId::new);
        let missing_right = match unlisted::missing_right(&self.shared, &target.namespace) {
            Some(_) if unlisted::is_readable(&self.shared, &target.namespace, &name).await => None,
            missing_right => missing_right,
        };
        let mut cache = self.shared.cache();
        cache.apply_job(job, Timestamp::now());
        let run = id.and_then(|id| cache.run(&id)).filter(|run| run.target == target.name);
        let run = run.ok_or_else(|| {
            ExecutorError::Failed(format!("the API server created a different Job than {name}"))
        })?;
        let run = match missing_right {
            Some(right) => unlisted::publish_created(&self.shared, &mut cache, cronjob, run, &right),
            None => {
                // Published here, because the watch does not report a Job that is unchanged in the cache.
                watch::publish(&self.shared, &cache, run.clone());
                run
            }
        };
        drop(cache);
        self.events.record_start(target, &run);
        Ok(Launched::Created(run))
    }

    /// The target's existing Job of that name: created by this request, or by another one.
    async fn existing_job(
        &self,
        target: &CronJobTarget,
        job_name: &str,
        request: &RunRequest,
    ) -> Result<Launched, ExecutorError> {
        let run = self.run_of_job(target, job_name).await.map_err(|error| match error {
            ExecutorError::Forbidden { right, .. } => {
                ExecutorError::UnreadableJob { job: job_name.to_owned(), right }
            }
            other => other,
        });
        Ok(match run? {
            Some(run) if run.request_id.as_deref() == Some(&request.request_id) => Launched::Created(run),
            Some(run) => Launched::Found(run),
            None => Launched::Vanished,
        })
    }
}

#[async_trait]
impl Executor for KubernetesExecutor {
    async fn inspect(
        &self,
        target: &CronJobTarget,
        freshness: Freshness,
    ) -> Result<TargetSnapshot, ExecutorError> {
        let health = &self.shared.health;
        let cached_is_current = health.is_followed(&Observed::cronjob(target));
        let is_old = freshness == Freshness::Cached && !cached_is_current;
        let cronjob = self.cronjob(target, if is_old { Freshness::FreshCronJob } else { freshness }).await?;
        self.newest_runs.read(&self.shared, target).await;
        if let Some(right) = unlisted::missing_right(&self.shared, &target.namespace) {
            return Ok(self.unlisted_snapshot(target, &cronjob, right, freshness).await);
        }
        let cache_is_complete = health.is_followed(&Observed::Jobs(target.namespace.clone())) && {
            let cache = self.shared.cache();
            active_jobs(&cronjob).all(|(uid, _)| cache.has_job(&RunId::new(uid)))
        };
        if freshness == Freshness::Fresh || !cache_is_complete {
            match self.relist(&target.namespace).await {
                // The watch has not noticed yet.
                Err(ExecutorError::Forbidden { right, .. }) => {
                    return Ok(self.unlisted_snapshot(target, &cronjob, right, freshness).await);
                }
                listed => listed?,
            }
        }
        let cache = self.shared.cache();
        Ok(TargetSnapshot {
            cronjob: cronjob_summary(&cronjob),
            active: cache.active_runs(target),
            unobserved: None,
            generation: cache.generation(&target.name),
        })
    }

    async fn preview(
        &self,
        target: &CronJobTarget,
        job_name: &str,
        request: &RunRequest,
    ) -> Result<Value, ExecutorError> {
        let cronjob = self.cronjob(target, Freshness::Cached).await?;
        template::requested_job(&cronjob, job_name, request, &self.shared.job_labels)
    }

    async fn launch(
        &self,
        target: &CronJobTarget,
        job_name: &str,
        request: &RunRequest,
    ) -> Result<Launched, ExecutorError> {
        let cronjob = self.cronjob(target, Freshness::Cached).await?;
        let job = template::requested_job(&cronjob, job_name, request, &self.shared.job_labels)?;
        match self.shared.cluster.create_job(&target.namespace, &job).await {
            Ok(JobCreation::Created(job)) => self.apply_created_job(target, &cronjob, *job).await,
            Ok(JobCreation::NameTaken) => self.existing_job(target, job_name, request).await,
            // The Job may exist although the response was lost.
            Err(error @ (ExecutorError::TimedOut(_) | ExecutorError::Failed(_))) => {
                match self.existing_job(target, job_name, request).await {
                    Ok(found @ (Launched::Created(_) | Launched::Found(_))) => Ok(found),
                    Err(taken @ ExecutorError::NameTaken(_)) => Err(taken),
                    Err(ExecutorError::UnreadableJob { job, right }) => {
                        Err(ExecutorError::UncheckedJob { job, right, error: Box::new(error) })
                    }
                    Ok(Launched::Vanished) | Err(_) => Err(error),
                }
            }
            Err(error) => Err(error),
        }
    }

    /// Lists the Jobs at the resourceVersion of the run's creation. The API server keeps old versions for some minutes.
    async fn active_before(&self, target: &CronJobTarget, run: &Run) -> Result<Vec<Run>, ExecutorError> {
        let Some(version) = self.shared.cache().first_version(&run.id) else {
            return Ok(Vec::new());
        };
        let mut past = ClusterCache::new(&self.shared.targets);
        let apply = |job| {
            past.apply_job(job, Timestamp::now());
        };
        self.shared.cluster.each_job_at(&target.namespace, version, apply).await?;
        let others =
            past.runs(target).into_iter().filter(|other| other.id != run.id && !other.state.is_final());
        Ok(others.cloned().collect())
    }

    /// Deletes exactly the version of the Job that was read, so that a Job that finishes in the meantime is not deleted.
    async fn cancel(&self, run: &Run) -> Result<Cancellation, ExecutorError> {
        for _ in 0..MAX_DELETE_ATTEMPTS {
            let job = self.shared.cluster.job(&run.namespace, &run.job_name).await?;
            let Some(job) = job.filter(|job| job.metadata.uid.as_deref() == Some(run.id.as_str())) else {
                // Its pods may still exist.
                let is_active = self.shared.cache().run(&run.id).is_some_and(|run| !run.state.is_final());
                return Ok(if is_active { Cancellation::Stopping } else { Cancellation::Stopped });
            };
            if job.status.as_ref().is_some_and(state::has_finished) {
                self.apply_job(job);
                let finished = self.shared.cache().run(&run.id).filter(|run| run.state.is_final());
                return Ok(Cancellation::EndedBefore(Box::new(finished.unwrap_or_else(|| run.clone()))));
            }
            match self.shared.cluster.delete_job(&job).await? {
                DeletionResult::Begun(job) => {
                    self.apply_job(*job);
                    return Ok(Cancellation::Stopping);
                }
                DeletionResult::Done => return Ok(Cancellation::Stopped),
                DeletionResult::Changed => {}
            }
        }
        Err(ExecutorError::Busy {
            detail: format!("the Job {} changed during every attempt to delete it", run.job_name),
            retry_after: None,
        })
    }

    async fn cronjob(&self, target: &CronJobTarget) -> Option<CronJobSummary> {
        self.shared.cache().cronjob(target).map(|cronjob| cronjob_summary(&cronjob))
    }

    async fn log(&self, run: &Run, container: Option<&str>) -> Result<Option<WholeLog>, ExecutorError> {
        let mut starts = FullLogStarts::new(self.shared.cache().pods(&run.id), container);
        let pods = Observed::Pods(run.namespace.clone());
        if starts.is_empty() && self.shared.health.is_list_denied(&pods) {
            let (right, detail) =
                (pods.right("list").missing(), "the pods of the run are not known".to_owned());
            return Err(ExecutorError::Forbidden { right, detail });
        }
        if starts.is_empty() && run.state.is_final() {
            // The pods of a run that has ended are not cached.
            starts = FullLogStarts::new(&self.shared.cluster.pods_of_run(run).await?, container);
        }
        self.shared.logs.full_log(&run.namespace, starts).await
    }

    fn observed(&self, id: &RunId) -> Option<Run> {
        self.shared.cache().run(id)
    }

    fn observed_ids(&self) -> Vec<RunId> {
        self.shared.cache().run_ids()
    }

    async fn recover_log(&self, run: &Run) {
        self.shared.logs.recover(run).await;
    }

    fn readiness(&self) -> Result<(), NotReady> {
        self.shared.health.readiness()
    }

    fn limitations(&self) -> Vec<Limitation> {
        self.shared.cluster.rights.limitations()
    }

    fn protection(&self) -> BTreeMap<TargetName, Protection> {
        self.admission.results().clone()
    }
}

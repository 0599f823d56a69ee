//! [`Executor`] on a cluster.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use common::kubernetes::Cluster;
use jiff::Timestamp;
use serde_json::Value;
use tokio::task::JoinSet;

use super::calls::{Calls, Creation};
use super::events::Announcer;
use super::health::Health;
use super::logs::LogReader;
use super::objects::{CronJobObject, JobObject};
use super::shared::Shared;
use super::state;
use super::template;
use super::view::View;
use super::watch;
use trigger_core::log_buffers::LogBuffers;
use trigger_core::ports::{Executor, ExecutorError, Freshness, Launched, LogStream, NotReady, RunStore};
use trigger_core::recorder::Recorder;
use trigger_core::request::RunRequest;
use trigger_core::run::{Run, RunId};
use trigger_core::target::{ConcurrencyPolicy, CronJobSummary, Target};
use trigger_core::target_snapshot::TargetSnapshot;

/// How often a Job is looked at again that changed before it could be deleted.
const DELETE_ATTEMPTS: u32 = 10;

/// Runs Jobs in a cluster, and reports what becomes of every Job of its targets.
pub struct KubernetesExecutor {
    shared: Arc<Shared>,
    announcer: Announcer,
    _watches: JoinSet<()>,
}

impl KubernetesExecutor {
    /// An executor that has begun to watch. No call takes longer than `limit`.
    pub fn start(
        cluster: &Cluster,
        limit: Duration,
        targets: &[Target],
        recorder: Arc<Recorder>,
        book: Arc<LogBuffers>,
        store: Arc<dyn RunStore>,
    ) -> Self {
        let calls = Calls { client: cluster.client.clone(), limit };
        let shared = Arc::new(Shared {
            logs: LogReader::new(calls.clone(), book, Arc::clone(&recorder), Arc::clone(&store)),
            view: Mutex::new(View::new(targets)),
            targets: targets.to_vec(),
            health: Health::default(),
            calls: calls.clone(),
            recorder,
            store,
        });
        let mut watches = JoinSet::new();
        watch::start(&shared, &cluster.watching, &mut watches);
        Self { announcer: Announcer::start(calls, &mut watches), shared, _watches: watches }
    }

    /// The target's CronJob, from memory if it is there and fresh enough.
    async fn cronjob(
        &self,
        target: &Target,
        freshness: Freshness,
    ) -> Result<Arc<CronJobObject>, ExecutorError> {
        let heard = self.shared.view().cronjob(target);
        match heard {
            Some(cronjob) if freshness == Freshness::Cached => Ok(cronjob),
            _ => {
                let found = self.shared.calls.cronjob(target).await;
                let mut view = self.shared.view();
                match &found {
                    Ok(cronjob) => view.apply_cronjob((**cronjob).clone()),
                    Err(ExecutorError::NoCronJob { namespace, name }) => view.remove_cronjob(namespace, name),
                    Err(_) => {}
                }
                found
            }
        }
    }

    /// Lists the Jobs of the namespace and takes them in.
    async fn relist(&self, namespace: &str) -> Result<(), ExecutorError> {
        let listing = self.shared.view().begin_listing();
        let jobs = self.shared.calls.jobs(namespace).await?;
        for job in jobs {
            self.take_in(job);
        }
        self.shared.view().end_job_listing(namespace, listing);
        Ok(())
    }

    fn take_in(&self, job: JobObject) {
        watch::take_in(&self.shared, |view, now| view.apply_job(job, now));
    }

    /// The run of a Job that has the name that was asked for.
    async fn named(&self, target: &Target, job_name: &str) -> Result<Option<Run>, ExecutorError> {
        let Some(job) = self.shared.calls.job(&target.namespace, job_name).await? else {
            return Ok(None);
        };
        let id = job.metadata.uid.clone().map(RunId::new);
        self.take_in(job);
        let view = self.shared.view();
        // By its id: an earlier Job of the name may be known too, if its end was not heard of.
        let run = view.runs(target).into_iter().find(|run| Some(&run.id) == id.as_ref()).cloned();
        run.map(Some).ok_or_else(|| ExecutorError::NameTaken(job_name.to_owned()))
    }

    fn created(&self, target: &Target, job: JobObject) -> Result<Launched, ExecutorError> {
        let name = job.metadata.name.clone().unwrap_or_default();
        let id = job.metadata.uid.clone().map(RunId::new);
        let mut view = self.shared.view();
        view.apply_job(job, Timestamp::now());
        let run = view.runs(target).into_iter().find(|run| Some(&run.id) == id.as_ref()).cloned();
        let run =
            run.ok_or_else(|| ExecutorError::Failed(format!("the server made another Job than {name}")))?;
        // The watch has nothing new to tell of it.
        watch::report(&self.shared, &view, run.clone());
        drop(view);
        self.announcer.announce(target, &run);
        Ok(Launched::Created(run))
    }

    /// The Job that has the name, if it is of the target: this request's own one, or another one's.
    async fn look_up(
        &self,
        target: &Target,
        job_name: &str,
        request: &RunRequest,
    ) -> Result<Launched, ExecutorError> {
        Ok(match self.named(target, job_name).await? {
            Some(run) if run.request_id.as_deref() == Some(&request.request_id) => Launched::Created(run),
            Some(run) => Launched::Found(run),
            None => Launched::Vanished,
        })
    }
}

#[async_trait]
impl Executor for KubernetesExecutor {
    async fn inspect(&self, target: &Target, freshness: Freshness) -> Result<TargetSnapshot, ExecutorError> {
        let cronjob = self.cronjob(target, freshness).await?;
        let heard_all = self.shared.health.readiness().is_ok() && {
            let view = self.shared.view();
            active_uids(&cronjob).all(|uid| view.has_job(&RunId::new(uid)))
        };
        if freshness == Freshness::Fresh || !heard_all {
            self.relist(&target.namespace).await?;
        }
        let view = self.shared.view();
        let runs = view.runs(target);
        let active = runs.iter().filter(|run| !run.state.is_final()).map(|run| (*run).clone()).collect();
        Ok(TargetSnapshot { cronjob: summary(&cronjob), active, generation: generation(&runs) })
    }

    async fn preview(
        &self,
        target: &Target,
        job_name: &str,
        request: &RunRequest,
    ) -> Result<Value, ExecutorError> {
        let cronjob = self.cronjob(target, Freshness::Cached).await?;
        template::job(&cronjob, job_name, request).ok_or_else(no_template)
    }

    async fn launch(
        &self,
        target: &Target,
        job_name: &str,
        request: &RunRequest,
    ) -> Result<Launched, ExecutorError> {
        let cronjob = self.cronjob(target, Freshness::Cached).await?;
        let job = template::job(&cronjob, job_name, request).ok_or_else(no_template)?;
        match self.shared.calls.create_job(&target.namespace, &job).await {
            Ok(Creation::Created(job)) => self.created(target, *job),
            Ok(Creation::NameTaken) => self.look_up(target, job_name, request).await,
            // The answer may have been lost on its way: then the Job is there.
            Err(error @ (ExecutorError::TimedOut(_) | ExecutorError::Failed(_))) => {
                match self.look_up(target, job_name, request).await {
                    Ok(found @ (Launched::Created(_) | Launched::Found(_))) => Ok(found),
                    Err(taken @ ExecutorError::NameTaken(_)) => Err(taken),
                    Ok(Launched::Vanished) | Err(_) => Err(error),
                }
            }
            Err(error) => Err(error),
        }
    }

    /// The server keeps what was for some minutes: the list of the moment when the Job came into being says who was there.
    async fn active_before(&self, target: &Target, run: &Run) -> Result<Vec<Run>, ExecutorError> {
        let Some(version) = self.shared.view().first_version(&run.id) else {
            return Ok(Vec::new());
        };
        let mut then = View::new(&self.shared.targets);
        for job in self.shared.calls.jobs_at(&target.namespace, version).await? {
            then.apply_job(job, Timestamp::now());
        }
        let others =
            then.runs(target).into_iter().filter(|other| other.id != run.id && !other.state.is_final());
        Ok(others.cloned().collect())
    }

    /// The Job is looked at before it is deleted, and deleted as it was then: a Job that finishes meanwhile stays.
    async fn cancel(&self, run: &Run) -> Result<Option<Run>, ExecutorError> {
        for _ in 0..DELETE_ATTEMPTS {
            let job = self.shared.calls.job(&run.namespace, &run.job_name).await?;
            let Some(job) = job.filter(|job| job.metadata.uid.as_deref() == Some(run.id.as_str())) else {
                return Ok(None);
            };
            if job.status.as_ref().is_some_and(state::has_finished) {
                self.take_in(job);
                let ended = self.shared.view().run(&run.id).filter(|run| run.state.is_final());
                return Ok(Some(ended.unwrap_or_else(|| run.clone())));
            }
            if self.shared.calls.delete_job(&job).await? {
                return Ok(None);
            }
        }
        Err(ExecutorError::Busy {
            detail: format!("the Job {} kept changing", run.job_name),
            retry_after: None,
        })
    }

    async fn log(&self, run: &Run) -> Result<Option<LogStream>, ExecutorError> {
        let containers = super::logs::containers(self.shared.view().pods(&run.id));
        self.shared.logs.whole(&run.namespace, containers).await
    }

    fn readiness(&self) -> Result<(), NotReady> {
        self.shared.health.readiness()
    }
}

fn no_template() -> ExecutorError {
    ExecutorError::Failed("the CronJob has no job template".to_owned())
}

/// The Jobs that the CronJob's controller counts as going on.
fn active_uids(cronjob: &CronJobObject) -> impl Iterator<Item = &str> {
    let active = cronjob.data.pointer("/status/active").and_then(Value::as_array);
    active.into_iter().flatten().filter_map(|reference| reference.get("uid")?.as_str())
}

fn summary(cronjob: &CronJobObject) -> CronJobSummary {
    let text = |path| cronjob.data.pointer(path).and_then(Value::as_str).map(str::to_owned);
    CronJobSummary {
        schedule: text("/spec/schedule").unwrap_or_default(),
        time_zone: text("/spec/timeZone"),
        suspended: cronjob.data.pointer("/spec/suspend").and_then(Value::as_bool).unwrap_or_default(),
        concurrency_policy: match text("/spec/concurrencyPolicy").as_deref() {
            Some("Forbid") => ConcurrencyPolicy::Forbid,
            Some("Replace") => ConcurrencyPolicy::Replace,
            _ => ConcurrencyPolicy::Allow,
        },
        last_scheduled_at: text("/status/lastScheduleTime").and_then(|text| text.parse().ok()),
    }
}

/// The newest Jobs: those of the last second in which one was created. Creation times have whole seconds, so one Job
/// alone could be as new as another.
fn generation(runs: &[&Run]) -> String {
    let Some(newest) = runs.last().map(|run| run.created_at) else {
        return String::new();
    };
    let ids = runs.iter().filter(|run| run.created_at == newest).map(|run| run.id.as_str());
    std::iter::once(newest.to_string().as_str()).chain(ids).collect::<Vec<_>>().join(" ")
}

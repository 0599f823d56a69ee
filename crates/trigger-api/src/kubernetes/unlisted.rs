//! The runs of a namespace whose Jobs trigger-api may not list: each Job is read by its name, if that is permitted.

use std::sync::Arc;

use jiff::Timestamp;
use trigger_core::cronjob::{ConcurrencyPolicy, CronJobTarget, TargetSnapshot};
use trigger_core::executor::{ExecutorError, Freshness};
use trigger_core::right::MissingRight;
use trigger_core::run::{Run, RunId, State, Trigger};

use super::cache::ClusterCache;
use super::health::Observed;
use super::objects::{CronJobObject, JobObject};
use super::reconcile::{JobOfRun, job_of_run, unknown, without_job};
use super::rights::Right;
use super::shared::Shared;
use super::snapshot::{active_jobs, cronjob_summary};

/// How many runs of a target are read that were not observed until now.
const MAX_UNKNOWN: u16 = 200;

/// The right to list the Jobs of the namespace, if the API server denies it.
pub(super) fn missing_right(shared: &Shared, namespace: &str) -> Option<MissingRight> {
    let jobs = Observed::Jobs(namespace.to_owned());
    shared.health.is_list_denied(&jobs).then(|| jobs.right("list").missing())
}

/// Reads the Jobs of the runs that have not ended, one by one, and removes all others from the cache. If Jobs can't be read
/// either, these runs become unknown.
pub(super) async fn read_active_jobs(shared: &Shared, namespace: &str, apply: impl Fn(JobObject)) {
    let listing = shared.cache().begin_listing();
    for target in shared.targets.iter().filter(|target| target.namespace == namespace) {
        if let Err(error) = read_jobs_of(shared, target, &apply).await {
            tracing::warn!(%error, target = %target.name, "can't read the Jobs of the active runs; retrying");
            return;
        }
    }
    let mut cache = shared.cache();
    for run in cache.end_job_listing(namespace, listing, Timestamp::now()) {
        shared.recorder.observe(run);
    }
}

async fn read_jobs_of(
    shared: &Shared,
    target: &CronJobTarget,
    apply: &impl Fn(JobObject),
) -> Result<(), ExecutorError> {
    let mut runs = shared.store.unfinished(&target.name).await?;
    runs.extend(shared.store.runs(&unknown(target, MAX_UNKNOWN)).await?.runs);
    while let Some(run) = runs.pop() {
        match job_of_run(shared, &run).await {
            Ok(JobOfRun::Exists(job)) => apply(*job),
            Ok(JobOfRun::Gone) => shared.recorder.observe(without_job(shared, run).await),
            Err(ExecutorError::Forbidden { .. }) => {
                runs.push(run);
                mark_unknown(shared, target, runs);
                return Ok(());
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn mark_unknown(shared: &Shared, target: &CronJobTarget, runs: Vec<Run>) {
    let Some(right) = missing_right(shared, &target.namespace) else { return };
    // Under the lock of the cache, so that a Job that a list observes in the meantime is not reported as unknown.
    let mut cache = shared.cache();
    for run in runs {
        cache.forget_job(&run.id);
        if run.state != State::Unknown {
            shared.recorder.observe(run.unobserved(&right, ""));
        }
    }
}

/// Whether the state of a Job that was just created can be read later.
pub(super) async fn is_readable(shared: &Shared, namespace: &str, job_name: &str) -> bool {
    !shared.cluster.rights.denies(&Right::of_jobs("get", namespace))
        && shared.cluster.job(namespace, job_name).await.is_ok()
}

/// Publishes the run of a Job that was just created and can't be observed from now on.
pub(super) fn publish_created(
    shared: &Shared,
    cache: &mut ClusterCache,
    cronjob: &CronJobObject,
    run: Run,
    right: &MissingRight,
) -> Run {
    cache.forget_job(&run.id);
    let run = run.unobserved(right, policy_remark(cronjob_summary(cronjob).concurrency_policy));
    shared.recorder.observe(run.clone());
    run
}

/// The remark on a concurrency policy that was applied only in part.
fn policy_remark(policy: ConcurrencyPolicy) -> &'static str {
    match policy {
        ConcurrencyPolicy::Allow => "",
        ConcurrencyPolicy::Forbid => {
            " The CronJob's concurrencyPolicy is Forbid, but only its scheduled Jobs could be checked: another Job may be active."
        }
        ConcurrencyPolicy::Replace => {
            " The CronJob's concurrencyPolicy is Replace, but Jobs that can't be observed were not replaced: another Job may be \
             active."
        }
    }
}

/// The target without the Jobs that can't be observed: the active runs are those whose Jobs can be read, and the scheduled ones
/// in the CronJob's status. The latter are recorded if the snapshot can reject a request, because the rejection refers to them.
pub(super) fn snapshot(
    shared: &Shared,
    target: &CronJobTarget,
    cronjob: &CronJobObject,
    right: MissingRight,
    freshness: Freshness,
) -> TargetSnapshot {
    let summary = cronjob_summary(cronjob);
    let cache = shared.cache();
    let mut active = cache.active_runs(target);
    for (uid, name) in active_jobs(cronjob).filter(|(uid, _)| !cache.has_job(&RunId::new(*uid))) {
        let created_at = summary.last_scheduled_at.unwrap_or_else(Timestamp::now);
        let (id, of) = (RunId::new(uid), target.name.clone());
        let run = Run::pending(id, of, &target.namespace, name, Trigger::Scheduled, created_at);
        let run = run.unobserved(&right, "");
        if freshness == Freshness::Fresh {
            shared.recorder.observe(run.clone());
        }
        active.push(Arc::new(run));
    }
    TargetSnapshot { cronjob: summary, active, unobserved: Some(right), generation: String::new() }
}

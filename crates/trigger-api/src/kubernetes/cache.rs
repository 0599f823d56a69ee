//! The cached state of the targets' CronJobs, Jobs and pods.
//!
//! The cache does no I/O: objects are applied to it, and it returns the runs whose state or cause changed.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use serde_json::Value;
use trigger_core::cronjob::CronJobTarget;
use trigger_core::parameters::Parameters;
use trigger_core::run::{Run, RunId, State, Trigger};
use trigger_core::target_name::TargetName;

use self::jobs::{CachedJob, CachedJobs, JobDetails};
use super::cause::{lacks_pod_failure, with_known_pull_error};
use super::listing::Listing;
use super::logs::container_names;
use super::objects::{CronJobObject, JobObject, annotation, controller, resource_version, timestamp};
use super::pods::JobPod;
use super::snapshot::Generation;
use super::state::{JobObservation, observed_state};
use super::template::{
    FINGERPRINT, INSTANTIATE, PARAMETERS, REASON, REQUEST_ID, REQUESTED_BY, REQUESTED_VIA, RETRY_OF,
};

mod deleted_jobs;
mod jobs;
mod pods;

/// The cached state of the cluster.
#[derive(Default)]
pub(super) struct ClusterCache {
    targets: Vec<CronJobTarget>,
    cronjobs: HashMap<(String, String), Arc<CronJobObject>>,
    jobs: CachedJobs,
    /// The Jobs of the same namespaces that belong to no target. Their pods are not kept.
    other_jobs: HashMap<RunId, OtherJob>,
    /// Pods of Jobs whose runs have not ended, and of Jobs that were not observed yet.
    pods: HashMap<RunId, Vec<JobPod>>,
    /// Whether the pods of a namespace can be listed. It has no entry before the first list.
    pods_listed: HashMap<String, bool>,
    generations: HashMap<TargetName, Generation>,
    listing: Listing,
}

struct OtherJob {
    namespace: Option<String>,
    listing: Listing,
}

impl ClusterCache {
    pub(super) fn new(targets: &[CronJobTarget]) -> Self {
        Self { targets: targets.to_vec(), ..Self::default() }
    }

    /// Applies a CronJob, unless a later version of it is cached. Returns the given version.
    pub(super) fn apply_cronjob(&mut self, mut cronjob: CronJobObject) -> Arc<CronJobObject> {
        cronjob.metadata.managed_fields = None;
        let cronjob = Arc::new(cronjob);
        let metadata = &cronjob.metadata;
        if let (Some(namespace), Some(name)) = (metadata.namespace.clone(), metadata.name.clone()) {
            let cached = self.cronjobs.entry((namespace, name)).or_insert_with(|| Arc::clone(&cronjob));
            if resource_version(&cached.metadata) <= resource_version(metadata) {
                *cached = Arc::clone(&cronjob);
            }
        }
        cronjob
    }

    pub(super) fn remove_cronjob(&mut self, namespace: &str, name: &str) {
        self.cronjobs.remove(&(namespace.to_owned(), name.to_owned()));
    }

    pub(super) fn cronjob(&self, target: &CronJobTarget) -> Option<Arc<CronJobObject>> {
        self.cronjobs.get(&(target.namespace.clone(), target.cronjob.clone())).cloned()
    }

    /// Applies a Job. Returns its run if the run changed; None if not, or if the Job belongs to no target.
    pub(super) fn apply_job(&mut self, job: JobObject, now: Timestamp) -> Option<Run> {
        self.insert_job(job, false, now)
    }

    fn insert_job(&mut self, job: JobObject, gone: bool, now: Timestamp) -> Option<Run> {
        let listing = self.listing;
        let Some((id, target)) = self.target_of(&job.metadata) else {
            self.apply_other_job(job.metadata);
            return None;
        };
        self.other_jobs.remove(&id);
        self.jobs.mark_listed(&id, listing);
        let version = resource_version(&job.metadata);
        let cached = self.jobs.get(&id);
        if cached.is_some_and(|cached| cached.has_ended() || cached.is_gone() || cached.version > version) {
            return None;
        }
        let first_version = cached.map_or(version, |cached| cached.first_version);
        let run = described(id.clone(), target, &job.metadata, now)?;
        let details = JobDetails::new(job.metadata, job.status.unwrap_or_default(), gone);
        let run = self.observe(run, &details, now);
        self.generations.entry(run.target.clone()).or_default().observe(run.created_at, &id);
        let changed = self.jobs.get(&id).is_none_or(|cached| *cached.run != run);
        let details = Some(Box::new(details));
        self.jobs.insert(CachedJob { run: Arc::new(run.clone()), version, first_version, listing, details });
        self.drop_details_of_ended(&id);
        changed.then_some(run)
    }

    fn apply_other_job(&mut self, metadata: ObjectMeta) {
        if let Some(id) = metadata.uid.map(RunId::new).filter(|id| !self.jobs.contains(id)) {
            self.pods.remove(&id);
            self.other_jobs.insert(id, OtherJob { namespace: metadata.namespace, listing: self.listing });
        }
    }

    /// Removes a Job that can't be observed any more, and its pods.
    pub(super) fn forget_job(&mut self, id: &RunId) {
        self.jobs.remove(id);
        self.pods.remove(id);
    }

    /// Applies the deletion of a Job, given its last version. Returns its run if the run changed. The Job is kept until its
    /// pods have stopped.
    pub(super) fn remove_job(&mut self, mut job: JobObject, now: Timestamp) -> Option<Run> {
        let id = RunId::new(job.metadata.uid.clone()?);
        // Without a deletionTimestamp, a Job that had not finished would still count as active.
        job.metadata.deletion_timestamp.get_or_insert(Time(now));
        let run = self.insert_job(job, true, now);
        self.other_jobs.remove(&id);
        self.drop_if_over(&id);
        run
    }

    /// Starts the application of a list.
    pub(super) fn begin_listing(&mut self) -> Listing {
        self.listing = self.listing.next();
        self.listing
    }

    /// Removes the Jobs of the namespace that were not applied since `listing` began, except those whose pods have not
    /// stopped. Returns the runs of these that changed.
    pub(super) fn end_job_listing(&mut self, namespace: &str, listing: Listing, now: Timestamp) -> Vec<Run> {
        let is_missing = |job: &CachedJob| job.listing < listing && job.run.namespace == namespace;
        let missing = self.jobs.all_active().map(|run| &run.id);
        let missing =
            missing.filter(|id| self.jobs.get(id).is_some_and(|job| is_missing(job) && !job.is_gone()));
        let stopping: Vec<RunId> =
            missing.filter(|id| self.pods(id).iter().any(JobPod::may_run)).cloned().collect();
        for id in &stopping {
            self.jobs.mark_gone(id, now);
        }
        self.jobs.retain(|job| job.is_gone() || !is_missing(job));
        self.other_jobs
            .retain(|_, job| job.listing >= listing || job.namespace.as_deref() != Some(namespace));
        let jobs = &self.jobs;
        self.pods.retain(|id, pods| jobs.contains(id) || pods.iter().any(|pod| pod.listing >= listing));
        stopping.iter().filter_map(|id| self.update_run(id, now)).collect()
    }

    /// Updates the runs that have not started, and returns those whose cause changed because time passed.
    pub(super) fn update_pending(&mut self, now: Timestamp) -> Vec<Run> {
        let pending = self.jobs.all_active().filter(|run| run.started_at.is_none());
        let ids: Vec<RunId> = pending.map(|run| run.id.clone()).collect();
        ids.iter().filter_map(|id| self.update_run(id, now)).collect()
    }

    /// The runs of a target whose Jobs are cached, oldest first.
    pub(super) fn runs(&self, target: &CronJobTarget) -> Vec<&Run> {
        self.jobs.runs(&target.name).map(Arc::as_ref).collect()
    }

    /// The runs of a target that have not ended, oldest first.
    pub(super) fn active_runs(&self, target: &CronJobTarget) -> Vec<Arc<Run>> {
        self.jobs.active(&target.name).cloned().collect()
    }

    /// The newest Jobs of a target, including deleted ones.
    pub(super) fn generation(&self, target: &TargetName) -> String {
        self.generations.get(target).map(Generation::to_string).unwrap_or_default()
    }

    /// Records a run of the history, whose Job may have been deleted.
    pub(super) fn remember(&mut self, run: &Run) {
        self.generations.entry(run.target.clone()).or_default().observe(run.created_at, &run.id);
    }

    /// The run of that id, if its Job is cached.
    pub(super) fn run(&self, id: &RunId) -> Option<Run> {
        self.jobs.get(id).map(|job| Run::clone(&job.run))
    }

    /// The run in the memory of the cache, if it is cached in the same state.
    pub(super) fn shared_run(&self, run: Run) -> Arc<Run> {
        let cached = self.jobs.get(&run.id).map(|job| &job.run).filter(|cached| ***cached == run);
        cached.map_or_else(|| Arc::new(run), Arc::clone)
    }

    /// The runs whose Jobs are cached.
    pub(super) fn run_ids(&self) -> Vec<RunId> {
        self.jobs.ids().cloned().collect()
    }

    pub(super) fn has_job(&self, id: &RunId) -> bool {
        self.jobs.contains(id)
    }

    /// The resourceVersion at which the Job of a run was first observed.
    pub(super) fn first_version(&self, id: &RunId) -> Option<u64> {
        self.jobs.get(id).map(|job| job.first_version)
    }

    /// The target whose CronJob controls the Job, and the run's id.
    fn target_of(&self, metadata: &ObjectMeta) -> Option<(RunId, TargetName)> {
        let owner = controller(metadata, "CronJob")?;
        let target = self.targets.iter().find(|target| {
            target.cronjob == owner.name && Some(target.namespace.as_str()) == metadata.namespace.as_deref()
        })?;
        Some((RunId::new(metadata.uid.clone()?), target.name.clone()))
    }

    fn update_run(&mut self, id: &RunId, now: Timestamp) -> Option<Run> {
        let job = self.jobs.get(id)?;
        let run = self.observe(Run::clone(&job.run), job.details.as_deref()?, now);
        let changed = *job.run != run;
        if changed {
            self.jobs.set_run(Arc::new(run.clone()));
            self.drop_details_of_ended(id);
        }
        changed.then_some(run)
    }

    /// Drops the details and the pods of a Job whose run has ended, unless its cause is incomplete.
    fn drop_details_of_ended(&mut self, id: &RunId) {
        let run = self.jobs.get(id).map(|job| &job.run);
        let has_ended =
            run.is_some_and(|run| run.state.is_final() && !run.cause.as_ref().is_some_and(lacks_pod_failure));
        if has_ended {
            self.jobs.drop_details(id);
            self.pods.remove(id);
        }
    }

    /// The run in the state that its Job and its cached pods show.
    fn observe(&self, run: Run, details: &JobDetails, now: Timestamp) -> Run {
        let containers = container_names(self.pods(&run.id));
        let observed = observed_state(JobObservation {
            status: &details.status,
            pods: self.pods(&run.id),
            pods_listed: self.pods_listed.get(&run.namespace).copied(),
            created_at: run.created_at,
            deletion: details.deletion(),
            template_suspends: self.template_suspends(&run.target),
            now,
        });
        let earlier = self.jobs.get(&run.id).and_then(|job| job.run.cause.as_ref());
        Run {
            state: observed.state,
            cause: observed.cause.map(|cause| with_known_pull_error(cause, earlier)),
            started_at: observed.started_at,
            finished_at: observed.finished_at,
            containers: if containers.is_empty() { run.containers } else { containers },
            ..run
        }
    }

    fn template_suspends(&self, target: &TargetName) -> bool {
        let target = self.targets.iter().find(|other| other.name == *target);
        let cronjob = target.and_then(|target| self.cronjob(target));
        let suspend = |cronjob: Arc<CronJobObject>| {
            cronjob.data.pointer("/spec/jobTemplate/spec/suspend").and_then(Value::as_bool)
        };
        cronjob.and_then(suspend).unwrap_or_default()
    }
}

/// The run as its Job's metadata describe it.
fn described(id: RunId, target: TargetName, metadata: &ObjectMeta, now: Timestamp) -> Option<Run> {
    let manual = annotation(metadata, INSTANTIATE) == Some("manual");
    let text = |key| annotation(metadata, key).map(str::to_owned);
    Some(Run {
        id,
        target,
        namespace: metadata.namespace.clone()?,
        job_name: metadata.name.clone()?,
        trigger: if manual { Trigger::Manual } else { Trigger::Scheduled },
        state: State::Pending,
        cause: None,
        requested_by: text(REQUESTED_BY),
        reason: text(REASON),
        request_id: text(REQUEST_ID),
        fingerprint: text(FINGERPRINT),
        requested_via: text(REQUESTED_VIA),
        retry_of: text(RETRY_OF).map(RunId::new),
        parameters: parameters(metadata),
        containers: Vec::new(),
        created_at: metadata.creation_timestamp.as_ref().map_or(now, timestamp),
        started_at: None,
        finished_at: None,
        task: None,
    })
}

/// The values of the run's parameters. Others can create Jobs too, so the annotation may be anything.
fn parameters(metadata: &ObjectMeta) -> Parameters {
    let text = annotation(metadata, PARAMETERS);
    text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests;

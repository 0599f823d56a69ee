//! The cached state of the targets' CronJobs, Jobs and pods.
//!
//! The cache does no I/O: objects are applied to it, and it returns the runs whose state or cause changed.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::PodStatus;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use trigger_core::cronjob::CronJobTarget;
use trigger_core::parameters::Parameters;
use trigger_core::run::{Run, RunId, State, Trigger};
use trigger_core::target_name::TargetName;

use self::jobs::{CachedJob, CachedJobs, JobDetails};
use super::cause::lacks_pod_failure;
use super::listing::Listing;
use super::logs::container_names;
use super::objects::{
    CronJobObject, JobObject, PodObject, annotation, controller, resource_version, timestamp,
};
use super::pods::{self, JobPod};
use super::state::observed_state;
use super::template::{
    FINGERPRINT, INSTANTIATE, PARAMETERS, REASON, REQUEST_ID, REQUESTED_BY, REQUESTED_VIA, RETRY_OF,
};

mod jobs;

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
    listing: Listing,
    /// The namespaces whose pods were listed once.
    pods_listed: HashSet<String>,
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
        let listing = self.listing;
        let Some((id, target)) = self.target_of(&job.metadata) else {
            self.apply_other_job(job.metadata);
            return None;
        };
        self.other_jobs.remove(&id);
        self.jobs.mark_listed(&id, listing);
        let version = resource_version(&job.metadata);
        let cached = self.jobs.get(&id);
        if cached.is_some_and(|cached| cached.details.is_none() || cached.version > version) {
            return None;
        }
        let first_version = cached.map_or(version, |cached| cached.first_version);
        let run = described(id.clone(), target, &job.metadata, now)?;
        let details = JobDetails::new(job.metadata, job.status.unwrap_or_default());
        let run = self.observe(run, &details, now);
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

    /// Applies the deletion of a Job, given its last version. Returns its run if the run changed.
    pub(super) fn remove_job(&mut self, mut job: JobObject, now: Timestamp) -> Option<Run> {
        let id = RunId::new(job.metadata.uid.clone()?);
        // Without a deletionTimestamp, a Job that had not finished would still count as active.
        job.metadata
            .deletion_timestamp
            .get_or_insert(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(now));
        let run = self.apply_job(job, now);
        self.other_jobs.remove(&id);
        self.jobs.remove(&id);
        self.pods.remove(&id);
        run
    }

    /// Applies a pod. Returns the run of its Job if the run changed.
    pub(super) fn apply_pod(&mut self, pod: PodObject, now: Timestamp) -> Option<Run> {
        let id = RunId::new(controller(&pod.metadata, "Job")?.uid.clone());
        if self.other_jobs.contains_key(&id) || self.jobs.get(&id).is_some_and(|job| job.details.is_none()) {
            return None;
        }
        let pod = JobPod { listing: self.listing, ..JobPod::of_run(pod, &id)? };
        let pods = self.pods.entry(id.clone()).or_default();
        pods.retain(|other| other.uid != pod.uid);
        pods.push(pod);
        pods::sort(pods);
        self.update_run(&id, now)
    }

    /// Applies the pods of a Job that has failed, and returns its run with the complete cause; None if the Job is not cached.
    pub(super) fn complete_cause(&mut self, id: &RunId, pods: Vec<PodObject>, now: Timestamp) -> Option<Run> {
        if self.has_job(id) {
            for pod in pods {
                self.apply_pod(pod, now);
            }
            // If there is no pod, the cause remains incomplete.
            self.jobs.drop_details(id);
            self.pods.remove(id);
        }
        self.run(id)
    }

    /// Applies the deletion of a pod. Returns the run of its Job if the run changed.
    pub(super) fn remove_pod(&mut self, pod: PodObject, now: Timestamp) -> Option<Run> {
        let id = RunId::new(controller(&pod.metadata, "Job")?.uid.clone());
        let uid = pod.metadata.uid.clone()?;
        let run = self.apply_pod(pod, now);
        let job_is_active = self.jobs.get(&id).is_some_and(|job| !job.run.state.is_final());
        if let Some(pods) = self.pods.get_mut(&id) {
            pods.iter_mut().filter(|pod| pod.uid == uid).for_each(|pod| pod.deleted = true);
            pods.retain(|pod| job_is_active || !pod.deleted);
            if pods.is_empty() {
                self.pods.remove(&id);
            }
        }
        run
    }

    /// Starts the application of a list.
    pub(super) fn begin_listing(&mut self) -> Listing {
        self.listing = self.listing.next();
        self.listing
    }

    /// Removes the Jobs of the namespace that were not applied since `listing` began.
    pub(super) fn end_job_listing(&mut self, namespace: &str, listing: Listing) {
        self.jobs.retain(|job| job.listing >= listing || job.run.namespace != namespace);
        self.other_jobs
            .retain(|_, job| job.listing >= listing || job.namespace.as_deref() != Some(namespace));
        let jobs = &self.jobs;
        self.pods.retain(|id, pods| jobs.contains(id) || pods.iter().any(|pod| pod.listing >= listing));
    }

    /// Whether the pods of the namespace were listed once.
    pub(super) fn has_listed_pods(&self, namespace: &str) -> bool {
        self.pods_listed.contains(namespace)
    }

    /// Marks the pods of the namespace's Jobs as deleted that were not applied since `listing` began.
    pub(super) fn end_pod_listing(&mut self, namespace: &str, listing: Listing) {
        self.pods_listed.insert(namespace.to_owned());
        for (id, pods) in &mut self.pods {
            let job = self.jobs.get(id);
            if job.is_some_and(|job| job.run.namespace == namespace) {
                pods.iter_mut().filter(|pod| pod.listing < listing).for_each(|pod| pod.deleted = true);
            }
        }
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

    /// The runs of a target that were created last, all in the same second.
    pub(super) fn newest_runs(&self, target: &CronJobTarget) -> Vec<&Run> {
        let mut newest_first = self.jobs.runs(&target.name).rev().peekable();
        let newest = newest_first.peek().map(|run| run.created_at);
        let mut runs: Vec<&Run> =
            newest_first.take_while(|run| Some(run.created_at) == newest).map(Arc::as_ref).collect();
        runs.reverse();
        runs
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

    /// The runs of the namespace that have cached pods.
    pub(super) fn ids_with_pods(&self, namespace: &str) -> Vec<RunId> {
        let is_in_namespace =
            |id: &&RunId| self.jobs.get(*id).is_some_and(|job| job.run.namespace == namespace);
        self.pods.keys().filter(is_in_namespace).cloned().collect()
    }

    pub(super) fn has_job(&self, id: &RunId) -> bool {
        self.jobs.contains(id)
    }

    /// The resourceVersion at which the Job of a run was first observed.
    pub(super) fn first_version(&self, id: &RunId) -> Option<u64> {
        self.jobs.get(id).map(|job| job.first_version)
    }

    /// A run's pods, oldest first.
    pub(super) fn pods(&self, id: &RunId) -> &[JobPod] {
        self.pods.get(id).map_or(&[], Vec::as_slice)
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
        let pods: Vec<&PodStatus> = self.pods(&run.id).iter().map(|pod| &pod.status).collect();
        let containers = container_names(self.pods(&run.id));
        let deleted_at = details.metadata.deletion_timestamp.as_ref().map(timestamp);
        let observed = observed_state(&details.status, &pods, run.created_at, deleted_at, now);
        Run {
            state: observed.state,
            cause: observed.cause,
            started_at: observed.started_at,
            finished_at: observed.finished_at,
            containers: if containers.is_empty() { run.containers } else { containers },
            ..run
        }
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

//! The cached state of the targets' CronJobs, Jobs and pods.
//!
//! The cache does no I/O: objects are applied to it, and it returns the runs whose state or cause changed.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::batch::v1::JobStatus;
use k8s_openapi::api::core::v1::PodStatus;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use trigger_core::cronjob::CronJobTarget;
use trigger_core::parameters::Parameters;
use trigger_core::run::{Run, RunId, Trigger};
use trigger_core::target_name::TargetName;

use super::listing::Listing;
use super::logs::container_names;
use super::objects::{
    CronJobObject, JobObject, PodObject, annotation, controller, resource_version, timestamp,
};
use super::pods::JobPod;
use super::state::observed_state;
use super::template::{
    FINGERPRINT, INSTANTIATE, OWN_ANNOTATIONS, PARAMETERS, REASON, REQUEST_ID, REQUESTED_BY, REQUESTED_VIA,
    RETRY_OF,
};

/// The cached state of the cluster.
#[derive(Default)]
pub(super) struct ClusterCache {
    targets: Vec<CronJobTarget>,
    cronjobs: HashMap<(String, String), Arc<CronJobObject>>,
    jobs: HashMap<RunId, CachedJob>,
    /// The Jobs of the same namespaces that belong to no target. Their pods are not kept.
    other_jobs: HashMap<RunId, OtherJob>,
    /// Pods of cached Jobs, and of Jobs that were not observed yet.
    pods: HashMap<RunId, Vec<JobPod>>,
    listing: Listing,
    /// The namespaces whose pods were listed once.
    pods_listed: HashSet<String>,
}

struct OtherJob {
    namespace: Option<String>,
    listing: Listing,
}

struct CachedJob {
    metadata: ObjectMeta,
    status: JobStatus,
    target: TargetName,
    run: Run,
    /// The resourceVersion at which the Job was first observed. For a Job that trigger-api created, it is the version of
    /// its creation.
    first_version: u64,
    listing: Listing,
}

/// The metadata without the large fields that are not used.
fn used_metadata(mut metadata: ObjectMeta) -> ObjectMeta {
    if let Some(annotations) = &mut metadata.annotations {
        annotations.retain(|key, _| key == INSTANTIATE || key.starts_with(OWN_ANNOTATIONS));
    }
    ObjectMeta { managed_fields: None, labels: None, owner_references: None, ..metadata }
}

impl ClusterCache {
    pub(super) fn new(targets: &[CronJobTarget]) -> Self {
        Self { targets: targets.to_vec(), ..Self::default() }
    }

    pub(super) fn apply_cronjob(&mut self, mut cronjob: CronJobObject) {
        cronjob.metadata.managed_fields = None;
        let metadata = &cronjob.metadata;
        if let (Some(namespace), Some(name)) = (metadata.namespace.clone(), metadata.name.clone()) {
            let cached = self.cronjobs.entry((namespace, name)).or_insert_with(|| Arc::new(cronjob.clone()));
            if resource_version(&cached.metadata) <= resource_version(metadata) {
                *cached = Arc::new(cronjob);
            }
        }
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
        if let Some(cached) = self.jobs.get_mut(&id) {
            cached.listing = listing;
            if resource_version(&cached.metadata) > resource_version(&job.metadata) {
                return None;
            }
        }
        let status = job.status.unwrap_or_default();
        let run = self.observe(&id, &target, &job.metadata, &status, now)?;
        let cached = self.jobs.get(&id);
        let changed = cached.is_none_or(|cached| cached.run != run);
        let first_version = cached.map_or(resource_version(&job.metadata), |cached| cached.first_version);
        let entry = CachedJob {
            metadata: used_metadata(job.metadata),
            status,
            target,
            run: run.clone(),
            first_version,
            listing,
        };
        self.jobs.insert(id, entry);
        changed.then_some(run)
    }

    fn apply_other_job(&mut self, metadata: ObjectMeta) {
        if let Some(id) = metadata.uid.map(RunId::new).filter(|id| !self.jobs.contains_key(id)) {
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
        if self.other_jobs.contains_key(&id) {
            return None;
        }
        let pod = JobPod { listing: self.listing, ..JobPod::of_run(pod, &id)? };
        let pods = self.pods.entry(id.clone()).or_default();
        pods.retain(|other| other.uid != pod.uid);
        pods.push(pod);
        pods.sort_by(|a, b| (a.created_at, &a.name).cmp(&(b.created_at, &b.name)));
        self.update_run(&id, now)
    }

    /// Applies the pods of a Job and returns the run; None if the Job is not cached.
    pub(super) fn apply_pods(&mut self, id: &RunId, pods: Vec<PodObject>, now: Timestamp) -> Option<Run> {
        if self.has_job(id) {
            for pod in pods {
                self.apply_pod(pod, now);
            }
        }
        self.jobs.get(id).map(|job| job.run.clone())
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
        self.jobs
            .retain(|_, job| job.listing >= listing || job.metadata.namespace.as_deref() != Some(namespace));
        self.other_jobs
            .retain(|_, job| job.listing >= listing || job.namespace.as_deref() != Some(namespace));
        let jobs = &self.jobs;
        self.pods.retain(|id, pods| jobs.contains_key(id) || pods.iter().any(|pod| pod.listing >= listing));
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
            if job.is_some_and(|job| job.metadata.namespace.as_deref() == Some(namespace)) {
                pods.iter_mut().filter(|pod| pod.listing < listing).for_each(|pod| pod.deleted = true);
            }
        }
    }

    /// Updates the runs that have not started, and returns those whose cause changed because time passed.
    pub(super) fn update_pending(&mut self, now: Timestamp) -> Vec<Run> {
        let pending =
            self.jobs.iter().filter(|(_, job)| job.run.started_at.is_none() && !job.run.state.is_final());
        let ids: Vec<RunId> = pending.map(|(id, _)| id.clone()).collect();
        ids.iter().filter_map(|id| self.update_run(id, now)).collect()
    }

    /// The runs of a target whose Jobs are cached, oldest first.
    pub(super) fn runs(&self, target: &CronJobTarget) -> Vec<&Run> {
        let mut runs: Vec<&Run> =
            self.jobs.values().filter(|job| job.target == target.name).map(|job| &job.run).collect();
        runs.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
        runs
    }

    /// The run of that id, if its Job is cached.
    pub(super) fn run(&self, id: &RunId) -> Option<Run> {
        self.jobs.get(id).map(|job| job.run.clone())
    }

    /// The runs whose Jobs are cached.
    pub(super) fn run_ids(&self) -> Vec<RunId> {
        self.jobs.keys().cloned().collect()
    }

    /// The runs of the namespace that have cached pods.
    pub(super) fn ids_with_pods(&self, namespace: &str) -> Vec<RunId> {
        let is_in_namespace =
            |id: &&RunId| self.jobs.get(*id).is_some_and(|job| job.run.namespace == namespace);
        self.pods.keys().filter(is_in_namespace).cloned().collect()
    }

    pub(super) fn has_job(&self, id: &RunId) -> bool {
        self.jobs.contains_key(id)
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
        let run = self.observe(id, &job.target, &job.metadata, &job.status, now)?;
        let cached = &mut self.jobs.get_mut(id)?.run;
        let changed = *cached != run;
        cached.clone_from(&run);
        changed.then_some(run)
    }

    /// The run as its Job and its cached pods show it.
    fn observe(
        &self,
        id: &RunId,
        target: &TargetName,
        metadata: &ObjectMeta,
        status: &JobStatus,
        now: Timestamp,
    ) -> Option<Run> {
        let pods: Vec<&PodStatus> = self.pods(id).iter().map(|pod| &pod.status).collect();
        let created_at = metadata.creation_timestamp.as_ref().map_or(now, timestamp);
        let deleted_at = metadata.deletion_timestamp.as_ref().map(timestamp);
        let observed = observed_state(status, &pods, created_at, deleted_at, now);
        let manual = annotation(metadata, INSTANTIATE) == Some("manual");
        let text = |key| annotation(metadata, key).map(str::to_owned);
        Some(Run {
            id: id.clone(),
            target: target.clone(),
            namespace: metadata.namespace.clone()?,
            job_name: metadata.name.clone()?,
            trigger: if manual { Trigger::Manual } else { Trigger::Scheduled },
            state: observed.state,
            cause: observed.cause,
            requested_by: text(REQUESTED_BY),
            reason: text(REASON),
            request_id: text(REQUEST_ID),
            fingerprint: text(FINGERPRINT),
            requested_via: text(REQUESTED_VIA),
            retry_of: text(RETRY_OF).map(RunId::new),
            parameters: parameters(metadata),
            containers: container_names(self.pods(id)),
            created_at,
            started_at: observed.started_at,
            finished_at: observed.finished_at,
            task: None,
        })
    }
}

/// The values of the run's parameters. Others can create Jobs too, so the annotation may be anything.
fn parameters(metadata: &ObjectMeta) -> Parameters {
    let text = annotation(metadata, PARAMETERS);
    text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests;

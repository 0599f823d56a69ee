//! What was last heard of the targets' CronJobs, Jobs and pods: the parts that matter, in memory.
//!
//! It does no I/O: objects go in, runs whose state or cause changed come out.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::batch::v1::JobStatus;
use k8s_openapi::api::core::v1::PodStatus;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::objects::{CronJobObject, JobObject, PodObject, annotation, controller, moment, version};
use super::state;
use super::template::{FINGERPRINT, INSTANTIATE, REASON, REQUEST_ID, REQUESTED_BY};
use trigger_core::run::{Run, RunId, Trigger};
use trigger_core::target::{Target, TargetName};

/// A list that is being taken in: what it does not hold is gone afterwards.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
pub(super) struct Listing(u64);

#[derive(Default)]
pub(super) struct View {
    targets: Vec<Target>,
    cronjobs: HashMap<(String, String), Arc<CronJobObject>>,
    jobs: HashMap<RunId, JobEntry>,
    pods: HashMap<RunId, Vec<PodEntry>>,
    listing: Listing,
}

struct JobEntry {
    metadata: ObjectMeta,
    status: JobStatus,
    target: TargetName,
    run: Run,
    /// The version at which the Job was first seen: of one that was made here, the version of its creation.
    first_version: u64,
    listing: Listing,
}

/// A pod of a Job. Those that are gone stay as long as the Job goes on: they tell why it failed.
pub(super) struct PodEntry {
    pub(super) name: String,
    pub(super) uid: String,
    pub(super) status: PodStatus,
    pub(super) gone: bool,
    created_at: Option<Timestamp>,
    listing: Listing,
}

/// The metadata without what nobody here reads, which is most of it.
fn slim(metadata: ObjectMeta) -> ObjectMeta {
    ObjectMeta { managed_fields: None, labels: None, owner_references: None, ..metadata }
}

impl PodEntry {
    /// The pod, if it is of that run.
    pub(super) fn read(pod: PodObject, id: &RunId) -> Option<Self> {
        let metadata = pod.metadata;
        (controller(&metadata, "Job")?.uid == id.as_str()).then_some(())?;
        Some(Self {
            created_at: metadata.creation_timestamp.as_ref().map(moment),
            name: metadata.name?,
            uid: metadata.uid?,
            status: pod.status.unwrap_or_default(),
            gone: false,
            listing: Listing::default(),
        })
    }
}

impl View {
    pub(super) fn new(targets: &[Target]) -> Self {
        Self { targets: targets.to_vec(), ..Self::default() }
    }

    pub(super) fn apply_cronjob(&mut self, cronjob: CronJobObject) {
        let metadata = &cronjob.metadata;
        if let (Some(namespace), Some(name)) = (metadata.namespace.clone(), metadata.name.clone()) {
            let known = self.cronjobs.entry((namespace, name)).or_insert_with(|| Arc::new(cronjob.clone()));
            if version(&known.metadata) <= version(metadata) {
                *known = Arc::new(cronjob);
            }
        }
    }

    pub(super) fn remove_cronjob(&mut self, namespace: &str, name: &str) {
        self.cronjobs.remove(&(namespace.to_owned(), name.to_owned()));
    }

    pub(super) fn cronjob(&self, target: &Target) -> Option<Arc<CronJobObject>> {
        self.cronjobs.get(&(target.namespace.clone(), target.cronjob.clone())).cloned()
    }

    /// Takes in a Job. None when it belongs to no target, or nothing of its run changed.
    pub(super) fn apply_job(&mut self, job: JobObject, now: Timestamp) -> Option<Run> {
        let (id, target) = self.owner(&job.metadata)?;
        let listing = self.listing;
        if let Some(known) = self.jobs.get_mut(&id) {
            known.listing = listing;
            if version(&known.metadata) > version(&job.metadata) {
                return None;
            }
        }
        let status = job.status.unwrap_or_default();
        let run = self.read(&id, &target, &job.metadata, &status, now)?;
        let known = self.jobs.get(&id);
        let changed = known.is_none_or(|known| known.run != run);
        let first_version = known.map_or(version(&job.metadata), |known| known.first_version);
        let entry = JobEntry {
            metadata: slim(job.metadata),
            status,
            target,
            run: run.clone(),
            first_version,
            listing,
        };
        self.jobs.insert(id, entry);
        changed.then_some(run)
    }

    /// Takes in that a Job is gone, with what it last was.
    pub(super) fn remove_job(&mut self, mut job: JobObject, now: Timestamp) -> Option<Run> {
        let id = RunId::new(job.metadata.uid.clone()?);
        // Gone before it ended: that is what a deletion looks like at any moment before.
        job.metadata
            .deletion_timestamp
            .get_or_insert(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(now));
        let run = self.apply_job(job, now);
        self.jobs.remove(&id);
        self.pods.remove(&id);
        run
    }

    /// Takes in a pod. Some run when that changed the run of its Job.
    pub(super) fn apply_pod(&mut self, pod: PodObject, now: Timestamp) -> Option<Run> {
        let id = RunId::new(controller(&pod.metadata, "Job")?.uid.clone());
        let entry = PodEntry { listing: self.listing, ..PodEntry::read(pod, &id)? };
        let pods = self.pods.entry(id.clone()).or_default();
        pods.retain(|known| known.uid != entry.uid);
        pods.push(entry);
        pods.sort_by(|a, b| (a.created_at, &a.name).cmp(&(b.created_at, &b.name)));
        self.reread(&id, now)
    }

    /// Takes in the pods of a Job and gives its run as it is with them; None when the Job is gone.
    pub(super) fn explain(&mut self, id: &RunId, pods: Vec<PodObject>, now: Timestamp) -> Option<Run> {
        if self.has_job(id) {
            for pod in pods {
                self.apply_pod(pod, now);
            }
        }
        self.jobs.get(id).map(|job| job.run.clone())
    }

    /// Takes in that a pod is gone.
    pub(super) fn remove_pod(&mut self, pod: PodObject, now: Timestamp) -> Option<Run> {
        let id = RunId::new(controller(&pod.metadata, "Job")?.uid.clone());
        let uid = pod.metadata.uid.clone()?;
        let run = self.apply_pod(pod, now);
        let job_goes_on = self.jobs.get(&id).is_some_and(|job| !job.run.state.is_final());
        if let Some(pods) = self.pods.get_mut(&id) {
            pods.iter_mut().filter(|known| known.uid == uid).for_each(|known| known.gone = true);
            pods.retain(|known| job_goes_on || !known.gone);
            if pods.is_empty() {
                self.pods.remove(&id);
            }
        }
        run
    }

    /// Begins to take in a list of everything.
    pub(super) fn begin_listing(&mut self) -> Listing {
        self.listing.0 += 1;
        self.listing
    }

    /// Forgets the Jobs of the namespace that were not heard of since `listing` began.
    pub(super) fn end_job_listing(&mut self, namespace: &str, listing: Listing) {
        self.jobs
            .retain(|_, job| job.listing >= listing || job.metadata.namespace.as_deref() != Some(namespace));
        let jobs = &self.jobs;
        self.pods.retain(|id, pods| jobs.contains_key(id) || pods.iter().any(|pod| pod.listing >= listing));
    }

    /// Marks the pods of the namespace's Jobs that were not heard of since `listing` began as gone.
    pub(super) fn end_pod_listing(&mut self, namespace: &str, listing: Listing) {
        for (id, pods) in &mut self.pods {
            let here =
                self.jobs.get(id).is_some_and(|job| job.metadata.namespace.as_deref() == Some(namespace));
            pods.iter_mut().filter(|pod| here && pod.listing < listing).for_each(|pod| pod.gone = true);
        }
    }

    /// The runs that changed because time went by.
    pub(super) fn tick(&mut self, now: Timestamp) -> Vec<Run> {
        let pending =
            self.jobs.iter().filter(|(_, job)| job.run.started_at.is_none() && !job.run.state.is_final());
        let ids: Vec<RunId> = pending.map(|(id, _)| id.clone()).collect();
        ids.iter().filter_map(|id| self.reread(id, now)).collect()
    }

    /// The runs of a target whose Jobs are there, oldest first.
    pub(super) fn runs(&self, target: &Target) -> Vec<&Run> {
        let mut runs: Vec<&Run> =
            self.jobs.values().filter(|job| job.target == target.name).map(|job| &job.run).collect();
        runs.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
        runs
    }

    /// The run of that id whose Job is there.
    pub(super) fn run(&self, id: &RunId) -> Option<Run> {
        self.jobs.get(id).map(|job| job.run.clone())
    }

    pub(super) fn has_job(&self, id: &RunId) -> bool {
        self.jobs.contains_key(id)
    }

    /// The version at which the Job of a run was first seen.
    pub(super) fn first_version(&self, id: &RunId) -> Option<u64> {
        self.jobs.get(id).map(|job| job.first_version)
    }

    /// A run's pods, oldest first.
    pub(super) fn pods(&self, id: &RunId) -> &[PodEntry] {
        self.pods.get(id).map_or(&[], Vec::as_slice)
    }

    /// The target whose CronJob made the Job, with the run's id.
    fn owner(&self, metadata: &ObjectMeta) -> Option<(RunId, TargetName)> {
        let owner = controller(metadata, "CronJob")?;
        let target = self.targets.iter().find(|target| {
            target.cronjob == owner.name && Some(target.namespace.as_str()) == metadata.namespace.as_deref()
        })?;
        Some((RunId::new(metadata.uid.clone()?), target.name.clone()))
    }

    fn reread(&mut self, id: &RunId, now: Timestamp) -> Option<Run> {
        let job = self.jobs.get(id)?;
        let run = self.read(id, &job.target, &job.metadata, &job.status, now)?;
        let known = &mut self.jobs.get_mut(id)?.run;
        let changed = *known != run;
        known.clone_from(&run);
        changed.then_some(run)
    }

    fn read(
        &self,
        id: &RunId,
        target: &TargetName,
        metadata: &ObjectMeta,
        status: &JobStatus,
        now: Timestamp,
    ) -> Option<Run> {
        let pods: Vec<&PodStatus> = self.pods(id).iter().map(|pod| &pod.status).collect();
        let created_at = metadata.creation_timestamp.as_ref().map_or(now, moment);
        let deleted_at = metadata.deletion_timestamp.as_ref().map(moment);
        let standing = state::standing(status, &pods, created_at, deleted_at, now);
        let manual = annotation(metadata, INSTANTIATE) == Some("manual");
        let text = |key| annotation(metadata, key).map(str::to_owned);
        Some(Run {
            id: id.clone(),
            target: target.clone(),
            namespace: metadata.namespace.clone()?,
            job_name: metadata.name.clone()?,
            trigger: if manual { Trigger::Manual } else { Trigger::Scheduled },
            state: standing.state,
            cause: standing.cause,
            requested_by: text(REQUESTED_BY),
            reason: text(REASON),
            request_id: text(REQUEST_ID),
            fingerprint: text(FINGERPRINT),
            created_at,
            started_at: standing.started_at,
            finished_at: standing.finished_at,
            task: None,
        })
    }
}

//! The cached Jobs of the targets, in the order of their creation.
//!
//! Thousands of Jobs may exist, most of which have ended. Of a Job that has ended, only its run is kept.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::batch::v1::JobStatus;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use trigger_core::run::{Run, RunId};
use trigger_core::target_name::TargetName;

use super::super::listing::Listing;
use super::super::objects::timestamp;
use super::super::state::{DeletionProgress, JobDeletion};

/// A Job of a target.
pub(super) struct CachedJob {
    /// The run, as it was observed last.
    pub(super) run: Arc<Run>,
    /// The resourceVersion at which the Job was observed last.
    pub(super) version: u64,
    /// The resourceVersion at which the Job was first observed. For a Job that trigger-api created, it is the version of
    /// its creation.
    pub(super) first_version: u64,
    /// The last list during which the Job was applied.
    pub(super) listing: Listing,
    /// What the state of the run is derived from. None when the run has ended, because its state never changes again.
    pub(super) details: Option<Box<JobDetails>>,
}

/// The part of a Job from which, with its pods, the state of its run is derived.
pub(super) struct JobDetails {
    pub(super) metadata: ObjectMeta,
    pub(super) status: JobStatus,
    /// Whether the Job was deleted. It is kept until its pods have stopped.
    gone: bool,
}

impl CachedJob {
    /// Whether the run has ended, and its cause is complete.
    pub(super) fn has_ended(&self) -> bool {
        self.details.is_none()
    }

    /// Whether the Job was deleted, and its pods have not stopped.
    pub(super) fn is_gone(&self) -> bool {
        self.details.as_ref().is_some_and(|details| details.gone)
    }
}

impl JobDetails {
    /// The details without the fields that are not used, and those that the run has.
    pub(super) fn new(metadata: ObjectMeta, mut status: JobStatus, gone: bool) -> Self {
        for condition in status.conditions.iter_mut().flatten() {
            condition.last_probe_time = None;
        }
        status.conditions.iter_mut().for_each(Vec::shrink_to_fit);
        let metadata = ObjectMeta {
            annotations: None,
            generate_name: None,
            labels: None,
            managed_fields: None,
            name: None,
            namespace: None,
            owner_references: None,
            resource_version: None,
            uid: None,
            ..metadata
        };
        Self { metadata, status, gone }
    }

    /// The deletion of the Job, if it was deleted.
    pub(super) fn deletion(&self) -> Option<JobDeletion> {
        let metadata = &self.metadata;
        let waits_for_pods = || metadata.finalizers.iter().flatten().any(|name| name == "foregroundDeletion");
        let progress = match self.gone {
            true => DeletionProgress::Done,
            false if waits_for_pods() => DeletionProgress::AfterPods,
            false => DeletionProgress::Held,
        };
        let at = metadata.deletion_timestamp.as_ref().map(timestamp)?;
        Some(JobDeletion { at, progress })
    }
}

/// The Jobs of all targets.
#[derive(Default)]
pub(super) struct CachedJobs {
    jobs: HashMap<RunId, CachedJob>,
    of_target: HashMap<TargetName, TargetRuns>,
}

/// The runs of a target, oldest first.
#[derive(Default)]
struct TargetRuns {
    all: BTreeSet<(Timestamp, RunId)>,
    /// Those that have not ended.
    active: BTreeSet<(Timestamp, RunId)>,
}

impl CachedJobs {
    pub(super) fn get(&self, id: &RunId) -> Option<&CachedJob> {
        self.jobs.get(id)
    }

    pub(super) fn contains(&self, id: &RunId) -> bool {
        self.jobs.contains_key(id)
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = &RunId> {
        self.jobs.keys()
    }

    /// Adds a Job, or replaces an earlier version of it.
    pub(super) fn insert(&mut self, job: CachedJob) {
        self.order(&job.run);
        self.jobs.insert(job.run.id.clone(), job);
    }

    /// Replaces the run of a cached Job by a later observation.
    pub(super) fn set_run(&mut self, run: Arc<Run>) {
        self.order(&run);
        if let Some(job) = self.jobs.get_mut(&run.id) {
            job.run = run;
        }
    }

    /// Records that a list contained the Job.
    pub(super) fn mark_listed(&mut self, id: &RunId, listing: Listing) {
        if let Some(job) = self.jobs.get_mut(id) {
            job.listing = listing;
        }
    }

    /// Records that the Job was deleted, and that its pods have not stopped.
    pub(super) fn mark_gone(&mut self, id: &RunId, now: Timestamp) {
        if let Some(details) = self.jobs.get_mut(id).and_then(|job| job.details.as_mut()) {
            details.gone = true;
            details.metadata.deletion_timestamp.get_or_insert(Time(now));
        }
    }

    /// Drops what the state of the run is derived from, because it never changes again.
    pub(super) fn drop_details(&mut self, id: &RunId) {
        if let Some(job) = self.jobs.get_mut(id) {
            job.details = None;
        }
    }

    pub(super) fn remove(&mut self, id: &RunId) {
        if let Some(job) = self.jobs.remove(id)
            && let Some(runs) = self.of_target.get_mut(&job.run.target)
        {
            let place = (job.run.created_at, job.run.id.clone());
            runs.all.remove(&place);
            runs.active.remove(&place);
        }
    }

    /// Removes the Jobs for which `keep` is false.
    pub(super) fn retain(&mut self, keep: impl Fn(&CachedJob) -> bool) {
        let removed: Vec<RunId> =
            self.jobs.values().filter(|job| !keep(job)).map(|job| job.run.id.clone()).collect();
        for id in removed {
            self.remove(&id);
        }
    }

    /// The runs of a target, oldest first.
    pub(super) fn runs(&self, target: &TargetName) -> impl DoubleEndedIterator<Item = &Arc<Run>> {
        let places = self.of_target.get(target).into_iter().flat_map(|runs| &runs.all);
        places.filter_map(|(_, id)| self.get(id)).map(|job| &job.run)
    }

    /// The runs of a target that have not ended, oldest first.
    pub(super) fn active(&self, target: &TargetName) -> impl Iterator<Item = &Arc<Run>> {
        let places = self.of_target.get(target).into_iter().flat_map(|runs| &runs.active);
        places.filter_map(|(_, id)| self.get(id)).map(|job| &job.run)
    }

    /// The runs of all targets that have not ended.
    pub(super) fn all_active(&self) -> impl Iterator<Item = &Arc<Run>> {
        self.of_target.keys().flat_map(|target| self.active(target))
    }

    fn order(&mut self, run: &Run) {
        let place = (run.created_at, run.id.clone());
        let runs = self.of_target.entry(run.target.clone()).or_default();
        if run.state.is_final() {
            runs.active.remove(&place);
        } else {
            runs.active.insert(place.clone());
        }
        runs.all.insert(place);
    }
}

//! The pods in the cache.

use jiff::Timestamp;
use trigger_core::run::{Run, RunId};

use super::ClusterCache;
use super::jobs::CachedJob;
use crate::kubernetes::listing::Listing;
use crate::kubernetes::objects::PodObject;
use crate::kubernetes::pods::{JobPod, run_of, sort};

impl ClusterCache {
    /// Applies a pod. Returns the run of its Job if the run changed.
    pub(in crate::kubernetes) fn apply_pod(&mut self, pod: PodObject, now: Timestamp) -> Option<Run> {
        let id = self.store_pod(pod, false)?;
        self.pods_changed(&id, now)
    }

    /// Stores a pod, and returns the id of its run.
    pub(super) fn store_pod(&mut self, pod: PodObject, deleted: bool) -> Option<RunId> {
        let id = run_of(&pod.metadata)?;
        if self.other_jobs.contains_key(&id) || self.jobs.get(&id).is_some_and(CachedJob::has_ended) {
            return None;
        }
        let mut pod = JobPod { listing: self.listing, deleted, ..JobPod::of_run(pod, &id)? };
        let pods = self.pods.entry(id.clone()).or_default();
        if let Some(index) = pods.iter().position(|other| other.uid == pod.uid) {
            // When the kubelet removes the pod, the API server sets another deletionTimestamp.
            let earlier = pods.remove(index).deletion_requested_at;
            pod.deletion_requested_at = earlier.or(pod.deletion_requested_at);
        }
        pods.push(pod);
        sort(pods);
        Some(id)
    }

    /// Updates a run whose pods changed, and returns it if it changed.
    pub(super) fn pods_changed(&mut self, id: &RunId, now: Timestamp) -> Option<Run> {
        let is_gone = self.jobs.get(id).is_some_and(CachedJob::is_gone);
        let run = self.update_run(id, now);
        if is_gone {
            self.drop_if_over(id);
        }
        run
    }

    /// Applies the pods of a Job that has failed, and returns its run with the complete cause; None if the Job is not cached.
    pub(in crate::kubernetes) fn complete_cause(
        &mut self,
        id: &RunId,
        pods: Vec<PodObject>,
        now: Timestamp,
    ) -> Option<Run> {
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
    pub(in crate::kubernetes) fn remove_pod(&mut self, pod: PodObject, now: Timestamp) -> Option<Run> {
        let id = self.store_pod(pod, true)?;
        let run = self.pods_changed(&id, now);
        let job_is_active = self.jobs.get(&id).is_some_and(|job| !job.run.state.is_final());
        if let Some(pods) = self.pods.get_mut(&id) {
            pods.retain(|pod| job_is_active || !pod.deleted);
            if pods.is_empty() {
                self.pods.remove(&id);
            }
        }
        run
    }

    /// Records whether the pods of a namespace can be listed.
    pub(in crate::kubernetes) fn set_pods_listed(&mut self, namespace: &str, listed: bool) {
        self.pods_listed.insert(namespace.to_owned(), listed);
    }

    /// Whether the pods of the namespace were listed, and can still be listed.
    pub(in crate::kubernetes) fn has_listed_pods(&self, namespace: &str) -> bool {
        self.pods_listed.get(namespace).copied().unwrap_or_default()
    }

    /// The runs of the namespace that have cached pods.
    pub(in crate::kubernetes) fn ids_with_pods(&self, namespace: &str) -> Vec<RunId> {
        let is_in_namespace =
            |id: &&RunId| self.jobs.get(id).is_some_and(|job| job.run.namespace == namespace);
        self.pods.keys().filter(is_in_namespace).cloned().collect()
    }

    /// Marks the pods of the namespace's Jobs as deleted that were not applied since `listing` began. Returns the runs that
    /// changed.
    pub(in crate::kubernetes) fn end_pod_listing(
        &mut self,
        namespace: &str,
        listing: Listing,
        now: Timestamp,
    ) -> Vec<Run> {
        self.set_pods_listed(namespace, true);
        let mut ids = Vec::new();
        for (id, pods) in &mut self.pods {
            let job = self.jobs.get(id);
            if job.is_some_and(|job| job.run.namespace == namespace) {
                let missing = pods.iter_mut().filter(|pod| pod.listing < listing && !pod.deleted);
                if missing.map(|pod| pod.deleted = true).count() > 0 {
                    ids.push(id.clone());
                }
            }
        }
        ids.iter().filter_map(|id| self.pods_changed(id, now)).collect()
    }

    /// A run's pods, oldest first.
    pub(in crate::kubernetes) fn pods(&self, id: &RunId) -> &[JobPod] {
        self.pods.get(id).map_or(&[], Vec::as_slice)
    }
}

//! Jobs that were deleted and whose pods have not stopped.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference, Time};
use trigger_core::run::{Run, RunId, Trigger};

use super::ClusterCache;
use super::jobs::CachedJob;
use crate::kubernetes::objects::{JobObject, PodObject};
use crate::kubernetes::pods::{JobPod, run_of};
use crate::kubernetes::template::INSTANTIATE;

impl ClusterCache {
    /// Removes a Job that was deleted, when its run has ended.
    pub(super) fn drop_if_over(&mut self, id: &RunId) {
        if self.jobs.get(id).is_none_or(|job| job.run.state.is_final()) {
            self.jobs.remove(id);
            self.pods.remove(id);
        }
    }

    /// Applies the present pods of a Job that was deleted, so that those that are missing are known to be deleted. Returns its
    /// run if the run changed.
    pub(in crate::kubernetes) fn replace_pods(
        &mut self,
        id: &RunId,
        pods: Vec<PodObject>,
        now: Timestamp,
    ) -> Option<Run> {
        for pod in self.pods.get_mut(id).into_iter().flatten() {
            pod.deleted = true;
        }
        for pod in pods.into_iter().filter(|pod| run_of(&pod.metadata).as_ref() == Some(id)) {
            self.store_pod(pod, false);
        }
        self.pods_changed(id, now)
    }

    /// The runs of Jobs that were deleted and whose pods have not stopped.
    pub(in crate::kubernetes) fn runs_of_deleted_jobs(&self, namespace: &str) -> Vec<Run> {
        let of_namespace = self.jobs.all_active().filter(|run| run.namespace == namespace);
        let gone = of_namespace.filter(|run| self.jobs.get(&run.id).is_some_and(CachedJob::is_gone));
        gone.map(|run| Run::clone(run)).collect()
    }

    /// Applies the pods of a run whose Job was deleted unobserved. Returns the run if one of them has not stopped; otherwise
    /// nothing is cached.
    pub(in crate::kubernetes) fn apply_deleted_job(
        &mut self,
        run: &Run,
        pods: Vec<PodObject>,
        now: Timestamp,
    ) -> Option<Run> {
        if self.has_job(&run.id) {
            let changed = self.replace_pods(&run.id, pods, now);
            return changed.or_else(|| self.run(&run.id));
        }
        let job = self.deleted_job(run, now)?;
        for pod in pods {
            self.store_pod(pod, false);
        }
        if self.pods(&run.id).iter().any(JobPod::may_run) {
            self.insert_job(job, true, now)
        } else {
            self.pods.remove(&run.id);
            None
        }
    }

    /// The Job of the run, as far as it is known.
    fn deleted_job(&self, run: &Run, now: Timestamp) -> Option<JobObject> {
        let target = self.targets.iter().find(|target| target.name == run.target)?;
        let owner = OwnerReference {
            kind: "CronJob".to_owned(),
            name: target.cronjob.clone(),
            controller: Some(true),
            ..OwnerReference::default()
        };
        let manual = (run.trigger == Trigger::Manual).then(|| (INSTANTIATE.to_owned(), "manual".to_owned()));
        let metadata = ObjectMeta {
            name: Some(run.job_name.clone()),
            namespace: Some(run.namespace.clone()),
            uid: Some(run.id.to_string()),
            creation_timestamp: Some(Time(run.created_at)),
            deletion_timestamp: Some(Time(now)),
            annotations: Some(manual.into_iter().collect::<BTreeMap<_, _>>()),
            owner_references: Some(vec![owner]),
            ..ObjectMeta::default()
        };
        let spec = kube::core::NotUsed {};
        Some(JobObject { types: None, metadata, spec, status: None })
    }
}

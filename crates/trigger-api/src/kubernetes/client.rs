//! Requests to the API server, each with a timeout.

use std::sync::Arc;
use std::time::Duration;

use kube::api::{DeleteParams, ListParams, PostParams, PropagationPolicy, Request, VersionMatch};
use kube::{Api, Client, Resource};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::timeout;
use trigger_core::cronjob::CronJobTarget;
use trigger_core::executor::ExecutorError;
use trigger_core::run::Run;

use super::error::{executor_error, is_denied, is_status};
use super::object_list::list_each;
use super::objects::{self, CronJobObject, JobObject, PodObject};
use super::pods::{self, JobPod};
use super::rights::{DeniedRights, Right};

/// The API server, the longest time that one request may take, and the rights that it denied.
#[derive(Clone)]
pub(super) struct ClusterClient {
    pub(super) client: Client,
    pub(super) request_timeout: Duration,
    pub(super) rights: Arc<DeniedRights>,
}

/// The outcome of a request that deletes a Job.
#[derive(Debug)]
pub(super) enum DeletionResult {
    /// The Job exists until its pods are gone.
    Begun(Box<JobObject>),
    /// The Job does not exist.
    Done,
    /// The Job has changed since it was read, so nothing was deleted.
    Changed,
}

/// The outcome of a request that creates a Job.
pub(super) enum JobCreation {
    Created(Box<JobObject>),
    NameTaken,
}

impl ClusterClient {
    pub(super) async fn cronjob(&self, target: &CronJobTarget) -> Result<CronJobObject, ExecutorError> {
        let api = objects::cronjobs(&self.client, &target.namespace);
        let right = Right::of_cronjob("get", &target.namespace, &target.cronjob);
        let found = self.read(&right, api.get_opt(&target.cronjob)).await?;
        found.ok_or_else(|| ExecutorError::NoCronJob {
            namespace: target.namespace.clone(),
            name: target.cronjob.clone(),
        })
    }

    /// Applies each Job of the namespace, one at a time: most of them may be Jobs of others.
    pub(super) async fn each_job(
        &self,
        namespace: &str,
        apply: impl FnMut(JobObject) + Send,
    ) -> Result<(), ExecutorError> {
        let right = Right::of_jobs("list", namespace);
        self.list(&right, objects::jobs(&self.client, namespace), &ListParams::default(), apply).await
    }

    /// Like [`Self::each_job`], with the Jobs as they were at that resourceVersion.
    pub(super) async fn each_job_at(
        &self,
        namespace: &str,
        version: u64,
        apply: impl FnMut(JobObject) + Send,
    ) -> Result<(), ExecutorError> {
        let exact = ListParams::default().at(&version.to_string()).matching(VersionMatch::Exact);
        let right = Right::of_jobs("list", namespace);
        self.list(&right, objects::jobs(&self.client, namespace), &exact, apply).await
    }

    /// The Job of that name. Without the right to get it, it is listed.
    pub(super) async fn job(&self, namespace: &str, name: &str) -> Result<Option<JobObject>, ExecutorError> {
        let right = Right::of_jobs("get", namespace);
        let read = self.read(&right, objects::jobs(&self.client, namespace).get_opt(name)).await;
        let Err(denied @ ExecutorError::Forbidden { .. }) = read else { return read };
        let (right, mut found) = (Right::of_jobs("list", namespace), None);
        let named = ListParams::default().fields(&format!("metadata.name={name}"));
        let jobs = objects::jobs(&self.client, namespace);
        let listed = self.list(&right, jobs, &named, |job| found = Some(job)).await;
        match listed {
            Ok(()) => Ok(found),
            Err(ExecutorError::Forbidden { .. }) => Err(denied),
            Err(error) => Err(error),
        }
    }

    pub(super) async fn pods_of_job(
        &self,
        namespace: &str,
        job: &str,
    ) -> Result<Vec<PodObject>, ExecutorError> {
        let selector = ListParams::default().labels(&format!("batch.kubernetes.io/job-name={job}"));
        let mut pods = Vec::new();
        let right = Right::of_pods("list", namespace);
        self.list(&right, objects::pods(&self.client, namespace), &selector, |pod| pods.push(pod)).await?;
        Ok(pods)
    }

    /// The existing pods of a run, oldest first.
    pub(super) async fn pods_of_run(&self, run: &Run) -> Result<Vec<JobPod>, ExecutorError> {
        let found = self.pods_of_job(&run.namespace, &run.job_name).await?;
        let mut pods: Vec<JobPod> =
            found.into_iter().filter_map(|pod| JobPod::of_run(pod, &run.id)).collect();
        pods::sort(&mut pods);
        Ok(pods)
    }

    async fn list<K: Resource + Clone + DeserializeOwned>(
        &self,
        right: &Right<'_>,
        api: Api<K>,
        params: &ListParams,
        apply: impl FnMut(K) + Send,
    ) -> Result<(), ExecutorError> {
        self.read(right, list_each(&api, params, apply, None)).await.map(drop)
    }

    /// Creates the Job.
    pub(super) async fn create_job(
        &self,
        namespace: &str,
        job: &Value,
    ) -> Result<JobCreation, ExecutorError> {
        self.post_job(namespace, job, &PostParams::default()).await
    }

    /// Lets the API server check the Job, and creates nothing.
    pub(super) async fn dry_run_job(
        &self,
        namespace: &str,
        job: &Value,
    ) -> Result<JobCreation, ExecutorError> {
        self.post_job(namespace, job, &PostParams { dry_run: true, ..PostParams::default() }).await
    }

    /// Sends exactly one POST: a retry could create a second Job.
    async fn post_job(
        &self,
        namespace: &str,
        job: &Value,
        params: &PostParams,
    ) -> Result<JobCreation, ExecutorError> {
        let path = k8s_openapi::api::batch::v1::Job::url_path(&(), Some(namespace));
        let body = serde_json::to_vec(job).map_err(|error| ExecutorError::Failed(error.to_string()))?;
        let request = Request::new(path).create(params, body);
        let request = request.map_err(|error| ExecutorError::Failed(error.to_string()))?;
        let right = Right::of_jobs("create", namespace);
        match timeout(self.request_timeout, self.client.request::<JobObject>(request)).await {
            Ok(response) => match self.observed(&right, response) {
                Ok(job) => Ok(JobCreation::Created(Box::new(job))),
                Err(error) if is_status(&error, 409, "AlreadyExists") => Ok(JobCreation::NameTaken),
                Err(error) => Err(executor_error(&error, &right)),
            },
            Err(_) => Err(self.timed_out()),
        }
    }

    /// Deletes the pods of the Job, and the Job when they are gone. So the Job shows whether containers are still running, to
    /// every replica, to the CronJob controller and to people. Nothing is deleted when the Job has changed since it was read.
    pub(super) async fn delete_job(&self, job: &JobObject) -> Result<DeletionResult, ExecutorError> {
        let metadata = &job.metadata;
        let mut parameters = DeleteParams {
            propagation_policy: Some(PropagationPolicy::Foreground),
            ..DeleteParams::default()
        };
        let (uid, resource_version) = (metadata.uid.clone(), metadata.resource_version.clone());
        parameters.preconditions = Some(kube::api::Preconditions { uid, resource_version });
        let namespace = metadata.namespace.as_deref().unwrap_or_default();
        let name = metadata.name.as_deref().unwrap_or_default();
        let api = objects::jobs(&self.client, namespace);
        let right = Right::of_jobs("delete", namespace);
        match timeout(self.request_timeout, api.delete(name, &parameters)).await {
            Ok(response) => match self.observed(&right, response) {
                Ok(response) => Ok(response
                    .left()
                    .map_or(DeletionResult::Done, |job| DeletionResult::Begun(Box::new(job)))),
                Err(error) if is_status(&error, 404, "") => Ok(DeletionResult::Done),
                Err(error) if is_status(&error, 409, "") => Ok(DeletionResult::Changed),
                Err(error) => Err(executor_error(&error, &right)),
            },
            Err(_) => Err(self.timed_out()),
        }
    }

    /// Waits for a request whose repetition is harmless, for at most the request timeout.
    pub(super) async fn read<T>(
        &self,
        right: &Right<'_>,
        request: impl Future<Output = kube::Result<T>>,
    ) -> Result<T, ExecutorError> {
        let Ok(response) = timeout(self.request_timeout, request).await else {
            return Err(self.timed_out());
        };
        self.observed(right, response).map_err(|error| match (executor_error(&error, right), &error) {
            (mapped, kube::Error::Api(_)) => mapped,
            // A broken connection can't have caused a change here, so it is reported like a failure to connect.
            (ExecutorError::TimedOut(detail), _) => ExecutorError::Unreachable(detail),
            (mapped, _) => mapped,
        })
    }

    /// The response, after recording whether the right was granted.
    fn observed<T>(&self, right: &Right<'_>, response: kube::Result<T>) -> kube::Result<T> {
        match &response {
            Ok(_) => self.rights.grant(right),
            Err(error) if is_denied(error) => self.rights.deny(right),
            Err(_) => {}
        }
        response
    }

    fn timed_out(&self) -> ExecutorError {
        ExecutorError::TimedOut(format!(
            "the API server did not respond within {} s",
            self.request_timeout.as_secs()
        ))
    }
}

#[cfg(test)]
mod tests;

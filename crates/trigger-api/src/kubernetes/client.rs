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

use super::error::{executor_error, is_status};
use super::object_list::list_each;
use super::objects::{self, CronJobObject, JobObject, PodObject};

/// The API server, and the longest time that one request may take.
#[derive(Clone)]
pub(super) struct ClusterClient {
    pub(super) client: Client,
    pub(super) request_timeout: Duration,
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
    pub(super) async fn cronjob(&self, target: &CronJobTarget) -> Result<Arc<CronJobObject>, ExecutorError> {
        let api = objects::cronjobs(&self.client, &target.namespace);
        let found = self.read(api.get_opt(&target.cronjob)).await?;
        found.map(Arc::new).ok_or_else(|| ExecutorError::NoCronJob {
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
        self.list(objects::jobs(&self.client, namespace), &ListParams::default(), apply).await
    }

    /// Like [`Self::each_job`], with the Jobs as they were at that resourceVersion.
    pub(super) async fn each_job_at(
        &self,
        namespace: &str,
        version: u64,
        apply: impl FnMut(JobObject) + Send,
    ) -> Result<(), ExecutorError> {
        let exact = ListParams::default().at(&version.to_string()).matching(VersionMatch::Exact);
        self.list(objects::jobs(&self.client, namespace), &exact, apply).await
    }

    pub(super) async fn job(&self, namespace: &str, name: &str) -> Result<Option<JobObject>, ExecutorError> {
        self.read(objects::jobs(&self.client, namespace).get_opt(name)).await
    }

    pub(super) async fn pods_of_job(
        &self,
        namespace: &str,
        job: &str,
    ) -> Result<Vec<PodObject>, ExecutorError> {
        let selector = ListParams::default().labels(&format!("batch.kubernetes.io/job-name={job}"));
        let mut pods = Vec::new();
        self.list(objects::pods(&self.client, namespace), &selector, |pod| pods.push(pod)).await?;
        Ok(pods)
    }

    async fn list<K: Resource + Clone + DeserializeOwned>(
        &self,
        api: Api<K>,
        params: &ListParams,
        apply: impl FnMut(K) + Send,
    ) -> Result<(), ExecutorError> {
        self.read(list_each(&api, params, apply)).await.map(drop)
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
        match timeout(self.request_timeout, self.client.request::<JobObject>(request)).await {
            Ok(Ok(job)) => Ok(JobCreation::Created(Box::new(job))),
            Ok(Err(error)) if is_status(&error, 409, "AlreadyExists") => Ok(JobCreation::NameTaken),
            Ok(Err(error)) => Err(executor_error(&error)),
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
        match timeout(self.request_timeout, api.delete(name, &parameters)).await {
            Ok(Err(error)) if is_status(&error, 404, "") => Ok(DeletionResult::Done),
            Ok(Err(error)) if is_status(&error, 409, "") => Ok(DeletionResult::Changed),
            Ok(Err(error)) => Err(executor_error(&error)),
            Ok(Ok(response)) => {
                Ok(response.left().map_or(DeletionResult::Done, |job| DeletionResult::Begun(Box::new(job))))
            }
            Err(_) => Err(self.timed_out()),
        }
    }

    /// Waits for a request whose repetition is harmless, for at most the request timeout.
    pub(super) async fn read<T>(
        &self,
        request: impl Future<Output = kube::Result<T>>,
    ) -> Result<T, ExecutorError> {
        match timeout(self.request_timeout, request).await {
            Ok(Ok(response)) => Ok(response),
            // A broken connection can't have caused a change here, so it is reported like a failure to connect.
            Ok(Err(error)) => Err(match (executor_error(&error), &error) {
                (mapped, kube::Error::Api(_)) => mapped,
                (ExecutorError::TimedOut(detail), _) => ExecutorError::Unreachable(detail),
                (mapped, _) => mapped,
            }),
            Err(_) => Err(self.timed_out()),
        }
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

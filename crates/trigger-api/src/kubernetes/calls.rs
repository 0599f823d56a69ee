//! Calls of the API server, each bounded in time.

use std::sync::Arc;
use std::time::Duration;

use kube::api::{DeleteParams, ListParams, PostParams, PropagationPolicy, Request, VersionMatch};
use kube::{Client, Resource};
use serde_json::Value;
use tokio::time::timeout;

use super::error::{is_status, meaning};
use super::objects::{self, CronJobObject, JobObject, PodObject};
use trigger_core::ports::ExecutorError;
use trigger_core::target::Target;

/// The API server.
#[derive(Clone)]
pub(super) struct Calls {
    pub(super) client: Client,
    pub(super) limit: Duration,
}

/// What became of a Job that was to be created.
pub(super) enum Creation {
    Created(Box<JobObject>),
    NameTaken,
}

impl Calls {
    pub(super) async fn cronjob(&self, target: &Target) -> Result<Arc<CronJobObject>, ExecutorError> {
        let api = objects::cronjobs(&self.client, &target.namespace);
        let found = self.bounded(api.get_opt(&target.cronjob)).await?;
        found.map(Arc::new).ok_or_else(|| ExecutorError::NoCronJob {
            namespace: target.namespace.clone(),
            name: target.cronjob.clone(),
        })
    }

    pub(super) async fn jobs(&self, namespace: &str) -> Result<Vec<JobObject>, ExecutorError> {
        let api = objects::jobs(&self.client, namespace);
        Ok(self.bounded(api.list(&ListParams::default())).await?.items)
    }

    /// The Jobs as they were at one moment of the past, which an object's version names.
    pub(super) async fn jobs_at(
        &self,
        namespace: &str,
        version: u64,
    ) -> Result<Vec<JobObject>, ExecutorError> {
        let then = ListParams::default().at(&version.to_string()).matching(VersionMatch::Exact);
        Ok(self.bounded(objects::jobs(&self.client, namespace).list(&then)).await?.items)
    }

    pub(super) async fn job(&self, namespace: &str, name: &str) -> Result<Option<JobObject>, ExecutorError> {
        self.bounded(objects::jobs(&self.client, namespace).get_opt(name)).await
    }

    pub(super) async fn pods_of_job(
        &self,
        namespace: &str,
        job: &str,
    ) -> Result<Vec<PodObject>, ExecutorError> {
        let selector = ListParams::default().labels(&format!("batch.kubernetes.io/job-name={job}"));
        Ok(self.bounded(objects::pods(&self.client, namespace).list(&selector)).await?.items)
    }

    /// Sends one POST, never a second one.
    pub(super) async fn create_job(&self, namespace: &str, job: &Value) -> Result<Creation, ExecutorError> {
        let path = k8s_openapi::api::batch::v1::Job::url_path(&(), Some(namespace));
        let body = serde_json::to_vec(job).map_err(|error| ExecutorError::Failed(error.to_string()))?;
        let request = Request::new(path).create(&PostParams::default(), body);
        let request = request.map_err(|error| ExecutorError::Failed(error.to_string()))?;
        match timeout(self.limit, self.client.request::<JobObject>(request)).await {
            Ok(Ok(job)) => Ok(Creation::Created(Box::new(job))),
            Ok(Err(error)) if is_status(&error, 409, "AlreadyExists") => Ok(Creation::NameTaken),
            Ok(Err(error)) => Err(meaning(&error)),
            Err(_) => Err(self.too_late()),
        }
    }

    /// Deletes the Job, and its pods after it, if it is as it was read; false when it has changed since. One that is gone
    /// is no error.
    pub(super) async fn delete_job(&self, job: &JobObject) -> Result<bool, ExecutorError> {
        let metadata = &job.metadata;
        let mut parameters = DeleteParams {
            propagation_policy: Some(PropagationPolicy::Background),
            ..DeleteParams::default()
        };
        let (uid, resource_version) = (metadata.uid.clone(), metadata.resource_version.clone());
        parameters.preconditions = Some(kube::api::Preconditions { uid, resource_version });
        let namespace = metadata.namespace.as_deref().unwrap_or_default();
        let name = metadata.name.as_deref().unwrap_or_default();
        let api = objects::jobs(&self.client, namespace);
        match timeout(self.limit, api.delete(name, &parameters)).await {
            Ok(Err(error)) if is_status(&error, 404, "") => Ok(true),
            Ok(Err(error)) if is_status(&error, 409, "") => Ok(false),
            Ok(Err(error)) => Err(meaning(&error)),
            Ok(Ok(_)) => Ok(true),
            Err(_) => Err(self.too_late()),
        }
    }

    pub(super) async fn bounded<T>(
        &self,
        call: impl Future<Output = kube::Result<T>>,
    ) -> Result<T, ExecutorError> {
        match timeout(self.limit, call).await {
            Ok(Ok(answer)) => Ok(answer),
            // What was only asked for did nothing, wherever the connection broke.
            Ok(Err(error)) => Err(match (meaning(&error), &error) {
                (meaning, kube::Error::Api(_)) => meaning,
                (ExecutorError::TimedOut(detail), _) => ExecutorError::Unreachable(detail),
                (meaning, _) => meaning,
            }),
            Err(_) => Err(self.too_late()),
        }
    }

    fn too_late(&self) -> ExecutorError {
        ExecutorError::TimedOut(format!("nothing came within {} s", self.limit.as_secs()))
    }
}

//! Tries out whether the admission policy protects the targets.
//!
//! An API server can stop comparing Jobs with templates without any error (seen in 1.36, after its last policy with CronJobs
//! as parameters was deleted). So this sends the Job of a target with another image, as a dry run that creates nothing. The
//! policy must deny it.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::json;
use trigger_core::cronjob::CronJobTarget;
use trigger_core::executor::{ExecutorError, Protection};
use trigger_core::naming;
use trigger_core::request::RunRequest;
use trigger_core::target_name::TargetName;

use super::client::{ClusterClient, JobCreation};
use super::objects::CronJobObject;
use super::template::job_from_template;

/// How often the policy is tried out.
const INTERVAL: Duration = Duration::from_hours(1);
/// The pause after an attempt without a result, or without protection: a policy that was just created takes effect late.
const RETRY_INTERVAL: Duration = Duration::from_mins(1);
/// An image that no CronJob has.
const FOREIGN_IMAGE: &str = "tradeops.dev/not-the-image-of-the-template";

/// The protection of each target, as it was tried out last.
#[derive(Default)]
pub(super) struct AdmissionCheck {
    results: Mutex<BTreeMap<TargetName, Protection>>,
}

impl AdmissionCheck {
    /// The last results. A target without its CronJob has none: nothing can be started.
    pub(super) fn results(&self) -> MutexGuard<'_, BTreeMap<TargetName, Protection>> {
        self.results.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tries out the policy now and every hour. It never returns.
    pub(super) async fn run(&self, cluster: &ClusterClient, targets: &[CronJobTarget]) {
        loop {
            let mut all_hold = true;
            for target in targets {
                let Some(result) = try_out(cluster, target).await else {
                    self.results().remove(&target.name);
                    continue;
                };
                all_hold &= result == Protection::Holds;
                self.record(target, result);
            }
            tokio::time::sleep(if all_hold { INTERVAL } else { RETRY_INTERVAL }).await;
        }
    }

    /// Stores a result, and logs it if it is a change.
    fn record(&self, target: &CronJobTarget, result: Protection) {
        let before = self.results().insert(target.name.clone(), result.clone());
        if before.as_ref() == Some(&result) {
            return;
        }
        let target = &target.name;
        match result {
            Protection::Holds => tracing::info!(%target, "the admission policy protects the target"),
            Protection::Missing => tracing::error!(
                %target,
                "the admission policy does not protect the target: with this program's token, any Job can be created. \
                 Install the policies; if they are installed, restart the API server"
            ),
            Protection::Unknown(reason) => {
                tracing::warn!(%target, reason, "it is unknown whether the admission policy protects the target");
            }
        }
    }
}

/// None if there is no CronJob that a Job could be compared with.
async fn try_out(cluster: &ClusterClient, target: &CronJobTarget) -> Option<Protection> {
    match cluster.cronjob(target).await {
        Ok(cronjob) => Some(with_another_image(cluster, target, &cronjob).await),
        Err(ExecutorError::NoCronJob { .. }) => None,
        Err(error) => Some(Protection::Unknown(error.to_string())),
    }
}

async fn with_another_image(
    cluster: &ClusterClient,
    target: &CronJobTarget,
    cronjob: &CronJobObject,
) -> Protection {
    let name = naming::unique(target);
    let Some(mut job) = job_from_template(cronjob, &name, &RunRequest::default(), &BTreeMap::new()) else {
        return Protection::Unknown("the CronJob has no template".to_owned());
    };
    let Some(image) = job.pointer_mut("/spec/template/spec/containers/0/image") else {
        return Protection::Unknown("the CronJob has no container".to_owned());
    };
    *image = json!(FOREIGN_IMAGE);
    verdict(cluster.dry_run_job(&target.namespace, &job).await)
}

/// Only a denial by a policy proves the protection: a quota or a webhook can deny the Job for another reason.
fn verdict(outcome: Result<JobCreation, ExecutorError>) -> Protection {
    match outcome {
        Ok(JobCreation::Created(_)) => Protection::Missing,
        Ok(JobCreation::NameTaken) => Protection::Unknown("a Job has the name of the dry run".to_owned()),
        Err(ExecutorError::Refused(detail)) if detail.contains("ValidatingAdmissionPolicy") => {
            Protection::Holds
        }
        Err(error) => Protection::Unknown(error.to_string()),
    }
}

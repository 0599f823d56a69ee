//! The settings of the executor.

use std::collections::BTreeMap;
use std::time::Duration;

/// The settings of [`KubernetesExecutor`](super::executor::KubernetesExecutor).
#[derive(Clone, Debug)]
pub struct KubernetesConfig {
    /// No request to the API server takes longer.
    pub request_timeout: Duration,
    /// The longest pause between attempts to observe what the API server denies.
    pub permission_retry: Duration,
    /// Whether the admission policy is tried out now and every hour.
    pub check_admission: bool,
    /// Labels that each created Job has in addition to those of the template.
    pub job_labels: BTreeMap<String, String>,
}

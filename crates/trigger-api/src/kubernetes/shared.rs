//! The state that the executor shares with its watches.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use trigger_core::cronjob::CronJobTarget;
use trigger_core::recorder::Recorder;
use trigger_core::run_store::RunStore;

use super::cache::ClusterCache;
use super::client::ClusterClient;
use super::ended_runs::EndedRuns;
use super::health::WatchesHealth;
use super::logs::LogCollector;

/// The state that the executor shares with its watches.
pub(super) struct Shared {
    pub(super) cluster: ClusterClient,
    pub(super) targets: Vec<CronJobTarget>,
    pub(super) cache: Mutex<ClusterCache>,
    pub(super) recorder: Arc<Recorder>,
    pub(super) store: Arc<dyn RunStore>,
    pub(super) logs: LogCollector,
    pub(super) ended: EndedRuns,
    pub(super) health: WatchesHealth,
    /// The longest pause between attempts to watch what the API server denies.
    pub(super) max_denied_delay: Duration,
    /// Labels that each created Job has in addition to those of the template.
    pub(super) job_labels: BTreeMap<String, String>,
}

impl Shared {
    pub(super) fn cache(&self) -> MutexGuard<'_, ClusterCache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn namespaces(&self) -> BTreeSet<String> {
        self.targets.iter().map(|target| target.namespace.clone()).collect()
    }
}

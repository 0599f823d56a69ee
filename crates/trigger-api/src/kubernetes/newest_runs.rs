//! The newest runs of the history, whose Jobs may have been deleted while this program was not running. The names of these
//! Jobs must not be used again.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::sync::OnceCell;
use tokio::time::timeout;
use trigger_core::cronjob::CronJobTarget;
use trigger_core::run_store::RunFilter;
use trigger_core::store_error::StoreError;
use trigger_core::target_name::TargetName;

use super::shared::Shared;

/// How many runs of a target are read: more than are created in one second.
const MAX_RUNS: u16 = 50;
/// How long a start waits for the history.
const MAX_READ_TIME: Duration = Duration::from_secs(1);

/// Reads the newest runs of each target once.
pub(super) struct NewestRuns {
    read: BTreeMap<TargetName, OnceCell<()>>,
}

impl NewestRuns {
    pub(super) fn new(targets: &[CronJobTarget]) -> Self {
        Self { read: targets.iter().map(|target| (target.name.clone(), OnceCell::new())).collect() }
    }

    /// Reads the target's newest runs into the cache, unless that was done. A history that can't be read does not prevent a
    /// start.
    pub(super) async fn read(&self, shared: &Shared, target: &CronJobTarget) {
        let Some(once) = self.read.get(&target.name) else { return };
        let newest =
            RunFilter { targets: vec![target.name.clone()], limit: MAX_RUNS, ..RunFilter::default() };
        let read = once.get_or_try_init(|| async {
            let runs = shared.store.runs(&newest).await?.runs;
            let mut cache = shared.cache();
            for run in &runs {
                cache.remember(run);
            }
            Ok::<(), StoreError>(())
        });
        match timeout(MAX_READ_TIME, read).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%error, "can't read the names of deleted Jobs"),
            Err(_) => tracing::debug!("the names of deleted Jobs were not read in time"),
        }
    }
}

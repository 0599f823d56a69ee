//! Deletes what exceeds the retention, as runs are stored.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use super::feed::Feed;
use super::log_interval::LogInterval;
use super::run_store::{Retention, RunStore};

/// The minimum pause between two deletions, and the pause after a failed one.
const MIN_PAUSE: Duration = Duration::from_secs(1);
/// The pause in multiples of the duration of the deletion before it, so that other statements seldom wait for one.
const PAUSE_FACTOR: u32 = 20;
/// The maximum pause between two deletions.
const MAX_PAUSE: Duration = Duration::from_secs(10);
/// How often runs are deleted if no change of a run is published.
const IDLE_INTERVAL: Duration = Duration::from_mins(10);

/// Deletes what exceeds the retention: now, and whenever changes of runs were stored. Never returns.
pub async fn run(store: &dyn RunStore, feed: &Feed, retention: Retention) {
    let (mut latest, failure_log) = (feed.latest(), LogInterval::default());
    loop {
        latest.mark_unchanged();
        let started = Instant::now();
        let pruned = store.prune(retention).await;
        sleep((started.elapsed() * PAUSE_FACTOR).clamp(MIN_PAUSE, MAX_PAUSE)).await;
        match pruned {
            Ok(runs) => {
                if runs > 0 {
                    tracing::info!(runs, "old runs deleted");
                }
                // An error means that the time has passed.
                let _ = timeout(IDLE_INTERVAL, latest.changed()).await;
            }
            Err(error) if failure_log.is_due() => {
                tracing::warn!(%error, "cannot delete old runs; retrying");
            }
            Err(_) => {}
        }
    }
}

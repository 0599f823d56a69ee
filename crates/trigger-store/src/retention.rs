//! Deletes what exceeds the retention.

use trigger_core::run_store::Retention;
use trigger_core::store_error::StoreError;

use super::connections::Connections;
use super::queries;

/// Deletes the surplus runs and events, and then the oldest runs until the store is small enough. Returns the number of
/// deleted runs. Every statement is a transaction, so what was deleted before an error stays deleted.
pub(super) async fn prune(connections: &Connections, retention: Retention) -> Result<u64, StoreError> {
    let mut deleted = 0;
    let surplus = queries::targets_with_surplus(retention.runs);
    let targets: Vec<String> =
        connections.all("counting runs", &surplus, |row| row.try_get("target")).await?;
    for target in targets {
        loop {
            let statement = queries::prune_runs(&target, retention.runs);
            let batch = connections.delete("deleting runs", &statement).await?;
            deleted += batch;
            if batch < u64::from(queries::PRUNE_BATCH) {
                break;
            }
        }
    }
    connections.delete("deleting events", &queries::prune_events(retention.events)).await?;
    let max_bytes = connections.limit_size(retention.bytes).await?;
    // Before the limit is reached: a store at its limit can't store the next run.
    while connections.used_bytes().await? > max_bytes / 8 * 7 {
        let batch = connections.delete("deleting the oldest runs", &queries::prune_oldest_runs()).await?;
        if batch == 0 {
            break;
        }
        deleted += batch;
        connections.delete("deleting the oldest events", &queries::prune_oldest_events()).await?;
    }
    connections.release_free_pages().await?;
    Ok(deleted)
}

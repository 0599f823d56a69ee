//! The background tasks of the program.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use tokio::task::JoinSet;
use trigger_core::feed::{Feed, Notice};
use trigger_core::run_store::{Retention, RunStore};

use super::history::History;
use crate::http::metrics::RunMetrics;

/// How often old runs are deleted.
const PRUNE_INTERVAL: Duration = Duration::from_hours(1);
/// The pause after the feed failed.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(1);

/// The background tasks. They end when this is dropped.
pub(super) struct BackgroundTasks {
    _tasks: JoinSet<()>,
}

impl BackgroundTasks {
    pub(super) fn start(history: &History, metrics: Arc<RunMetrics>, retention: Retention) -> Self {
        let (recorder, feed) = (Arc::clone(&history.recorder), Arc::clone(&history.feed));
        let (store, sql) = (Arc::clone(&history.store), history.sql.clone());
        let mut tasks = JoinSet::new();
        tasks.spawn(count_ended_runs(Arc::clone(&feed), metrics));
        tasks.spawn(async move { recorder.run().await });
        tasks.spawn(async move { feed.run().await });
        tasks.spawn(prune(store, retention));
        tasks.spawn(async move { sql.check_forever().await });
        Self { _tasks: tasks }
    }
}

async fn prune(store: Arc<dyn RunStore>, retention: Retention) {
    let mut ticks = tokio::time::interval(PRUNE_INTERVAL);
    loop {
        ticks.tick().await;
        match store.prune(retention).await {
            Ok(0) => {}
            Ok(runs) => tracing::info!(runs, "old runs deleted"),
            Err(error) => tracing::warn!(%error, "cannot delete old runs; retrying in an hour"),
        }
    }
}

async fn count_ended_runs(feed: Arc<Feed>, metrics: Arc<RunMetrics>) {
    loop {
        if let Ok(notices) = feed.subscribe(None).await {
            let mut notices = Box::pin(notices);
            while let Some(notice) = notices.next().await {
                if let Notice::Event(event) = notice
                    && event.state.is_final()
                {
                    metrics.count_end(&event.run);
                }
            }
        }
        tokio::time::sleep(PAUSE_AFTER_FAILURE).await;
    }
}

//! The background tasks of the program.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use trigger_core::executor::Executor;
use trigger_core::feed::{Feed, Notice};
use trigger_core::log_interval::LogInterval;
use trigger_core::run_store::Retention;
use trigger_core::task_queue::TaskQueue;
use trigger_core::{backfill, pruner};

use super::history::History;
use crate::http::Api;
use crate::http::metrics::RunMetrics;

/// The pause after the feed failed.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(1);
/// How often the runs in the queue are counted, even if no change of a run is published.
const COUNT_INTERVAL: Duration = Duration::from_secs(15);
/// The minimum pause between two counts.
const MIN_COUNT_PAUSE: Duration = Duration::from_millis(500);

/// The background tasks. They end when this is dropped.
pub(super) struct BackgroundTasks {
    _tasks: JoinSet<()>,
}

impl BackgroundTasks {
    pub(super) fn start(
        history: &History,
        retention: Retention,
        executor: Arc<dyn Executor>,
        queue: Arc<TaskQueue>,
        api: Arc<Api>,
    ) -> Self {
        let History { sql, store, recorder, feed, .. } = history.clone();
        let metrics = Arc::clone(&api.metrics);
        let mut tasks = JoinSet::new();
        tasks.spawn(count_ended_runs(Arc::clone(&feed), Arc::clone(&metrics)));
        tasks.spawn(count_queued_runs(queue, Arc::clone(&feed), metrics));
        let pruned_feed = Arc::clone(&feed);
        tasks.spawn(async move { pruner::run(&*store, &pruned_feed, retention).await });
        tasks.spawn(async move { feed.run().await });
        tasks.spawn(async move { api.runs.watch_targets().await });
        let filled = Arc::clone(&recorder);
        tasks.spawn(async move { backfill::run(&filled, &*executor).await });
        tasks.spawn(async move { recorder.run().await });
        tasks.spawn(async move { sql.check_forever().await });
        Self { _tasks: tasks }
    }
}

async fn count_ended_runs(feed: Arc<Feed>, metrics: Arc<RunMetrics>) {
    loop {
        if let Ok(subscription) = feed.subscribe(None).await {
            let mut notices = Box::pin(subscription.notices);
            while let Some(notice) = notices.next().await {
                if let Notice::Event(event) = notice
                    && let Some(run) = event.run().filter(|run| run.state.is_final())
                {
                    metrics.count_end(run);
                }
            }
        }
        sleep(PAUSE_AFTER_FAILURE).await;
    }
}

/// Counts the runs of tasks in the background, because a scrape must not wait for the history. While the history can't be
/// read, the gauges keep their last values.
async fn count_queued_runs(queue: Arc<TaskQueue>, feed: Arc<Feed>, metrics: Arc<RunMetrics>) {
    let (mut latest, failure_log) = (feed.latest(), LogInterval::default());
    loop {
        latest.mark_unchanged();
        match queue.depths().await {
            Ok(depths) => metrics.set_queue_depths(&depths),
            Err(error) if failure_log.is_due() => tracing::warn!(%error, "cannot count the waiting runs"),
            Err(_) => {}
        }
        sleep(MIN_COUNT_PAUSE).await;
        // An error means that the time has passed.
        let _ = timeout(COUNT_INTERVAL, latest.changed()).await;
    }
}

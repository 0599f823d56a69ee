//! The parts of the program that store and publish runs.

use std::sync::Arc;

use trigger_core::feed::Feed;
use trigger_core::log_buffers::{LogBuffers, MAX_TAILS_BYTES};
use trigger_core::recorder::Recorder;
use trigger_core::run_store::RunStore;
use trigger_core::target::Targets;
use trigger_core::task_queue::TaskQueue;
use trigger_core::task_store::TaskStore;
use trigger_store::SqlStore;

use super::error::AppError;
use crate::config::Config;

/// What is not stored yet needs at most this part of the memory limit: 8 MiB of 64 MiB.
const UNSAVED_PART_OF_MEMORY: u64 = 8;

/// The parts of the program that store and publish runs. A clone shares them.
#[derive(Clone)]
pub(super) struct History {
    pub(super) sql: SqlStore,
    pub(super) store: Arc<dyn RunStore>,
    pub(super) recorder: Arc<Recorder>,
    pub(super) feed: Arc<Feed>,
    pub(super) logs: Arc<LogBuffers>,
}

impl History {
    pub(super) async fn open(config: &Config) -> Result<Self, AppError> {
        let sql = SqlStore::connect(&config.database_url).await?;
        let store = Arc::new(sql.clone()) as Arc<dyn RunStore>;
        let feed = Arc::new(Feed::new(Arc::clone(&store)));
        let max_bytes = config.service.memory_limit.bytes() / UNSAVED_PART_OF_MEMORY;
        let max_bytes = usize::try_from(max_bytes).unwrap_or(usize::MAX);
        tracing::info!(
            memory.unsaved = max_bytes,
            memory.logs = MAX_TAILS_BYTES,
            "the history has a memory budget"
        );
        let recorder = Arc::new(Recorder::new(Arc::clone(&store), Arc::clone(&feed), max_bytes));
        Ok(Self { sql, store, recorder, feed, logs: Arc::default() })
    }

    pub(super) fn queue(&self, targets: &Targets, namespace: &str) -> (Arc<TaskQueue>, Arc<dyn TaskStore>) {
        let tasks = Arc::new(self.sql.clone()) as Arc<dyn TaskStore>;
        let targets: Vec<_> = targets.tasks().cloned().collect();
        let (store, feed) = (Arc::clone(&self.store), Arc::clone(&self.feed));
        (Arc::new(TaskQueue::new(targets, namespace, Arc::clone(&tasks), store, feed)), tasks)
    }
}

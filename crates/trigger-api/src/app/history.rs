//! The parts of the program that store and publish runs.

use std::sync::Arc;

use trigger_core::feed::Feed;
use trigger_core::log_buffers::LogBuffers;
use trigger_core::recorder::{MAX_UNSAVED_BYTES, Recorder};
use trigger_core::run_store::RunStore;
use trigger_core::target::Targets;
use trigger_core::task_queue::TaskQueue;
use trigger_core::task_store::TaskStore;
use trigger_store::SqlStore;

use super::error::AppError;
use crate::config::Config;

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
        let recorder = Arc::new(Recorder::new(Arc::clone(&store), Arc::clone(&feed), MAX_UNSAVED_BYTES));
        Ok(Self { sql, store, recorder, feed, logs: Arc::default() })
    }

    pub(super) fn queue(&self, targets: &Targets, namespace: &str) -> (Arc<TaskQueue>, Arc<dyn TaskStore>) {
        let tasks = Arc::new(self.sql.clone()) as Arc<dyn TaskStore>;
        let targets: Vec<_> = targets.tasks().cloned().collect();
        let (store, feed) = (Arc::clone(&self.store), Arc::clone(&self.feed));
        (Arc::new(TaskQueue::new(targets, namespace, Arc::clone(&tasks), store, feed)), tasks)
    }
}

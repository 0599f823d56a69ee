//! What the runner shares with its workers.

use std::sync::Arc;
use std::time::Duration;

use crate::feed::Feed;
use crate::log_buffers::LogBuffers;
use crate::recorder::Recorder;
use crate::task_queue::TaskQueue;
use crate::task_store::TaskStore;

/// How many heartbeats a worker sends in a lease.
pub(super) const HEARTBEATS_PER_LEASE: u32 = 5;

/// The settings of a runner.
#[derive(Clone, Copy, Debug)]
pub struct RunnerConfig {
    /// How many runs this replica executes at the same time, of all tasks.
    pub workers: usize,
    /// How long a heartbeat may be missing before the worker is regarded as dead.
    pub lease: Duration,
}

pub(super) struct Replica {
    pub(super) config: RunnerConfig,
    /// Distinguishes the claims of this replica from those of others.
    pub(super) name: String,
    pub(super) queue: Arc<TaskQueue>,
    pub(super) store: Arc<dyn TaskStore>,
    pub(super) recorder: Arc<Recorder>,
    pub(super) feed: Arc<Feed>,
    pub(super) logs: Arc<LogBuffers>,
}

//! The port to the queue of tasks: waiting runs, leases and results.

use async_trait::async_trait;
use serde_json::Value;

use super::run::{Cause, Progress, Run, RunId, State};
use super::store_error::StoreError;
use super::target_name::TargetName;

/// A worker's claim on a run of a task.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Lease {
    /// The run.
    pub id: RunId,
    /// The target of the run.
    pub target: TargetName,
    /// The worker. Every claim has its own name, so that a worker can detect that its lease was reaped.
    pub worker: String,
    /// How many heartbeats the worker has sent.
    pub heartbeat: i64,
    /// How often the run has been started.
    pub attempt: u32,
}

/// The state of a run after its lease was released.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// The run has ended.
    Ended {
        /// The final state.
        state: State,
        /// Why the run has this state.
        cause: Option<Cause>,
    },
    /// The run waits in the queue again.
    Queued {
        /// Why.
        cause: Cause,
        /// Whether the attempt counts; one that an orderly shutdown interrupted does not.
        counts: bool,
    },
}

/// The state of a lease after a heartbeat.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LeaseStatus {
    /// The worker holds the lease and the run is running.
    Active,
    /// The worker holds the lease, but the run has ended.
    RunEnded,
    /// The worker no longer holds the lease.
    Lost,
}

/// Stores the queue of tasks. Several replicas may use one store at the same time.
#[async_trait]
pub trait TaskStore: Send + Sync {
    /// Adds a run to its target's queue and returns true. Returns false if `max_queued` runs of the target are queued
    /// already, or if a run with this id or name exists.
    async fn enqueue(&self, run: &Run, max_queued: u32) -> Result<bool, StoreError>;

    /// Leases the target's oldest waiting run to a worker; None if no run waits or the target's slot is occupied.
    async fn claim(&self, target: &TargetName, slot: u32, worker: &str) -> Result<Option<Run>, StoreError>;

    /// Stores a heartbeat of the worker and the progress of its run.
    async fn heartbeat(
        &self,
        id: &RunId,
        worker: &str,
        progress: &Progress,
    ) -> Result<LeaseStatus, StoreError>;

    /// Releases a lease on behalf of its worker. Returns false if the worker no longer holds it. A run that has ended
    /// in the meantime keeps its state.
    async fn release(&self, lease: &Lease, outcome: &Outcome) -> Result<bool, StoreError>;

    /// Releases the lease of a worker that is considered dead. Returns false if the worker has sent a heartbeat since
    /// the lease was read, or no longer holds it. A run that has ended in the meantime keeps its state.
    async fn reap(&self, lease: &Lease, outcome: &Outcome) -> Result<bool, StoreError>;

    /// Ends a run that waits or is running, and returns whether there was one. Its worker releases the lease later.
    async fn end_task(&self, id: &RunId, state: State, cause: &Cause) -> Result<bool, StoreError>;

    /// The leases of all workers.
    async fn leases(&self) -> Result<Vec<Lease>, StoreError>;

    /// The number of waiting runs of each target that has some.
    async fn waiting(&self) -> Result<Vec<(TargetName, u64)>, StoreError>;

    /// Stores the result of a run that the worker has leased.
    async fn save_result(&self, id: &RunId, worker: &str, result: &Value) -> Result<(), StoreError>;

    /// The result of a run.
    async fn result(&self, id: &RunId) -> Result<Option<Value>, StoreError>;
}

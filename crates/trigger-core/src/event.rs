//! The changes of runs.

use std::sync::Arc;

use super::run::{Run, RunId};
use super::target_name::TargetName;

/// One change of a run.
#[derive(Clone, Debug)]
pub struct Event {
    /// The number; later events have higher numbers.
    pub sequence: i64,
    /// The run.
    pub run_id: RunId,
    /// The target of the run.
    pub target: TargetName,
    /// What has changed.
    pub change: Change,
}

/// What has changed in a run.
#[derive(Clone, Debug)]
pub enum Change {
    /// Its state, cause or progress. The run after the change.
    State(Arc<Run>),
    /// The run exceeded the retention and was deleted from the history.
    Pruned,
}

impl Event {
    /// The run after the change; None if it was deleted.
    pub fn run(&self) -> Option<&Arc<Run>> {
        match &self.change {
            Change::State(run) => Some(run),
            Change::Pruned => None,
        }
    }
}

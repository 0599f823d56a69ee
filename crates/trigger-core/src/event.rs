//! The changes of runs.

use std::sync::Arc;

use super::run::{Run, RunId, State};
use super::target_name::TargetName;

/// One change of a run's state or cause.
#[derive(Clone, Debug)]
pub struct Event {
    /// The number; later events have higher numbers.
    pub sequence: i64,
    /// The run.
    pub run_id: RunId,
    /// The target of the run.
    pub target: TargetName,
    /// The new state.
    pub state: State,
    /// The run after the change.
    pub run: Arc<Run>,
}

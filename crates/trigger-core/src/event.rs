//! One change in the history.

use std::sync::Arc;

use super::run::{Run, RunId, State};
use super::target::TargetName;

/// One change of a run's state or cause.
#[derive(Clone, Debug)]
pub struct Event {
    /// Its number: later events have higher ones.
    pub sequence: i64,
    /// Whose it is.
    pub run_id: RunId,
    /// What that is a run of.
    pub target: TargetName,
    /// The state since then.
    pub state: State,
    /// The run as it was then.
    pub run: Arc<Run>,
}

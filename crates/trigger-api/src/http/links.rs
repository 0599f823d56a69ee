//! Paths that lead from one document to others.

use serde::Serialize;
use utoipa::ToSchema;

use trigger_core::run::Run;

/// Paths that belong to a run.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct Links {
    /// The run.
    #[serde(rename = "self")]
    pub(super) this: String,
    /// Its log.
    logs: String,
    /// Its changes, as server-sent events.
    events: String,
    /// Its target.
    target: String,
    /// What came out of it; only a task's run has that.
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<String>,
}

impl Links {
    pub(super) fn of(run: &Run) -> Self {
        let this = format!("/v1/runs/{}", run.id);
        Self {
            logs: format!("{this}/logs"),
            events: format!("{this}/events"),
            target: format!("/v1/targets/{}", run.target),
            result: run.task.as_ref().map(|_| format!("{this}/result")),
            this,
        }
    }
}

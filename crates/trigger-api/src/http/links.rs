//! Links between documents.

use serde::Serialize;
use trigger_core::run::Run;
use utoipa::ToSchema;

/// The paths of a run.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct Links {
    /// The run.
    #[serde(rename = "self")]
    pub(super) this: String,
    /// The log.
    logs: String,
    /// The changes as server-sent events.
    events: String,
    /// The target.
    target: String,
    /// The result; only runs of tasks have one.
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

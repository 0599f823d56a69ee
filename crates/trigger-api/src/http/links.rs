//! Links between documents.

use serde::Serialize;
use trigger_core::run::{Run, RunId};
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
    /// `POST` starts the run again.
    retry: String,
    /// The run that this one repeats.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_of: Option<String>,
    /// The result; only runs of tasks have one.
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<String>,
}

impl Links {
    pub(super) fn of(run: &Run) -> Self {
        let path = |id: &RunId| format!("/v1/runs/{id}");
        let this = path(&run.id);
        Self {
            logs: format!("{this}/logs"),
            events: format!("{this}/events"),
            target: format!("/v1/targets/{}", run.target),
            retry: format!("{this}/retry"),
            retry_of: run.retry_of.as_ref().map(path),
            result: run.task.as_ref().map(|_| format!("{this}/result")),
            this,
        }
    }
}

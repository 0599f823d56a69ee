//! The events of a stream.

use axum::response::sse::Event as SseEvent;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;
use trigger_core::cronjob::CronJobSummary;
use trigger_core::event::Event;
use trigger_core::run::Run;
use trigger_core::target_watch::ObservedCronJob;
use utoipa::ToSchema;
use utoipa::openapi::schema::Object;

use crate::http::documents::{RunDocument, string_enum};

/// An event of a stream.
#[expect(dead_code, reason = "only the OpenAPI document needs it")]
#[derive(ToSchema)]
pub(in crate::http) struct ServerSentEvent {
    /// `ping` first, and every 15 seconds; `state` for a change of a run; `pruned` for a run that was deleted from the history;
    /// `target` for the CronJob of a target; `gap` if events before the next one were pruned.
    #[schema(schema_with = event_schema)]
    event: &'static str,
    /// JSON: `at` for a ping; the run for a state; `run_id` and `target` for `pruned`; `target` and `cronjob` for `target`, with
    /// the fields of a target's status, or null if the CronJob does not exist; `{}` for a gap.
    data: String,
    /// The `Last-Event-ID` to resume after this event.
    #[schema(required = false)]
    id: String,
    /// The milliseconds to wait before reconnecting.
    #[schema(required = false)]
    retry: u32,
}

/// The CronJob of a target. `/v1/targets/{target}` has the rest.
#[derive(Serialize)]
struct CronJobDocument<'a> {
    schedule: &'a str,
    time_zone: Option<&'a str>,
    suspended: bool,
    concurrency_policy: &'static str,
    last_scheduled_at: Option<Timestamp>,
}

fn event_schema() -> Object {
    string_enum(&["ping", "state", "pruned", "target", "gap"])
}

pub(super) fn state_event(run: &Run, sequence: Option<i64>) -> SseEvent {
    let event = SseEvent::default().event("state");
    let event = match sequence {
        Some(sequence) => event.id(sequence.to_string()),
        None => event,
    };
    event.json_data(RunDocument::from(run)).expect("a run is JSON")
}

pub(super) fn pruned_event(event: &Event) -> SseEvent {
    let data = json!({ "run_id": event.run_id, "target": event.target.as_str() });
    SseEvent::default().event("pruned").id(event.sequence.to_string()).data(data.to_string())
}

/// It has no id: its state is not stored, and each stream starts with the present one.
pub(super) fn target_event(observed: &ObservedCronJob) -> SseEvent {
    let cronjob = observed.cronjob.as_ref().map(CronJobDocument::from);
    let data = json!({ "target": observed.target.as_str(), "cronjob": cronjob });
    SseEvent::default().event("target").data(data.to_string())
}

pub(super) fn gap_event(number: i64) -> SseEvent {
    SseEvent::default().event("gap").id(number.to_string()).data("{}")
}

impl<'a> From<&'a CronJobSummary> for CronJobDocument<'a> {
    fn from(cronjob: &'a CronJobSummary) -> Self {
        Self {
            schedule: &cronjob.schedule,
            time_zone: cronjob.time_zone.as_deref(),
            suspended: cronjob.suspended,
            concurrency_policy: cronjob.concurrency_policy.as_str(),
            last_scheduled_at: cronjob.last_scheduled_at,
        }
    }
}

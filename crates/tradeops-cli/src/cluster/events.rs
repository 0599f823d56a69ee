//! Events of Kubernetes.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

/// The message of the newest event about the object that has one of the reasons; empty if there is none.
pub fn newest_message(events: &[Event], object: &ObjectMeta, reasons: &[&str]) -> String {
    let is_about = |event: &&Event| {
        let reason = event.reason.as_deref().unwrap_or_default();
        event.involved_object.uid == object.uid && reasons.contains(&reason)
    };
    let newest = events.iter().filter(is_about).max_by_key(|event| time(event));
    newest.and_then(|event| event.message.clone()).unwrap_or_default()
}

fn time(event: &Event) -> Timestamp {
    let last = event.last_timestamp.as_ref().map(|time| time.0);
    last.or_else(|| event.event_time.as_ref().map(|time| time.0)).unwrap_or_default()
}

//! The HTTP interface: addresses, waiting, event streams, limits, pages, request ids and invalid requests.

mod addresses;
mod limits;
mod lists;
mod requests;
mod streams;
mod waiting;

use crate::support::{Events, TriggerApi};

/// Follows all events from now on, or from after the event with that id.
async fn follow(api: &TriggerApi, after: Option<&str>) -> Events {
    let request = api.get("/v1/events");
    let request = match after {
        Some(id) => request.header("Last-Event-ID", id),
        None => request,
    };
    let response = request.send().await.expect("a response");
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    Events::of(response)
}

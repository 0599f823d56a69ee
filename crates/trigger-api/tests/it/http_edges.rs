//! What HTTP itself asks for: waiting, streams, limits, pages, ids, and what does not fit.

mod limits;
mod requests;
mod streams;
mod waiting;

use crate::support::{Events, TriggerApi};

/// All changes from now on, or from the one of that id.
async fn follow(api: &TriggerApi, after: Option<&str>) -> Events {
    let request = api.get("/v1/events");
    let request = match after {
        Some(id) => request.header("Last-Event-ID", id),
        None => request,
    };
    let response = request.send().await.expect("it answers");
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    Events::of(response)
}

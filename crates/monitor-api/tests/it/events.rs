//! The stream of events.

use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use futures_util::StreamExt;
use monitor_api::domain::connection::Connection;
use monitor_api::domain::event::RemovalReason;
use serde_json::{Value, json};

use crate::support::{TestApi, request};

/// The time limit of an event.
const PATIENCE: Duration = Duration::from_secs(20);

/// An event of a stream.
#[derive(Debug)]
struct ReceivedEvent {
    id: i64,
    name: String,
    data: Value,
}

/// A stream of events.
struct EventReader {
    body: BodyDataStream,
    text: String,
}

impl EventReader {
    async fn open(api: &TestApi, after: Option<i64>) -> Self {
        let mut request = request("GET", "/api/events", Body::empty());
        if let Some(id) = after {
            request.headers_mut().insert("last-event-id", id.into());
        }
        let response = api.open(request).await;
        assert_eq!(
            (response.status().as_u16(), &response.headers()["content-type"]),
            (200, &"text/event-stream".parse().unwrap())
        );
        Self { body: response.into_body().into_data_stream(), text: String::new() }
    }

    /// The next event, without comments and pings.
    async fn next(&mut self) -> ReceivedEvent {
        loop {
            if let Some(end) = self.text.find("\n\n") {
                let rest = self.text.split_off(end + 2);
                let block = std::mem::replace(&mut self.text, rest);
                if let Some(event) = read_event(&block).filter(|event| event.name != "ping") {
                    return event;
                }
                continue;
            }
            let chunk =
                tokio::time::timeout(PATIENCE, self.body.next()).await.expect("an event arrives in time");
            self.text.push_str(std::str::from_utf8(&chunk.unwrap().unwrap()).unwrap());
        }
    }

    async fn names(&mut self, count: usize) -> Vec<String> {
        let mut names = Vec::new();
        for _ in 0..count {
            names.push(self.next().await.name);
        }
        names
    }
}

fn read_event(block: &str) -> Option<ReceivedEvent> {
    let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    let data = field("data")?;
    Some(ReceivedEvent {
        id: field("id")?.parse().unwrap(),
        name: field("event")?.to_owned(),
        data: serde_json::from_str(data).unwrap(),
    })
}

#[tokio::test]
async fn a_stream_begins_with_its_position_and_reports_changes_with_their_data() {
    let api = TestApi::live().await;
    api.register("risk", "before", "ACTIVE", 0);
    let mut events = EventReader::open(&api, None).await;
    let snapshot = events.next().await;
    assert_eq!((snapshot.name.as_str(), &snapshot.data), ("snapshot", &json!({ "position": snapshot.id })));
    let instance: Value = serde_json::from_str(&api.register("risk", "1", "ACTIVE", -3)).unwrap();
    let put = events.next().await;
    assert_eq!((put.id, put.name.as_str()), (snapshot.id + 1, "put"));
    let data = json!({ "instance": instance, "revision": 7, "clock_skew_seconds": 3.0, "stale": false });
    assert_eq!(put.data, data);
    api.cache.remove_instance("service-instances__risk__1", 8, RemovalReason::Deleted);
    let removed = events.next().await;
    let data = json!({ "service_name": "risk", "instance_id": "1", "revision": 8, "reason": "deleted" });
    assert_eq!((removed.name.as_str(), removed.data), ("removed", data));
    api.define("risk-engine").await;
    let defined = events.next().await;
    assert_eq!((defined.name.as_str(), &defined.data["service"]["owner"]), ("definition", &"o".into()));
    api.request("DELETE", "/api/services/risk-engine").await.is(204, "");
    let data = json!({ "service_name": "risk-engine", "service": null, "revision": 2 });
    assert_eq!(events.next().await.data, data);
    api.connect(Connection::BucketMissing);
    let data = json!({ "state": "bucket_missing", "at": "2026-02-10T08:00:00.000000Z" });
    for name in ["state", "definitions_state"] {
        let state = events.next().await;
        assert_eq!((state.name.as_str(), &state.data), (name, &data));
    }
}

#[tokio::test]
async fn an_interrupted_stream_is_resumed_after_any_recent_event() {
    let api = TestApi::live().await;
    let position = EventReader::open(&api, None).await.next().await.id;
    for id in ["1", "2", "3"] {
        api.register("risk", id, "ACTIVE", 0);
    }
    let mut events = EventReader::open(&api, Some(position + 1)).await;
    assert_eq!(events.next().await.data["instance"]["instanceId"], "2");
    assert_eq!(events.next().await.id, position + 3);
    let mut events = EventReader::open(&api, Some(position + 3)).await;
    api.disconnect();
    let state = events.next().await;
    assert_eq!((state.id, state.name.as_str()), (position + 4, "state"));
}

#[tokio::test]
async fn a_stream_that_can_not_be_resumed_must_be_read_again() {
    let api = TestApi::live().await;
    let position = EventReader::open(&api, None).await.next().await.id;
    for unknown in [0, position - 1000, position + 1] {
        let mut events = EventReader::open(&api, Some(unknown)).await;
        let resync = events.next().await;
        assert_eq!((resync.id, resync.name.as_str()), (position, "resync"));
        assert_eq!(resync.data, json!({ "position": position }));
    }
}

#[tokio::test]
async fn a_reader_that_is_too_slow_loses_events_and_continues() {
    let api = TestApi::live().await;
    let mut events = EventReader::open(&api, None).await;
    events.next().await;
    for number in 0..6000 {
        api.register("risk", &number.to_string(), "ACTIVE", 0);
    }
    let resync = events.next().await;
    assert_eq!(resync.name, "resync");
    api.register("risk", "last", "ACTIVE", 0);
    assert_eq!(events.next().await.data["instance"]["instanceId"], "last");
}

#[tokio::test]
async fn instances_are_reported_when_they_become_stale() {
    let api = TestApi::live().await;
    let cache = std::sync::Arc::clone(&api.cache);
    let reporter = tokio::spawn(async move { cache.report_stale().await });
    let mut events = EventReader::open(&api, None).await;
    api.register("risk", "1", "ACTIVE", 30);
    api.register("risk", "2", "ACTIVE", 0);
    api.register("risk", "3", "ACTIVE", 100);
    assert_eq!(events.names(4).await, ["snapshot", "put", "put", "put"]);
    api.advance(6);
    // A change wakes the reporter, whose timer runs by the machine's clock.
    api.connect(Connection::Live);
    let stale = events.next().await;
    let data = json!({ "service_name": "risk", "instance_id": "1", "revision": 7 });
    assert_eq!((stale.name.as_str(), stale.data), ("stale", data));
    api.disconnect();
    api.advance(600);
    api.connect(Connection::Live);
    let names = ["state", "definitions_state", "state", "definitions_state", "stale"];
    assert_eq!(events.names(5).await, names);
    reporter.abort();
}

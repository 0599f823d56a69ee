//! The stream of events over outages and restarts.

use std::pin::Pin;
use std::time::Duration;

use futures_util::{Stream, StreamExt};
use testkit::nats::{NatsServer, NatsVersion};

use super::registry_bucket::RegistryBucket;
use super::running_program::RunningProgram;

/// An open stream.
struct LiveStream {
    bytes: Pin<Box<dyn Stream<Item = reqwest::Result<bytes::Bytes>> + Send>>,
    text: String,
    id: Option<String>,
}

/// An event of the stream.
#[derive(Debug)]
struct StreamedEvent {
    name: String,
    data: String,
}

impl LiveStream {
    async fn open(program: &RunningProgram, last_id: Option<&str>) -> Self {
        let mut request = program.client.get(format!("{}/api/events", program.url));
        if let Some(id) = last_id {
            request = request.header("Last-Event-ID", id);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        Self { bytes: Box::pin(response.bytes_stream()), text: String::new(), id: last_id.map(str::to_owned) }
    }

    async fn next(&mut self) -> StreamedEvent {
        let next = async {
            loop {
                if let Some((event, rest)) = self.text.split_once("\n\n") {
                    let field = |name: &str| {
                        event
                            .lines()
                            .find_map(|line| line.strip_prefix(name)?.strip_prefix(": ").map(str::to_owned))
                    };
                    let (event_name, data, id) = (field("event"), field("data"), field("id"));
                    self.text = rest.into();
                    self.id = id.or(self.id.take());
                    if let Some(name) = event_name {
                        return StreamedEvent { name, data: data.unwrap_or_default() };
                    }
                    continue;
                }
                let bytes = self.bytes.next().await.unwrap().unwrap();
                self.text.push_str(std::str::from_utf8(&bytes).unwrap());
            }
        };
        tokio::time::timeout(Duration::from_secs(20), next).await.expect("an event")
    }

    /// Reads until an event of this name, whose data contains the text.
    async fn until(&mut self, name: &str, text: &str) -> StreamedEvent {
        loop {
            let event = self.next().await;
            if event.name == name && event.data.contains(text) {
                return event;
            }
        }
    }
}

#[tokio::test]
async fn a_stream_reports_changes_outages_and_staleness_and_resumes() {
    let mut server = NatsServer::start(NatsVersion::Pinned);
    let bucket = RegistryBucket::create(&server, Duration::ZERO).await;
    let program = RunningProgram::start(&server.url(), &[("STALE_THRESHOLD_SECONDS", "3")]);
    program.until_live().await;
    let mut events = LiveStream::open(&program, None).await;
    assert_eq!(events.next().await.name, "snapshot");
    bucket.register("order-router", "a").await;
    events.until("put", "\"instanceId\":\"a\"").await;
    let after_put = events.id.clone().unwrap();
    events.until("stale", "order-router").await;
    bucket.deregister("order-router", "a").await;
    events.until("removed", "\"deleted\"").await;
    server.kill();
    events.until("state", "unavailable").await;
    server.restart();
    events.until("state", "live").await;
    drop(events);

    let mut resumed = LiveStream::open(&program, Some(&after_put)).await;
    assert_eq!(resumed.next().await.name, "stale", "the event after the last one that was read");
    resumed.until("state", "unavailable").await;
    drop(program);

    let program = RunningProgram::start(&server.url(), &[]);
    program.until_live().await;
    let mut events = LiveStream::open(&program, Some(&after_put)).await;
    assert_eq!(events.next().await.name, "resync", "an id of another process");
}

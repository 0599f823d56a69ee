//! A client of `GET /api/events`.

use std::pin::Pin;

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use serde::Deserialize;

use super::program::MeasuredProgram;

type Chunks = Pin<Box<dyn Stream<Item = reqwest::Result<Bytes>> + Send>>;

/// Reads the revisions of the stream's `put` events.
pub(crate) struct PutReader {
    chunks: Chunks,
    text: Vec<u8>,
}

#[derive(Deserialize)]
struct PutRevision {
    revision: u64,
}

impl PutReader {
    /// Opens the stream, and waits until it has begun.
    pub(crate) async fn open(program: &MeasuredProgram) -> Self {
        let response = program.request("/api/events").await;
        let mut reader = Self { chunks: Box::pin(response.bytes_stream()), text: Vec::new() };
        // The first block has no event, only the time after which a client reconnects.
        while !reader.next_event().await.expect("the stream begins").contains("event: snapshot") {}
        reader
    }

    /// The revision of the next `put` event; None when the stream ends or reports lost events.
    pub(crate) async fn next_revision(&mut self) -> Option<u64> {
        loop {
            let event = self.next_event().await?;
            if event.contains("event: resync") {
                return None;
            }
            let data = event.lines().find_map(|line| line.strip_prefix("data: "));
            if let (true, Some(data)) = (event.contains("event: put"), data) {
                let put: PutRevision = serde_json::from_str(data).expect("a put has a revision");
                return Some(put.revision);
            }
        }
    }

    async fn next_event(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.text.windows(2).position(|pair| pair == b"\n\n") {
                let rest = self.text.split_off(end + 2);
                let event = std::mem::replace(&mut self.text, rest);
                return Some(String::from_utf8(event).expect("events are text"));
            }
            self.text.extend(self.chunks.next().await?.ok()?);
        }
    }
}

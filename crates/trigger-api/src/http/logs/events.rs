//! The log as server-sent events.

use std::collections::VecDeque;
use std::sync::Arc;

use axum::response::Response;
use axum::response::sse::Event;
use common::service::{RequestSlot, event_stream, ping};
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use serde_json::json;
use trigger_core::executor::ExecutorError;
use trigger_core::log_text::LogPiece;
use trigger_core::run::{Run, RunId};
use trigger_core::runs::{LogPosition, LogQuery, RunLog};

use super::LogParams;
use super::lines::WholeLines;
use crate::http::Api;
use crate::http::api_error::ApiError;

/// The log from the offset of `Last-Event-ID`, of `offset` or of the last lines on, until the run ends. If nothing is left of
/// it, the stream has only its end.
pub(super) async fn respond(
    api: Arc<Api>,
    slot: &RequestSlot,
    run: Run,
    params: LogParams,
    last_event: Option<i64>,
) -> Result<Response, ApiError> {
    let resumed = last_event.and_then(|id| u64::try_from(id).ok());
    let query = LogQuery { follow: true, ..params.query() };
    // From the beginning instead of from the oldest text, so that every event has an offset.
    let position = match (resumed, query.position) {
        (Some(offset), _) => LogPosition::Offset(offset),
        (None, LogPosition::Start) => LogPosition::Offset(0),
        (None, position) => position,
    };
    let log = api.runs.log(&run, LogQuery { position, ..query }).await?;
    let requested = match position {
        LogPosition::Offset(offset) => Some(offset),
        LogPosition::Start | LogPosition::LastLines(_) => None,
    };
    let streams = api.streams.clone();
    let events = LogEvents::new(api, run.id, log, requested);
    let first = ping().id(events.expected.to_string());
    let events = stream::iter([first]).chain(stream::unfold(events, LogEvents::next));
    Ok(event_stream(&streams, slot, events, ping)?)
}

/// Makes events of the pieces of a log.
struct LogEvents {
    api: Arc<Api>,
    id: RunId,
    /// None after the last piece.
    pieces: Option<BoxStream<'static, Result<LogPiece, ExecutorError>>>,
    lines: WholeLines,
    /// The offset after the last piece.
    expected: u64,
    ready: VecDeque<Event>,
}

impl LogEvents {
    fn new(api: Arc<Api>, id: RunId, log: Option<RunLog>, requested: Option<u64>) -> Self {
        let start = log.as_ref().and_then(|log| log.start);
        let pieces = log.map_or_else(|| stream::empty().boxed(), |log| log.pieces);
        Self {
            api,
            id,
            pieces: Some(pieces),
            lines: WholeLines::default(),
            expected: requested.or(start).unwrap_or_default(),
            ready: VecDeque::new(),
        }
    }

    async fn next(mut self) -> Option<(Event, Self)> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some((event, self));
            }
            match self.pieces.as_mut()?.next().await {
                Some(Ok(piece)) => self.add(piece),
                // The stream ends without `done`, so the client resumes.
                Some(Err(error)) => {
                    tracing::debug!(%error, run.id = %self.id, "the log could not be read to its end");
                    return None;
                }
                None => self.end().await,
            }
        }
    }

    fn add(&mut self, piece: LogPiece) {
        let missing = piece.offset.saturating_sub(self.expected);
        if missing > 0 {
            self.flush();
            let data = json!({ "offset": self.expected, "bytes": missing });
            let event = Event::default().event("dropped").id(piece.offset.to_string());
            self.ready.push_back(event.data(data.to_string()));
        }
        self.expected = piece.end();
        let complete = self.lines.add(piece);
        // Separators are for the plain text.
        let complete = complete.iter().filter(|piece| piece.source.is_some());
        self.ready.extend(complete.map(log_event));
    }

    /// Adds the line that has no end yet.
    fn flush(&mut self) {
        let rest = self.lines.finish().filter(|piece| piece.source.is_some());
        self.ready.extend(rest.map(|piece| log_event(&piece)));
    }

    /// Adds the last line, and `done` if the run has ended. If it has not, another replica continues the log.
    async fn end(&mut self) {
        self.pieces = None;
        self.flush();
        if let Ok(run) = self.api.runs.find(&self.id).await
            && run.state.is_final()
        {
            let data = json!({ "offset": self.expected, "state": run.state.as_str() });
            let event = Event::default().event("done").id(self.expected.to_string());
            self.ready.push_back(event.data(data.to_string()));
        }
    }
}

fn log_event(piece: &LogPiece) -> Event {
    let source = piece.source.as_deref();
    let data = json!({
        "offset": piece.offset,
        "pod": source.and_then(|source| source.pod.as_deref()),
        "container": source.and_then(|source| source.container.as_deref()),
        "attempt": source.and_then(|source| source.attempt),
        "text": String::from_utf8_lossy(&piece.text),
    });
    Event::default().event("log").id(piece.end().to_string()).data(data.to_string())
}

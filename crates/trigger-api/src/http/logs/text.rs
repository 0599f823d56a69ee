//! The log as plain text.

use std::io;
use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use common::service::RequestSlot;
use futures_util::{Stream, StreamExt, future, stream};
use trigger_core::run::{Run, RunId};
use trigger_core::runs::RunLog;

use super::text_headers;
use crate::http::Api;
use crate::http::api_error::ApiError;

pub(super) fn respond(
    api: Arc<Api>,
    slot: &RequestSlot,
    run: Run,
    log: RunLog,
    follow: bool,
) -> Result<Response, ApiError> {
    let mut headers = text_headers(&log);
    if log.start.is_some() && !follow {
        headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    }
    let streams = api.streams.clone();
    let end = (follow && !run.state.is_final()).then_some((api, run.id));
    let end = stream::iter(end).then(|(api, id)| check_end(api, id)).filter_map(future::ready);
    let body = streams.open_body(slot, text(log).chain(end))?;
    Ok((headers, Body::from_stream(body)).into_response())
}

/// The text of the pieces. A plain text has no field for what was dropped, so a line names the number of bytes.
fn text(log: RunLog) -> impl Stream<Item = io::Result<Bytes>> + Send {
    let mut expected = log.start;
    log.pieces.flat_map(move |piece| {
        let piece = match piece {
            Ok(piece) => piece,
            Err(error) => return stream::iter(vec![Err(io::Error::other(error))]),
        };
        let dropped =
            expected.and_then(|expected| piece.offset.checked_sub(expected)).filter(|bytes| *bytes > 0);
        expected = expected.map(|_| piece.end());
        let line = dropped.map(|bytes| {
            Bytes::from(format!("\n[{bytes} bytes were dropped: the log is faster than its reader]\n"))
        });
        stream::iter(line.into_iter().chain([piece.text]).map(Ok).collect::<Vec<_>>())
    })
}

/// An error if the log has ended although the run has not: another replica continues it.
async fn check_end(api: Arc<Api>, id: RunId) -> Option<io::Result<Bytes>> {
    let has_ended = api.runs.find(&id).await.is_ok_and(|run| run.state.is_final());
    (!has_ended).then(|| Err(io::Error::other("the run continues in another replica")))
}

#[cfg(test)]
mod tests {
    use trigger_core::log_text::LogPiece;

    use super::*;

    #[tokio::test]
    async fn a_line_names_how_many_bytes_were_dropped() {
        let piece = |offset, text: &'static str| {
            Ok(LogPiece { offset, source: None, source_offset: 0, text: Bytes::from_static(text.as_bytes()) })
        };
        let pieces = stream::iter([piece(5, "one\n"), piece(9, "two\n"), piece(1_000, "three\n")]).boxed();
        let log = RunLog { start: Some(5), cut: false, pieces };
        let text: Vec<Bytes> = text(log).map(Result::unwrap).collect().await;
        let dropped = "\n[987 bytes were dropped: the log is faster than its reader]\n";
        assert_eq!(text.concat(), format!("one\ntwo\n{dropped}three\n").as_bytes());
    }
}

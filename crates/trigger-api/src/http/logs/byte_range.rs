//! A range of a log (RFC 9110, section 14).

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::{Buf, BytesMut};
use futures_util::StreamExt;
use trigger_core::run::Run;
use trigger_core::runs::RunLog;

use super::{LOG_OFFSET, no_log, text_headers};
use crate::http::api_error::ApiError;
use crate::http::problem_kinds::{CLUSTER_FAILED, RANGE_NOT_SATISFIABLE};

/// The maximum size of the range of a response. `Content-Range` then names the part that it has.
const MAX_BYTES: usize = 256 * 1024;

/// One range of bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum ByteRange {
    /// From the first position to the last one, or to the end.
    From(u64, Option<u64>),
    /// The last bytes.
    Last(u64),
}

/// The bytes of a range.
#[derive(Debug, Eq, PartialEq)]
struct RangeText {
    start: u64,
    text: BytesMut,
    /// The offset after the last byte of the log; None if it was not read to its end.
    log_end: Option<u64>,
}

impl ByteRange {
    /// The range of the `Range` header. Everything else than one valid range of bytes is ignored; so is a conditional range,
    /// because a log has no validator.
    pub(super) fn requested(headers: &HeaderMap) -> Option<Self> {
        if headers.contains_key(header::IF_RANGE) {
            return None;
        }
        let (unit, range) = headers.get(header::RANGE)?.to_str().ok()?.split_once('=')?;
        let (first, last) =
            range.trim().split_once('-').filter(|_| unit.trim().eq_ignore_ascii_case("bytes"))?;
        let number = |text: &str| {
            let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            is_number.then(|| text.parse().unwrap_or(u64::MAX))
        };
        match (first, last) {
            ("", last) => number(last).map(Self::Last),
            (first, "") => number(first).map(|first| Self::From(first, None)),
            (first, last) => {
                let (first, last) = (number(first)?, number(last)?);
                (first <= last).then_some(Self::From(first, Some(last)))
            }
        }
    }
}

pub(super) async fn respond(range: ByteRange, run: &Run, log: RunLog) -> Result<Response, ApiError> {
    let mut headers = text_headers(&log);
    let RangeText { start, text, log_end } = read(range, log).await?;
    // The log of a run in progress has no complete length yet.
    let length = log_end.filter(|_| run.state.is_final());
    let length = length.map_or_else(|| "*".to_owned(), |length| length.to_string());
    if text.is_empty() {
        let end = log_end.ok_or_else(|| no_log(run))?;
        let detail = format!("The log of {} has {end} bytes, none of which is in the range.", run.job_name);
        let mut response = ApiError::new(RANGE_NOT_SATISFIABLE, detail).into_response();
        response.headers_mut().insert(header::CONTENT_RANGE, header_value(format!("bytes */{end}")));
        return Ok(response);
    }
    let last = start + text.len() as u64 - 1;
    headers.insert(header::CONTENT_RANGE, header_value(format!("bytes {start}-{last}/{length}")));
    headers.insert(LOG_OFFSET, HeaderValue::from(start));
    Ok((StatusCode::PARTIAL_CONTENT, headers, text.freeze()).into_response())
}

fn header_value(text: String) -> HeaderValue {
    HeaderValue::try_from(text).expect("it is ASCII")
}

/// Reads the log until it has the range.
async fn read(range: ByteRange, mut log: RunLog) -> Result<RangeText, ApiError> {
    let (first, last) = match range {
        ByteRange::From(first, last) => (first, last.unwrap_or(u64::MAX)),
        ByteRange::Last(_) => (0, u64::MAX),
    };
    let kept = match range {
        ByteRange::From(..) => MAX_BYTES,
        ByteRange::Last(count) => usize::try_from(count).unwrap_or(usize::MAX).min(MAX_BYTES),
    };
    let (mut text, mut end, mut log_end) = (BytesMut::new(), first, log.start.unwrap_or_default());
    while let Some(piece) = log.pieces.next().await {
        let piece = piece.map_err(|error| {
            tracing::warn!(%error, "cannot read a range of a log");
            ApiError::new(CLUSTER_FAILED, "The log could not be read to the range. Retry.")
        })?;
        log_end = piece.end();
        let Some(piece) = piece.from_offset(first) else { continue };
        let count =
            usize::try_from(last.saturating_add(1).saturating_sub(piece.offset)).unwrap_or(usize::MAX);
        text.extend_from_slice(&piece.text[..piece.text.len().min(count)]);
        end = log_end.min(last.saturating_add(1));
        match range {
            ByteRange::From(first, _) if text.len() > kept || (log_end > last && !text.is_empty()) => {
                let start = first.max(end - text.len() as u64);
                text.truncate(kept);
                return Ok(RangeText { start, text, log_end: None });
            }
            ByteRange::From(..) => {}
            ByteRange::Last(_) => text.advance(text.len().saturating_sub(kept)),
        }
    }
    Ok(RangeText { start: end - text.len() as u64, text, log_end: Some(log_end) })
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use futures_util::stream;
    use trigger_core::log_text::LogPiece;

    use super::*;

    #[test]
    fn only_one_range_of_bytes_is_used() {
        for (header, expected) in [
            ("bytes=0-9", Some(ByteRange::From(0, Some(9)))),
            ("Bytes= 5-", Some(ByteRange::From(5, None))),
            ("bytes=-500", Some(ByteRange::Last(500))),
            ("bytes=99999999999999999999-", Some(ByteRange::From(u64::MAX, None))),
            ("bytes=9-0", None),
            ("bytes=0-1,5-6", None),
            ("bytes=-", None),
            ("bytes=+1-2", None),
            ("lines=0-9", None),
            ("bytes", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::RANGE, HeaderValue::from_static(header));
            assert_eq!(ByteRange::requested(&headers), expected, "{header}");
            headers.insert(header::IF_RANGE, HeaderValue::from_static("\"tag\""));
            assert_eq!(ByteRange::requested(&headers), None, "the condition of {header} does not hold");
        }
    }

    /// A log of ten digits in two pieces, whose first three are not available.
    fn log() -> RunLog {
        let piece = |offset, text: &'static [u8]| {
            Ok(LogPiece { offset, source: None, source_offset: 0, text: Bytes::from_static(text) })
        };
        RunLog {
            start: Some(3),
            cut: true,
            pieces: stream::iter([piece(3, b"345"), piece(6, b"6789")]).boxed(),
        }
    }

    #[tokio::test]
    async fn a_range_has_the_bytes_that_exist() {
        for (range, start, text, log_end) in [
            (ByteRange::From(4, Some(6)), 4, "456", None),
            (ByteRange::From(4, Some(5)), 4, "45", None),
            (ByteRange::From(8, None), 8, "89", Some(10)),
            (ByteRange::From(8, Some(9)), 8, "89", None),
            (ByteRange::From(8, Some(99)), 8, "89", Some(10)),
            (ByteRange::From(0, Some(4)), 3, "34", None),
            (ByteRange::From(0, None), 3, "3456789", Some(10)),
            (ByteRange::Last(2), 8, "89", Some(10)),
            (ByteRange::Last(5), 5, "56789", Some(10)),
            (ByteRange::Last(50), 3, "3456789", Some(10)),
        ] {
            let found = read(range, log()).await.unwrap();
            let expected = RangeText { start, text: BytesMut::from(text), log_end };
            assert_eq!(found, expected, "{range:?}");
        }
        for range in [ByteRange::From(10, None), ByteRange::From(0, Some(2)), ByteRange::Last(0)] {
            assert!(read(range, log()).await.unwrap().text.is_empty(), "{range:?}");
        }
    }
}

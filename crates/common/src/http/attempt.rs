//! One attempt at a request: its errors, and the wait before the next attempt.

use std::time::{Duration, SystemTime};

use bytes::{Bytes, BytesMut};
use reqwest::Response;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use tokio::time::Instant;

use crate::text::single_line;

/// The maximum length of the text of an error in bytes.
const MAX_CAUSE_BYTES: usize = 512;

/// An attempt without a final answer.
pub(super) enum RequestError {
    Transient { reason: String, retry_after: Option<Duration>, may_have_arrived: bool },
    Untrusted { reason: String },
    TooLong,
}

/// The wait before the next attempt; None when it would exceed the budget.
pub(super) fn fitting_wait(error: &RequestError, wait: Duration, deadline: Instant) -> Option<Duration> {
    let wanted = match error {
        RequestError::Transient { retry_after: Some(retry_after), .. } => wait.max(*retry_after),
        _ => wait,
    };
    // `Retry-After` may be too large for an `Instant`.
    let next = Instant::now().checked_add(wanted)?;
    (next < deadline).then_some(wanted)
}

pub(super) async fn read_body(
    response: &mut Response,
    max_bytes: usize,
) -> Result<Option<Bytes>, reqwest::Error> {
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > max_bytes {
            return Ok(None);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Some(body.freeze()))
}

/// `Retry-After` as seconds or as an HTTP date (RFC 9110, section 10.2.3).
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(SystemTime::now()).unwrap_or_default())
}

/// The root cause without the URL, which may contain a secret.
pub(super) fn cause(error: reqwest::Error) -> String {
    let timed_out = error.is_timeout();
    let error = error.without_url();
    let mut source: &dyn std::error::Error = &error;
    while let Some(next) = source.source() {
        source = next;
    }
    if timed_out { "timed out".to_owned() } else { single_line(&source.to_string(), MAX_CAUSE_BYTES) }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::{Duration, HeaderMap, Instant, RETRY_AFTER, RequestError, fitting_wait, retry_after};

    fn header(value: &str) -> Option<Duration> {
        let value = value.parse().expect("a header value");
        retry_after(&HeaderMap::from_iter([(RETRY_AFTER, value)]))
    }

    #[test]
    fn retry_after_is_a_number_of_seconds_or_a_date() {
        assert_eq!(header(" 120 "), Some(Duration::from_mins(2)));
        let date = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(1000));
        assert!(header(&date).is_some_and(|wait| (990..=1000).contains(&wait.as_secs())), "{date}");
        assert_eq!(header("Thu, 01 Jan 1970 00:00:00 GMT"), Some(Duration::ZERO));
        for other in ["", "soon", "-1", "1.5"] {
            assert_eq!(header(other), None, "{other}");
        }
    }

    #[test]
    fn a_wait_that_exceeds_the_budget_ends_the_attempts() {
        let second = Duration::from_secs(1);
        let fits = |retry_after: Option<Duration>| {
            let error =
                RequestError::Transient { reason: String::new(), retry_after, may_have_arrived: true };
            fitting_wait(&error, second, Instant::now() + 10 * second)
        };
        assert_eq!(fits(None), Some(second));
        assert_eq!(fits(Some(Duration::ZERO)), Some(second));
        assert_eq!(fits(Some(5 * second)), Some(5 * second));
        assert_eq!(fits(Some(20 * second)), None);
        assert_eq!(fits(Some(Duration::MAX)), None);
    }
}

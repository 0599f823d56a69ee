//! The request and response headers of starts.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use common::service::ServiceError;
use trigger_core::request::IdempotencyKey;
use trigger_core::run::Run;

use crate::config::MAX_WAIT_SECONDS;

/// `Retry-After` of a run that has not ended, in seconds.
const POLL_INTERVAL_SECONDS: u16 = 2;
const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// The `Idempotency-Key` header.
pub(super) fn idempotency_key(headers: &HeaderMap) -> Result<Option<IdempotencyKey>, ServiceError> {
    let mut values = headers.get_all("idempotency-key").iter();
    let Some(value) = values.next() else { return Ok(None) };
    let invalid = |problem: &str| ServiceError::bad_request(format!("The Idempotency-Key {problem}."));
    if values.next().is_some() {
        return Err(invalid("occurs twice"));
    }
    let text = value.to_str().map_err(|_| invalid("has characters other than visible ASCII"))?;
    IdempotencyKey::parse(text).map(Some).map_err(invalid)
}

/// The seconds of `Prefer: wait=N` (RFC 7240), at most [`MAX_WAIT_SECONDS`]. A malformed preference is ignored.
pub(super) fn preferred_wait(headers: &HeaderMap) -> Option<u64> {
    let values = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
    let mut preferences = values.flat_map(|value| value.split([',', ';'])).map(str::trim);
    let wait = preferences.find_map(|preference| {
        let (name, value) = preference.split_once('=')?;
        name.trim().eq_ignore_ascii_case("wait").then(|| value.trim().trim_matches('"').parse().ok())?
    });
    wait.map(|seconds: u64| seconds.min(MAX_WAIT_SECONDS))
}

/// Whether the request has a `Prefer` header, even if it does not say how long to wait.
pub(super) fn has_preference(headers: &HeaderMap) -> bool {
    headers.contains_key("prefer")
}

/// The headers of a response about a started run, which is described at `location`.
pub(super) fn response_headers(run: &Run, location: &str, waited: Option<u64>) -> HeaderMap {
    let mut headers = poll_again(run);
    if let Ok(location) = HeaderValue::try_from(location) {
        headers.insert(header::LOCATION, location);
    }
    if let Some(Ok(applied)) = waited.map(|seconds| HeaderValue::try_from(format!("wait={seconds}"))) {
        headers.insert(PREFERENCE_APPLIED, applied);
    }
    headers
}

/// `Retry-After`, unless the run has ended.
pub(super) fn poll_again(run: &Run) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if !run.state.is_final() {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(POLL_INTERVAL_SECONDS));
    }
    headers
}

//! The requests for the state of a run.

use alloc::string::ToString;
use core::time::Duration;

use super::step::TransferResult;
use crate::{
    header::{Header, HeaderRule, Headers},
    http_date,
    request::Request,
    secret::is_secret_header,
    url::Url,
};

/// A GET with the headers of the call, without those that describe the call's body. Credentials are sent only to
/// the call's own origin.
pub(super) fn request(call: &Request, url: &Url) -> Request {
    let same_origin = url.same_origin(&call.url);
    let is_dropped = |name: &str| {
        let about_call = ["content-type", "idempotency-key", "accept", "host", "prefer"];
        about_call.iter().any(|known| name.eq_ignore_ascii_case(known))
            || (!same_origin && is_secret_header(name))
    };
    let mut headers: Headers = call.headers.without(is_dropped);
    if let Ok(accept) = Header::new("Accept", "application/json") {
        headers.push(HeaderRule::Set(accept));
    }
    Request { method: "GET".to_string(), url: url.clone(), headers, body: None, head_only: false }
}

/// The pause of a response's `Retry-After`, which is a number of seconds or a date. `clock` is in seconds since 1970.
pub(super) fn retry_after(transfer: &TransferResult, clock: u64) -> Option<Duration> {
    let value = transfer.head.as_ref()?.header("retry-after")?.trim_ascii();
    let seconds =
        value.parse().ok().or_else(|| http_date::parse(value).map(|date| date.saturating_sub(clock)));
    seconds.map(Duration::from_secs)
}

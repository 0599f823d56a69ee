//! Request ids, which responses and the log contain.
//!
//! tower-http's request-id layers accept any id of a caller. Here an id that is too long or has characters other than
//! visible ASCII is replaced, because it goes into log lines and Job annotations.

use axum::http::{HeaderMap, HeaderName};

/// The header that carries the id in both directions.
pub(super) const REQUEST_ID_HEADER: HeaderName = HeaderName::from_static("x-request-id");
const MAX_LENGTH: usize = 128;

tokio::task_local! {
    /// The id of the request that the current task handles. It lets errors contain the id without passing it along.
    pub(super) static CURRENT_REQUEST_ID: RequestId;
}

/// The id of a request: the caller's, or a random one. Handlers get it as an extension of the request.
#[derive(Clone, Debug)]
pub struct RequestId(pub String);

impl RequestId {
    pub(super) fn from_headers(headers: &HeaderMap) -> Self {
        let given = headers.get(REQUEST_ID_HEADER).and_then(|value| value.to_str().ok());
        let is_usable = |id: &&str| {
            (1..=MAX_LENGTH).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic())
        };
        Self(given.filter(is_usable).map_or_else(|| format!("{:032x}", fastrand::u128(..)), str::to_owned))
    }

    /// The id of the request that the current task handles; None outside of a request.
    pub fn current() -> Option<Self> {
        CURRENT_REQUEST_ID.try_with(Clone::clone).ok()
    }
}

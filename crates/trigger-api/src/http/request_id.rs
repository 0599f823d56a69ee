//! The id that a request has in answers and in the log.

use axum::http::{HeaderMap, HeaderName};

/// The header that carries it, both ways.
pub(super) const HEADER: HeaderName = HeaderName::from_static("x-request-id");
const LONGEST: usize = 128;

tokio::task_local! {
    pub(super) static CURRENT: RequestId;
}

/// The id of a request: the caller's own, or one made here.
#[derive(Clone, Debug)]
pub(super) struct RequestId(pub(super) String);

impl RequestId {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let given = headers.get(HEADER).and_then(|value| value.to_str().ok());
        let usable =
            |id: &&str| (1..=LONGEST).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic());
        Self(given.filter(usable).map_or_else(|| format!("{:032x}", fastrand::u128(..)), str::to_owned))
    }

    /// The id of the request that is being answered.
    pub(super) fn current() -> Option<Self> {
        CURRENT.try_with(Clone::clone).ok()
    }
}

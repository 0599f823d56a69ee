//! Who sent a request that starts a run.

use axum::Extension;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use common::auth::Caller;
use common::service::{RequestId, RequestSlot};

/// The sender of a request.
pub(super) struct Sender {
    pub(super) caller: Caller,
    pub(super) request_id: RequestId,
    /// Released while the request waits for the end of its run.
    pub(super) slot: RequestSlot,
}

impl<S: Send + Sync> FromRequestParts<S> for Sender {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        let caller = Extension::from_request_parts(parts, state).await.map_err(IntoResponse::into_response);
        let request_id =
            Extension::from_request_parts(parts, state).await.map_err(IntoResponse::into_response);
        let slot = RequestSlot::from_request_parts(parts, state).await.map_err(IntoResponse::into_response);
        Ok(Self { caller: caller?.0, request_id: request_id?.0, slot: slot? })
    }
}

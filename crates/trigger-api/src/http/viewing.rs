//! The right to view, which every route requires.

use axum::Extension;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use common::auth::Caller;
use trigger_core::access::{Action, authorize};
use trigger_core::target_name::TargetKind;

use super::api_error::ApiError;
use super::status::access_of;

/// Rejects callers that may not view targets. Every route shows something of them, if only in its errors.
pub(super) async fn require_view(
    Extension(caller): Extension<Caller>,
    request: Request,
    next: Next,
) -> Response {
    let caller = access_of(&caller);
    let denied = TargetKind::ALL.into_iter().find_map(|kind| authorize(&caller, Action::View, kind).err());
    match denied {
        Some(denied) => ApiError::from(denied).into_response(),
        None => next.run(request).await,
    }
}

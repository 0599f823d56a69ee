//! The right to write: readers have none.

use axum::Extension;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use common::auth::{Caller, Role};
use common::service::{ProblemKind, ServiceError};

/// Rejects requests of readers that may change something. Every other caller may write, also where access is open.
pub(super) async fn deny_readers(
    Extension(caller): Extension<Caller>,
    request: Request,
    next: Next,
) -> Response {
    if caller.role != Role::Reader || request.method().is_safe() {
        return next.run(request).await;
    }
    let detail = "The caller is known, but may only read. Changes require an operator: X-Internal-Token, X-Admin-Secret, or a \
                  token with the operator's claim.";
    ServiceError::new(ProblemKind::NOT_ALLOWED, detail).with_refusal_reason("not_operator").into_response()
}

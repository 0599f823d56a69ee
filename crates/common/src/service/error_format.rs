//! Errors in the format of a service whose clients do not expect problem documents.

use axum::extract::{Request, State};
use axum::http::header;
use axum::middleware::Next;
use axum::response::Response;

use super::error::ErrorReport;
use super::problem::Problem;

/// Makes the response to a request that failed.
pub type ErrorFormat = fn(&Problem) -> Response;

/// Replaces the document of an error, whether the service or a layer of this module made it. The other headers are kept, such as
/// `Allow` and `Retry-After`.
pub(super) async fn format_errors(
    State(format): State<ErrorFormat>,
    request: Request,
    next: Next,
) -> Response {
    let response = next.run(request).await;
    let Some(report) = response.extensions().get::<ErrorReport>() else { return response };
    let mut formatted = format(&report.problem);
    let (mut parts, _) = response.into_parts();
    parts.headers.remove(header::CONTENT_TYPE);
    parts.headers.remove(header::CONTENT_LENGTH);
    formatted.headers_mut().extend(parts.headers);
    *formatted.extensions_mut() = parts.extensions;
    formatted
}

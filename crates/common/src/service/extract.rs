//! Extractors whose rejections are problems.

use std::time::Duration;

use axum::body::Body;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;

use super::error::ServiceError;
use super::problem::ProblemKind;

/// The maximum length of a body in bytes.
const MAX_BODY_BYTES: usize = 16 * 1024;
/// The time for a whole body to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// A part of the path.
pub struct PathSegment<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for PathSegment<T> {
    type Rejection = ServiceError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ServiceError> {
        let path = Path::from_request_parts(parts, state).await;
        let Path(value) = path.map_err(|error: PathRejection| {
            ServiceError::bad_request(format!("The path can't be read: {}", error.body_text()))
        })?;
        Ok(Self(value))
    }
}

/// The query parameters.
pub struct QueryParams<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for QueryParams<T> {
    type Rejection = ServiceError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ServiceError> {
        let query = Query::from_request_parts(parts, state).await;
        let Query(value) = query.map_err(|error: QueryRejection| {
            ServiceError::bad_request(format!("The query can't be read: {}", error.body_text()))
        })?;
        Ok(Self(value))
    }
}

/// Reads a JSON object. A body that is empty or `null` is the default.
///
/// tower-http's body limit and timeout layers respond with plain text, and the timeout would cancel handlers that wait
/// longer than a body may take.
///
/// # Errors
/// When the body is too long, arrives too slowly, is not a JSON object, or can't be deserialized as a `T`.
pub async fn read_json<T: Default + DeserializeOwned>(request: Request) -> Result<T, ServiceError> {
    let (parts, body) = request.into_parts();
    let body = read_body(body).await?;
    if body.trim_ascii().is_empty() {
        return Ok(T::default());
    }
    if !is_json(&parts.headers) {
        return Err(ServiceError::new(
            ProblemKind::NOT_JSON,
            "Send the body as JSON, with Content-Type: application/json.",
        ));
    }
    // serde would read the members of a struct from an array, by their order.
    let body = body.trim_ascii();
    if !body.starts_with(b"{") && body != b"null" {
        return Err(ServiceError::bad_request(
            "The body can't be used: it is not a JSON object, such as {}.",
        ));
    }
    let parsed: Option<T> = serde_json::from_slice(body)
        .map_err(|error| ServiceError::bad_request(format!("The body can't be used: {error}")))?;
    Ok(parsed.unwrap_or_default())
}

/// Reads a whole body.
///
/// # Errors
/// When the body is too long, incomplete, or arrives too slowly.
pub async fn read_body(body: Body) -> Result<Bytes, ServiceError> {
    let collect = Limited::new(body, MAX_BODY_BYTES).collect();
    match tokio::time::timeout(BODY_TIMEOUT, collect).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(ServiceError::new(
            ProblemKind::BODY_TOO_LARGE,
            format!("The body is longer than {MAX_BODY_BYTES} bytes."),
        )),
        Ok(Err(_)) => Err(ServiceError::bad_request("The body was incomplete.")),
        Err(_) => Err(ServiceError::new(ProblemKind::TOO_SLOW, "The body did not arrive in time.")),
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let content_type =
        headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

//! What handlers take out of requests, with errors that are ours.

use std::time::Duration;

use axum::body::Body;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use utoipa::ToSchema;

use super::api_error::ApiError;
use super::problem::Kind;
use trigger_core::request::{IdempotencyKey, MAX_REASON_LENGTH};
use trigger_core::task::Parameters;

/// The longest body, in bytes.
const MAX_BODY_BYTES: usize = 16 * 1024;
/// How long a body may take to arrive.
const BODY_DEADLINE: Duration = Duration::from_secs(10);
/// The longest that a caller may have an answer wait for, in seconds.
pub(super) const MAX_WAIT_SECONDS: u64 = 60;

/// A part of the path.
pub(super) struct Segment<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Segment<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let Path(value) = Path::from_request_parts(parts, state).await.map_err(|error: PathRejection| {
            ApiError::bad_request(format!("The path can't be read: {}", error.body_text()))
        })?;
        Ok(Self(value))
    }
}

/// The query.
pub(super) struct Params<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Params<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let Query(value) =
            Query::from_request_parts(parts, state).await.map_err(|error: QueryRejection| {
                ApiError::bad_request(format!("The query can't be read: {}", error.body_text()))
            })?;
        Ok(Self(value))
    }
}

/// What may come with a request for a Job.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SyncBody {
    /// Why the run is asked for; it goes into the history and onto the Job.
    #[schema(
        max_length = 500,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*$",
        example = "the morning's data came late"
    )]
    reason: Option<String>,
}

impl<S: Send + Sync> FromRequest<S> for SyncBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let Self { reason } = read_json(request).await?;
        Ok(Self { reason: checked_reason(reason)? })
    }
}

impl From<SyncBody> for StartBody {
    fn from(SyncBody { reason }: SyncBody) -> Self {
        Self { reason, parameters: Parameters::new() }
    }
}

/// What may come with a request for a run.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct StartBody {
    /// Why the run is asked for; it goes into the history and onto the Job.
    #[schema(
        max_length = 500,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*$",
        example = "the morning's data came late"
    )]
    pub(super) reason: Option<String>,
    /// What is asked of a task, which says what it knows; a CronJob's Job takes none.
    #[serde(default)]
    #[schema(value_type = Object, required = false, example = json!({ "date": "2026-02-10" }))]
    pub(super) parameters: Parameters,
}

impl<S: Send + Sync> FromRequest<S> for StartBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let Self { reason, parameters } = read_json(request).await?;
        Ok(Self { reason: checked_reason(reason)?, parameters })
    }
}

/// A body of JSON; one that is empty or null is the default.
pub(super) async fn read_json<T: Default + DeserializeOwned>(request: Request) -> Result<T, ApiError> {
    let (parts, body) = request.into_parts();
    let body = read(body).await?;
    if body.trim_ascii().is_empty() {
        return Ok(T::default());
    }
    if !is_json(&parts.headers) {
        return Err(ApiError::new(
            Kind::NotJson,
            "Send the body as JSON, with Content-Type: application/json.",
        ));
    }
    // JSON's null is no body, as the document has it.
    let parsed: Option<T> = serde_json::from_slice(&body)
        .map_err(|error| ApiError::bad_request(format!("The body can't be used: {error}")))?;
    Ok(parsed.unwrap_or_default())
}

/// A reason that fits into the history and onto a Job.
pub(super) fn checked_reason(reason: Option<String>) -> Result<Option<String>, ApiError> {
    let reason = reason.map(|reason| reason.trim().to_owned()).filter(|reason| !reason.is_empty());
    if reason.as_ref().is_some_and(|reason| reason.chars().count() > MAX_REASON_LENGTH) {
        return Err(ApiError::bad_request(format!(
            "The reason is longer than {MAX_REASON_LENGTH} characters."
        )));
    }
    if reason.as_ref().is_some_and(|reason| reason.chars().any(char::is_control)) {
        return Err(ApiError::bad_request("The reason has control characters; write it on one line."));
    }
    Ok(reason)
}

async fn read(body: Body) -> Result<Bytes, ApiError> {
    let all = Limited::new(body, MAX_BODY_BYTES).collect();
    match tokio::time::timeout(BODY_DEADLINE, all).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            Err(ApiError::new(Kind::BodyTooLarge, format!("The body is longer than {MAX_BODY_BYTES} bytes.")))
        }
        Ok(Err(_)) => Err(ApiError::bad_request("The body did not arrive whole.")),
        Err(_) => Err(ApiError::new(Kind::TooSlow, "The body did not arrive in time.")),
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let content_type =
        headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

/// The `Idempotency-Key` header.
pub(super) fn idempotency_key(headers: &HeaderMap) -> Result<Option<IdempotencyKey>, ApiError> {
    let mut values = headers.get_all("idempotency-key").iter();
    let Some(value) = values.next() else { return Ok(None) };
    let refused = |problem: &str| ApiError::bad_request(format!("The Idempotency-Key {problem}."));
    if values.next().is_some() {
        return Err(refused("stands there twice"));
    }
    let text = value.to_str().map_err(|_| refused("has characters other than visible ASCII"))?;
    IdempotencyKey::parse(text).map(Some).map_err(refused)
}

/// The seconds of `Prefer: wait=N` (RFC 7240), at most [`MAX_WAIT_SECONDS`]. What can't be read is no preference.
pub(super) fn preferred_wait(headers: &HeaderMap) -> Option<u64> {
    let values = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
    let mut preferences = values.flat_map(|value| value.split([',', ';'])).map(str::trim);
    let wait = preferences.find_map(|preference| {
        let (name, value) = preference.split_once('=')?;
        name.trim().eq_ignore_ascii_case("wait").then(|| value.trim().trim_matches('"').parse().ok())?
    });
    wait.map(|seconds: u64| seconds.min(MAX_WAIT_SECONDS))
}

//! The bodies of requests that start runs.

use axum::extract::{FromRequest, Request};
use common::service::{ServiceError, read_json};
use serde::Deserialize;
use trigger_core::request::MAX_REASON_LENGTH;
use trigger_core::task::Parameters;
use utoipa::ToSchema;

use super::api_error::ApiError;

/// The body of a request that starts a Job.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SyncBody {
    /// Why the run is started; stored in the history and on the Job.
    #[schema(
        max_length = 500,
        pattern = r"^[^\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]*$",
        example = "the morning data was late"
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

/// The body of a request that starts a run.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct StartBody {
    /// Why the run is started; stored in the history and on the Job.
    #[schema(
        max_length = 500,
        pattern = r"^[^\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]*$",
        example = "the morning data was late"
    )]
    pub(super) reason: Option<String>,
    /// The parameters of a task, which defines them; a CronJob has none.
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

/// A reason that fits into the history and into an annotation of a Job.
pub(super) fn checked_reason(reason: Option<String>) -> Result<Option<String>, ServiceError> {
    let reason = reason.map(|reason| reason.trim().to_owned()).filter(|reason| !reason.is_empty());
    if reason.as_ref().is_some_and(|reason| reason.chars().count() > MAX_REASON_LENGTH) {
        return Err(ServiceError::bad_request(format!(
            "The reason is longer than {MAX_REASON_LENGTH} characters."
        )));
    }
    if reason.as_ref().is_some_and(|reason| reason.chars().any(is_control)) {
        let problem = "The reason has control characters, or such that change the direction of text; write it on one line.";
        return Err(ServiceError::bad_request(problem));
    }
    Ok(reason)
}

/// Whether a character could make a list of runs or a log show another text than the caller's: control characters, separators of
/// lines, and those that change the direction of text.
fn is_control(character: char) -> bool {
    character.is_control() || matches!(character, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

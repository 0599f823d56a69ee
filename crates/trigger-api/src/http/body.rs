//! The bodies of requests that start runs.

use std::fmt;

use axum::extract::{FromRequest, Request};
use common::service::{ServiceError, read_json};
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use trigger_core::parameters::Parameters;
use trigger_core::request::MAX_REASON_LENGTH;
use trigger_core::run::Run;
use utoipa::ToSchema;

use super::api_error::ApiError;

/// The body of a request that starts a run.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct StartBody {
    /// Why the run is started; stored in the history and on the Job.
    #[schema(
        max_length = 500,
        pattern = r"^[^\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]*$",
        example = "the morning data was late"
    )]
    pub(super) reason: Option<String>,
    /// The values of the target's parameters. The document of the target has their JSON Schema.
    #[serde(default)]
    #[schema(value_type = Object, required = false, example = json!({ "SYNC_DATE": "2026-02-10" }))]
    pub(super) parameters: UniqueMembers,
}

impl<S: Send + Sync> FromRequest<S> for StartBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let Self { reason, parameters } = read_json(request).await?;
        Ok(Self { reason: checked_reason(reason)?, parameters })
    }
}

/// The members of a JSON object, each of which occurs once.
#[derive(Debug, Default)]
pub(super) struct UniqueMembers(pub(super) Parameters);

impl<'de> Deserialize<'de> for UniqueMembers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MembersVisitor;

        impl<'de> Visitor<'de> for MembersVisitor {
            type Value = UniqueMembers;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
                let mut members = Parameters::new();
                while let Some((name, value)) = map.next_entry::<String, Value>()? {
                    if members.contains_key(&name) {
                        return Err(M::Error::custom(format!("duplicate field `{name}`")));
                    }
                    members.insert(name, value);
                }
                Ok(UniqueMembers(members))
            }
        }

        deserializer.deserialize_map(MembersVisitor)
    }
}

/// The body of a request that starts a run again.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RetryBody {
    /// Why the run is started again; stored in the history and on the Job.
    #[schema(
        max_length = 500,
        pattern = r"^[^\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]*$",
        example = "the receiver is available again"
    )]
    reason: Option<String>,
    /// All parameters of the new run, in place of those of the earlier one.
    #[schema(value_type = Option<Object>, example = json!({ "date": "2026-02-10" }))]
    parameters: Option<UniqueMembers>,
}

impl<S: Send + Sync> FromRequest<S> for RetryBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let Self { reason, parameters } = read_json(request).await?;
        Ok(Self { reason: checked_reason(reason)?, parameters })
    }
}

impl RetryBody {
    /// The body of the start that repeats that run.
    pub(super) fn into_start(self, earlier: &Run) -> StartBody {
        let parameters = self.parameters.unwrap_or_else(|| UniqueMembers(earlier.parameters.clone()));
        StartBody { reason: self.reason, parameters }
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
    character.is_control()
        || matches!(
            character,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        )
}

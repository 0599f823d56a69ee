//! Errors of requests and their responses.

use std::time::Duration;

use axum::Json;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Map, Value};

use super::problem::{Problem, ProblemKind};
use super::request_id::RequestId;
use crate::auth::{AuthError, OnBehalfOfError};

/// How long a caller should wait before it repeats a request that failed because another server can't be reached.
const RETRY_AFTER_OUTAGE: Duration = Duration::from_secs(5);

/// An error of a request. It becomes a [`Problem`]; the internal cause goes to the log only.
#[derive(Debug)]
pub struct ServiceError(Box<ErrorParts>);

#[derive(Debug)]
struct ErrorParts {
    kind: ProblemKind,
    detail: String,
    extensions: Map<String, Value>,
    retry_after: Option<Duration>,
    internal_cause: Option<String>,
    refusal_reason: Option<&'static str>,
}

/// What the request log, the metrics and the error format of a service need of an error. It is an extension of the response.
#[derive(Clone, Debug)]
pub(super) struct ErrorReport {
    pub(super) slug: &'static str,
    pub(super) problem: Problem,
    pub(super) internal_cause: Option<String>,
    pub(super) refusal_reason: Option<&'static str>,
}

impl ServiceError {
    /// An error. The detail is what happened, to which thing, and what to do.
    pub fn new(kind: ProblemKind, detail: impl Into<String>) -> Self {
        Self(Box::new(ErrorParts {
            kind,
            detail: detail.into(),
            extensions: Map::new(),
            retry_after: None,
            internal_cause: None,
            refusal_reason: None,
        }))
    }

    /// A request that can't be parsed.
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(ProblemKind::BAD_REQUEST, detail)
    }

    /// A fault of the service, whose cause goes to the log only.
    pub fn internal(cause: impl Into<String>) -> Self {
        Self::new(
            ProblemKind::INTERNAL,
            "This is a fault of the service; its log contains the cause under the request's id.",
        )
        .with_internal_cause(cause)
    }

    /// The error with a `Retry-After` header, of at least a second.
    #[must_use]
    pub fn with_retry_after(mut self, wait: Duration) -> Self {
        self.0.retry_after = Some(wait);
        self
    }

    /// The error with a cause for the log. The response never contains it.
    #[must_use]
    pub fn with_internal_cause(mut self, cause: impl Into<String>) -> Self {
        self.0.internal_cause = Some(cause.into());
        self
    }

    /// The error with a further member of its document.
    ///
    /// # Panics
    /// When the value can't be serialized as JSON, which is an error of the program.
    #[must_use]
    pub fn with_extension(mut self, name: &str, value: impl Serialize) -> Self {
        let value = serde_json::to_value(value).expect("the value is serializable");
        self.0.extensions.insert(name.to_owned(), value);
        self
    }

    /// The error, counted by `credentials_refused` under this reason. A service needs it for rules of its own about roles.
    #[must_use]
    pub fn with_refusal_reason(mut self, reason: &'static str) -> Self {
        self.0.refusal_reason = Some(reason);
        self
    }

    /// Whether the error is of this kind.
    pub(super) fn is(&self, kind: ProblemKind) -> bool {
        self.0.kind.slug == kind.slug
    }

    /// The error as a part of another document.
    pub fn problem(&self) -> Problem {
        let ErrorParts { kind, detail, extensions, .. } = &*self.0;
        Problem::new(*kind, detail.clone(), extensions.clone())
    }
}

impl IntoResponse for ServiceError {
    fn into_response(self) -> Response {
        let ErrorParts { kind, detail, extensions, retry_after, internal_cause, refusal_reason } = *self.0;
        let request_id = RequestId::current().map(|RequestId(id)| id);
        let problem = Problem { request_id, ..Problem::new(kind, detail, extensions) };
        let mut response = (kind.status, Json(&problem)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(wait) = retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs().max(1)));
        }
        response.extensions_mut().insert(ErrorReport {
            slug: kind.slug,
            problem,
            internal_cause,
            refusal_reason,
        });
        response
    }
}

impl From<AuthError> for ServiceError {
    fn from(auth_error: AuthError) -> Self {
        let error = match auth_error {
            AuthError::Unavailable(_) => {
                Self::new(ProblemKind::AUTH_UNAVAILABLE, "The credential can't be checked now. Retry.")
                    .with_retry_after(RETRY_AFTER_OUTAGE)
            }
            AuthError::Throttled => {
                let detail = "Too many credentials have to be checked. Wait, and retry.";
                Self::new(ProblemKind::TOO_MANY_REQUESTS, detail).with_retry_after(Duration::from_secs(1))
            }
            AuthError::NotAllowed => {
                Self::new(ProblemKind::NOT_ALLOWED, "The caller is known, but has no access.")
            }
            AuthError::Malformed(_)
            | AuthError::WrongToken
            | AuthError::Algorithm
            | AuthError::WrongKey
            | AuthError::BadSignature
            | AuthError::NoExpiry
            | AuthError::Expired
            | AuthError::NotYetValid
            | AuthError::WrongAudience
            | AuthError::WrongIssuer
            | AuthError::Rejected => {
                Self::new(ProblemKind::WRONG_CREDENTIAL, "The credential of the request is not valid.")
            }
        };
        error.with_internal_cause(auth_error.to_string()).with_refusal_reason(auth_error.reason())
    }
}

impl From<OnBehalfOfError> for ServiceError {
    fn from(error: OnBehalfOfError) -> Self {
        match error {
            OnBehalfOfError::NotTrusted(name) => Self::new(
                ProblemKind::NOT_ALLOWED,
                format!("The caller {name} may not send X-On-Behalf-Of. Omit it, or add the caller to TRUSTED_CALLERS."),
            )
            .with_refusal_reason("not_trusted"),
            OnBehalfOfError::Malformed(problem) => {
                Self::bad_request(format!("The header X-On-Behalf-Of {problem}."))
            }
        }
    }
}

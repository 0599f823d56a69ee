//! Error documents (RFC 9457): `application/problem+json` with stable types.

use axum::http::StatusCode;
use serde::Serialize;
use serde_json::{Map, Value};

/// The prefix of every type; `docs/API.md` describes each.
const TYPE_PREFIX: &str = "https://tradeops.dev/problems/";

/// A kind of problem. A service declares its own kinds as constants and shares the ones here.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ProblemKind {
    /// The last part of the type's URI. It never changes.
    pub slug: &'static str,
    /// The HTTP status of a response with this problem.
    pub status: StatusCode,
    /// The kind in a few words.
    pub title: &'static str,
}

impl ProblemKind {
    /// The request can't be parsed.
    pub const BAD_REQUEST: Self =
        Self::new("bad-request", StatusCode::BAD_REQUEST, "The request can't be read");
    /// The request has no credential, and needs one.
    pub const MISSING_CREDENTIAL: Self =
        Self::new("missing-credential", StatusCode::UNAUTHORIZED, "A credential is needed");
    /// A credential of the request is not valid.
    pub const WRONG_CREDENTIAL: Self =
        Self::new("wrong-credential", StatusCode::UNAUTHORIZED, "The credential is not valid");
    /// The caller is authenticated and lacks the permission.
    pub const NOT_ALLOWED: Self =
        Self::new("not-allowed", StatusCode::FORBIDDEN, "The caller may not do this");
    /// A page of another site has sent a request that may change something.
    pub const CROSS_SITE: Self =
        Self::new("cross-site", StatusCode::FORBIDDEN, "A page of another site has sent the request");
    /// The request is for a host that is not allowed.
    pub const UNKNOWN_HOST: Self =
        Self::new("unknown-host", StatusCode::FORBIDDEN, "The host is not one of this service");
    /// No route has the path.
    pub const UNKNOWN_ROUTE: Self =
        Self::new("unknown-route", StatusCode::NOT_FOUND, "There is no such route");
    /// The route has no such method.
    pub const METHOD_NOT_ALLOWED: Self = Self::new(
        "method-not-allowed",
        StatusCode::METHOD_NOT_ALLOWED,
        "The route does not take this method",
    );
    /// The route has no representation that the caller accepts.
    pub const NOT_ACCEPTABLE: Self = Self::new(
        "not-acceptable",
        StatusCode::NOT_ACCEPTABLE,
        "There is no representation of an accepted type",
    );
    /// The request did not arrive in time.
    pub const TOO_SLOW: Self =
        Self::new("too-slow", StatusCode::REQUEST_TIMEOUT, "The request took too long to arrive");
    /// The body is longer than the limit.
    pub const BODY_TOO_LARGE: Self =
        Self::new("body-too-large", StatusCode::PAYLOAD_TOO_LARGE, "The body is too large");
    /// The body has another type than JSON.
    pub const NOT_JSON: Self =
        Self::new("not-json", StatusCode::UNSUPPORTED_MEDIA_TYPE, "The body is not JSON");
    /// The caller exceeds its rate limit.
    pub const TOO_MANY_REQUESTS: Self =
        Self::new("too-many-requests", StatusCode::TOO_MANY_REQUESTS, "Too many requests");
    /// The service failed.
    pub const INTERNAL: Self = Self::new("internal", StatusCode::INTERNAL_SERVER_ERROR, "The service failed");
    /// The credential can't be checked now.
    pub const AUTH_UNAVAILABLE: Self =
        Self::new("auth-unavailable", StatusCode::SERVICE_UNAVAILABLE, "The credential can't be checked");
    /// The service has reached its limit of concurrent requests or streams.
    pub const OVERLOADED: Self =
        Self::new("overloaded", StatusCode::SERVICE_UNAVAILABLE, "The service is overloaded");

    /// A kind of problem.
    pub const fn new(slug: &'static str, status: StatusCode, title: &'static str) -> Self {
        Self { slug, status, title }
    }
}

/// The document of an error.
#[derive(Clone, Debug, Serialize)]
pub struct Problem {
    /// The URI of the kind.
    #[serde(rename = "type")]
    pub type_uri: String,
    /// The kind in a few words.
    pub title: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// What happened, to which thing, and what to do.
    pub detail: String,
    /// The members that the kind adds, such as `run`.
    #[serde(flatten)]
    pub extensions: Map<String, Value>,
    /// The request's id, which the log contains too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

impl Problem {
    /// The document of a problem that is not bound to a request.
    pub fn new(kind: ProblemKind, detail: String, extensions: Map<String, Value>) -> Self {
        Self {
            type_uri: format!("{TYPE_PREFIX}{}", kind.slug),
            title: kind.title,
            status: kind.status.as_u16(),
            detail,
            extensions,
            request_id: None,
        }
    }

    /// The last part of the type, which identifies the kind.
    pub fn slug(&self) -> &str {
        self.type_uri.strip_prefix(TYPE_PREFIX).unwrap_or(&self.type_uri)
    }
}

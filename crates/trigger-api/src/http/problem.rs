//! Errors as RFC 9457 has them: `application/problem+json` with stable types.

use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::links::Links;

/// Where the types live; the page about each is `docs/API.md`.
const TYPES: &str = "https://tradeops.dev/problems/";

/// An error, as RFC 9457 has it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct Problem {
    /// A URI that stands for the kind of problem and never changes.
    #[serde(rename = "type")]
    #[schema(example = "https://tradeops.dev/problems/run-in-the-way")]
    pub(super) kind: String,
    /// The kind in a few words.
    pub(super) title: &'static str,
    /// The HTTP status.
    #[schema(example = 409)]
    pub(super) status: u16,
    /// What happened, to which thing, and what to do.
    pub(super) detail: String,
    /// The run that the problem is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) run: Option<RunReference>,
    /// The id of the request, as the log has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) request_id: Option<String>,
}

/// A run, by name.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct RunReference {
    pub(super) run_id: String,
    pub(super) job_name: String,
    pub(super) links: Links,
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $status:ident, $slug:literal, $title:literal;)+) => {
        /// A kind of problem.
        #[derive(Clone, Copy, Debug, Eq, PartialEq)]
        pub(super) enum Kind { $($(#[$doc])* $name,)+ }

        impl Kind {
            pub(super) fn status(self) -> StatusCode {
                match self { $(Self::$name => StatusCode::$status,)+ }
            }

            pub(super) fn slug(self) -> &'static str {
                match self { $(Self::$name => $slug,)+ }
            }

            fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)+ }
            }
        }
    };
}

kinds! {
    BadRequest = BAD_REQUEST, "bad-request", "The request can't be read";
    MissingCredential = UNAUTHORIZED, "missing-credential", "A credential is needed";
    WrongCredential = UNAUTHORIZED, "wrong-credential", "The credential is not valid";
    NotAllowed = FORBIDDEN, "not-allowed", "The caller may not do this";
    UnknownRoute = NOT_FOUND, "unknown-route", "There is no such route";
    UnknownTarget = NOT_FOUND, "unknown-target", "There is no such target";
    UnknownRun = NOT_FOUND, "unknown-run", "There is no such run";
    NoCronJob = NOT_FOUND, "no-cronjob", "The target's CronJob does not exist";
    NoResult = NOT_FOUND, "no-result", "The run has no result";
    NoLog = NOT_FOUND, "no-log", "The run has no log";
    MethodNotAllowed = METHOD_NOT_ALLOWED, "method-not-allowed", "The route does not take this method";
    NotAcceptable = NOT_ACCEPTABLE, "not-acceptable", "There is nothing of the wanted type";
    TooSlow = REQUEST_TIMEOUT, "too-slow", "The request took too long to arrive";
    RunInTheWay = CONFLICT, "run-in-the-way", "Another run goes on";
    Suspended = CONFLICT, "target-suspended", "The target is suspended";
    NameTaken = CONFLICT, "name-taken", "A foreign Job has the name";
    BodyTooLarge = PAYLOAD_TOO_LARGE, "body-too-large", "The body is too large";
    NotJson = UNSUPPORTED_MEDIA_TYPE, "not-json", "The body is not JSON";
    BadParameters = UNPROCESSABLE_ENTITY, "bad-parameters", "The target does not take the parameters";
    KeyReused = UNPROCESSABLE_ENTITY, "key-reused", "The Idempotency-Key was used for another request";
    TooManyRequests = TOO_MANY_REQUESTS, "too-many-requests", "Too many requests";
    Internal = INTERNAL_SERVER_ERROR, "internal", "Something went wrong here";
    ClusterFailed = BAD_GATEWAY, "cluster-failed", "The cluster failed";
    ClusterRefused = BAD_GATEWAY, "cluster-refused", "The cluster refused the Job";
    ClusterUnreachable = SERVICE_UNAVAILABLE, "cluster-unreachable", "The cluster can't be reached";
    ClusterBusy = SERVICE_UNAVAILABLE, "cluster-busy", "The cluster is busy";
    MissingPermission = SERVICE_UNAVAILABLE, "missing-permission", "A permission is missing";
    QuotaExceeded = SERVICE_UNAVAILABLE, "quota-exceeded", "A quota is used up";
    Contended = SERVICE_UNAVAILABLE, "contended", "Others were faster";
    QueueFull = SERVICE_UNAVAILABLE, "queue-full", "Too many runs wait";
    StoreUnavailable = SERVICE_UNAVAILABLE, "store-unavailable", "The history can't be reached";
    AuthUnavailable = SERVICE_UNAVAILABLE, "auth-unavailable", "The credential can't be checked";
    Overloaded = SERVICE_UNAVAILABLE, "overloaded", "Too much to do";
    ClusterTimeout = GATEWAY_TIMEOUT, "cluster-timeout", "The cluster did not answer in time";
}

impl Problem {
    pub(super) fn new(kind: Kind, detail: String) -> Self {
        Self {
            kind: format!("{TYPES}{}", kind.slug()),
            title: kind.title(),
            status: kind.status().as_u16(),
            detail,
            run: None,
            request_id: None,
        }
    }
}

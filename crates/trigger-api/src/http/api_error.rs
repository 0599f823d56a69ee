//! The one place that turns errors into answers.
//!
//! Texts of the cluster, of the store or of a credential go into the log and never to the caller.

use std::time::Duration;

use axum::Json;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use common::auth::AuthError;

use super::links::Links;
use super::problem::{Kind, Problem, RunReference};
use super::request_id::RequestId;
use trigger_core::dispatcher::StartError;
use trigger_core::ports::{ExecutorError, StoreError};
use trigger_core::run::{Run, RunId};
use trigger_core::target::TargetName;

/// How long a caller should wait before it asks a server again that is away.
const AWAY: Duration = Duration::from_secs(5);
/// How long it should wait for a place in the queue.
const QUEUE: Duration = Duration::from_secs(15);
/// How long it should wait for a quota to become free.
const QUOTA: Duration = Duration::from_secs(30);

/// An error on its way to the caller.
#[derive(Debug)]
pub(super) struct ApiError {
    kind: Kind,
    detail: String,
    run: Option<Box<Run>>,
    retry_after: Option<Duration>,
    /// What only the log may have.
    internal: Option<String>,
}

/// What the log says about an answer; it travels with the response to where requests are logged.
#[derive(Clone, Debug)]
pub(super) struct Internal(pub(super) String);

/// The kind of problem that an answer has, for counting.
#[derive(Clone, Copy, Debug)]
pub(super) struct ProblemKind(pub(super) &'static str);

impl ApiError {
    pub(super) fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), run: None, retry_after: None, internal: None }
    }

    pub(super) fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(Kind::BadRequest, detail)
    }

    pub(super) fn unknown_route() -> Self {
        Self::new(Kind::UnknownRoute, "There is no such route; /openapi.json lists all of them.")
    }

    pub(super) fn method_not_allowed() -> Self {
        Self::new(
            Kind::MethodNotAllowed,
            "The route is there, but not for this method; see the Allow header.",
        )
    }

    pub(super) fn unknown_run(id: &RunId) -> Self {
        Self::new(
            Kind::UnknownRun,
            format!("There is no run {id}; GET /v1/runs lists the ones that are known."),
        )
    }

    pub(super) fn internal(detail: String) -> Self {
        let error = Self::new(
            Kind::Internal,
            "This is a fault of trigger-api; its log has it under the request's id.",
        );
        error.because(detail)
    }

    pub(super) fn after(self, wait: Duration) -> Self {
        Self { retry_after: Some(wait), ..self }
    }

    fn because(self, internal: String) -> Self {
        Self { internal: Some(internal), ..self }
    }

    fn about(self, run: Box<Run>) -> Self {
        Self { run: Some(run), ..self }
    }

    /// The error as part of a document.
    pub(super) fn problem(&self) -> Problem {
        let run = self.run.as_ref().map(|run| RunReference {
            run_id: run.id.to_string(),
            job_name: run.job_name.clone(),
            links: Links::of(run),
        });
        Problem { run, ..Problem::new(self.kind, self.detail.clone()) }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let request_id = RequestId::current().map(|RequestId(id)| id);
        let problem = Problem { request_id, ..self.problem() };
        let mut response = (self.kind.status(), Json(problem)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(wait) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs().max(1)));
        }
        if matches!(self.kind, Kind::MissingCredential | Kind::WrongCredential) {
            headers
                .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"trigger-api\""));
        }
        response.extensions_mut().insert(ProblemKind(self.kind.slug()));
        if let Some(internal) = self.internal {
            response.extensions_mut().insert(Internal(internal));
        }
        response
    }
}

impl From<StartError> for ApiError {
    fn from(error: StartError) -> Self {
        match error {
            StartError::UnknownTarget(name) => unknown_target(&name),
            StartError::NoDefaultTarget => Self::new(
                Kind::UnknownTarget,
                "Several targets are configured and none is the default one; start one by name, or set DEFAULT_TARGET.",
            ),
            StartError::Suspended(name) => Self::new(
                Kind::Suspended,
                format!(
                    "The CronJob of {name} is suspended, so it is not started by hand either. Resume it \
                     (kubectl patch cronjob ... suspend: false), or set allow_suspended for the target."
                ),
            ),
            StartError::ConflictingRun(run) => Self::new(
                Kind::RunInTheWay,
                format!(
                    "{} of {} is {}, and the CronJob's concurrencyPolicy is Forbid. Wait for its end, or cancel it.",
                    run.job_name, run.target, run.state
                ),
            )
            .about(run),
            StartError::KeyReused(run) => Self::new(
                Kind::KeyReused,
                format!(
                    "This Idempotency-Key started {} by a request with another body. Use a new key for a new request.",
                    run.job_name
                ),
            )
            .about(run),
            StartError::BadParameters(problem) => {
                Self::new(Kind::BadParameters, format!("The parameters can't be used: {problem}."))
            }
            StartError::QueueFull { target, waiting } => Self::new(
                Kind::QueueFull,
                format!("{waiting} runs of {target} wait already, which is the most that may. Ask again when some are done, or cancel some."),
            )
            .after(QUEUE),
            StartError::Contended(name) => Self::new(
                Kind::Contended,
                format!("Other requests for {name} were faster several times. Ask again."),
            )
            .after(Duration::from_secs(1)),
            StartError::Executor(error) => error.into(),
            StartError::Store(error) => error.into(),
        }
    }
}

fn unknown_target(name: &TargetName) -> ApiError {
    ApiError::new(
        Kind::UnknownTarget,
        format!("There is no target {name}; GET /v1/targets lists all of them."),
    )
}

impl From<ExecutorError> for ApiError {
    fn from(error: ExecutorError) -> Self {
        let internal = error.to_string();
        let api_error = match error {
            ExecutorError::Store(error) => return error.into(),
            ExecutorError::NoCronJob { namespace, name } => {
                return Self::new(
                    Kind::NoCronJob,
                    format!("The CronJob {name} does not exist in the namespace {namespace}. Deploy it, or correct the target."),
                );
            }
            ExecutorError::NameTaken(name) => {
                return Self::new(
                    Kind::NameTaken,
                    format!("A Job {name} exists that does not belong to this target. Delete it, or use another Idempotency-Key."),
                );
            }
            ExecutorError::Unreachable(_) => {
                Self::new(Kind::ClusterUnreachable, "The cluster's API server can't be reached. Nothing was started; ask again.")
                    .after(AWAY)
            }
            ExecutorError::TimedOut(_) => Self::new(
                Kind::ClusterTimeout,
                "The cluster's API server did not answer in time. What was asked for may have been done: look at GET /v1/runs, \
                 or repeat the request with the same Idempotency-Key.",
            )
            .after(AWAY),
            ExecutorError::Busy { retry_after, .. } => {
                Self::new(Kind::ClusterBusy, "The cluster's API server has too much to do. Nothing was started; ask again.")
                    .after(retry_after.unwrap_or(AWAY))
            }
            ExecutorError::Failed(_) => {
                Self::new(Kind::ClusterFailed, "The cluster's API server failed. Ask again; the log of trigger-api has its words.")
                    .after(AWAY)
            }
            ExecutorError::Forbidden(_) => Self::new(
                Kind::MissingPermission,
                "The cluster does not let trigger-api do this. Its ServiceAccount needs the Role trigger-api-job-trigger in the \
                 target's namespace; the log names what is missing.",
            ),
            ExecutorError::QuotaExceeded(_) => Self::new(
                Kind::QuotaExceeded,
                "A ResourceQuota of the target's namespace is used up. Nothing was started; delete what is done, or raise the quota.",
            )
            .after(QUOTA),
            ExecutorError::Refused(_) => Self::new(
                Kind::ClusterRefused,
                "The cluster does not take the Job: an admission policy or its validation is against it. Nothing was started; \
                 the log of trigger-api has its words.",
            ),
        };
        api_error.because(internal)
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        Self::new(
            Kind::StoreUnavailable,
            "The history of runs can't be read or written now. Nothing was started; ask again.",
        )
        .after(AWAY)
        .because(error.to_string())
    }
}

impl From<AuthError> for ApiError {
    fn from(error: AuthError) -> Self {
        let api_error = match error {
            AuthError::Unavailable(_) => {
                Self::new(Kind::AuthUnavailable, "The credential can't be checked now. Ask again.")
                    .after(AWAY)
            }
            AuthError::NotAllowed => Self::new(Kind::NotAllowed, "The caller is known, but not allowed in."),
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
                Self::new(Kind::WrongCredential, "The credential of the request is not a valid one.")
            }
        };
        api_error.because(error.to_string())
    }
}

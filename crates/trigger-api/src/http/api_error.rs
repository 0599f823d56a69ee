//! The only place where errors become responses.
//!
//! Texts of the cluster and of the store go to the log, never to the caller.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use common::service::{Problem, ProblemKind, ServiceError};
use serde::Serialize;
use trigger_core::access::Denied;
use trigger_core::executor::ExecutorError;
use trigger_core::right::MissingRight;
use trigger_core::run::Run;
use trigger_core::runs::RunError;
use trigger_core::start::StartError;
use trigger_core::store_error::StoreError;
use trigger_core::target_name::TargetName;

use super::links::Links;
use super::problem_kinds::{
    BAD_PARAMETERS, CLUSTER_BUSY, CLUSTER_FAILED, CLUSTER_REFUSED, CLUSTER_TIMEOUT, CLUSTER_UNREACHABLE,
    CONFLICTING_RUN, CONTENDED, KEY_REUSED, MISSING_PERMISSION, NAME_TAKEN, NO_CRONJOB, QUEUE_FULL,
    QUOTA_EXCEEDED, STORE_UNAVAILABLE, TARGET_SUSPENDED, UNKNOWN_RUN, UNKNOWN_TARGET, UNREADABLE_JOB,
};

/// `Retry-After` when another server can't be reached.
const AFTER_OUTAGE: Duration = Duration::from_secs(5);
/// `Retry-After` when the queue is full.
const AFTER_FULL_QUEUE: Duration = Duration::from_secs(15);
/// `Retry-After` when a quota is exhausted.
const AFTER_EXHAUSTED_QUOTA: Duration = Duration::from_secs(30);

/// An error of a handler.
#[derive(Debug)]
pub(super) struct ApiError(ServiceError);

/// The run that a problem is about.
#[derive(Serialize)]
struct RunReference<'a> {
    run_id: String,
    job_name: &'a str,
    links: Links,
}

impl ApiError {
    pub(super) fn new(kind: ProblemKind, detail: impl Into<String>) -> Self {
        Self(ServiceError::new(kind, detail))
    }

    /// The error as a part of another document.
    pub(super) fn problem(&self) -> Problem {
        self.0.problem()
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        self.0.into_response()
    }
}

impl From<ServiceError> for ApiError {
    fn from(error: ServiceError) -> Self {
        Self(error)
    }
}

impl From<StartError> for ApiError {
    fn from(error: StartError) -> Self {
        match error {
            StartError::Denied(denied) => denied.into(),
            StartError::Suspended(name) => Self::new(
                TARGET_SUSPENDED,
                format!(
                    "The CronJob of {name} is suspended, so it can't be started manually either. Resume it \
                     (kubectl patch cronjob ... suspend: false), or set allow_suspended for the target."
                ),
            ),
            StartError::ConflictingRun(run) => about(
                &run,
                CONFLICTING_RUN,
                if run.is_being_cancelled() {
                    format!(
                        "{} of {} is being cancelled, and its pods have not stopped yet. Retry when they have; the run is then \
                         cancelled.",
                        run.job_name, run.target
                    )
                } else {
                    format!(
                        "{} of {} is {}, and the CronJob's concurrencyPolicy is Forbid. Wait for its end, or cancel it.",
                        run.job_name, run.target, run.state
                    )
                },
            ),
            StartError::KeyReused(run) => about(
                &run,
                KEY_REUSED,
                format!(
                    "A request with this Idempotency-Key and another body started {}. Use a new key for a new request.",
                    run.job_name
                ),
            ),
            StartError::BadParameters(problem) => bad_parameters(&problem),
            StartError::QueueFull { target, max_queued } => Self(
                ServiceError::new(
                    QUEUE_FULL,
                    format!(
                        "{max_queued} runs of {target} are waiting, which is the limit. Retry when some have ended, or \
                         cancel some."
                    ),
                )
                .with_retry_after(AFTER_FULL_QUEUE),
            ),
            StartError::Contended(name) => Self(
                ServiceError::new(
                    CONTENDED,
                    format!("Concurrent requests for {name} prevented the start several times. Retry."),
                )
                .with_retry_after(Duration::from_secs(1)),
            ),
            StartError::Executor(error) => cluster_error(error, Attempted::Start),
            StartError::Store(error) => error.into(),
        }
    }
}

fn about(run: &Run, kind: ProblemKind, detail: String) -> ApiError {
    let reference =
        RunReference { run_id: run.id.to_string(), job_name: &run.job_name, links: Links::of(run) };
    ApiError(ServiceError::new(kind, detail).with_extension("run", reference))
}

impl From<RunError> for ApiError {
    fn from(error: RunError) -> Self {
        match error {
            RunError::UnknownRun(id) => {
                Self::new(UNKNOWN_RUN, format!("There is no run {id}; GET /v1/runs lists the known runs."))
            }
            RunError::UnknownTarget(name) => unknown_target(&name),
            RunError::TargetNotConfigured { run, target } => Self::new(
                UNKNOWN_TARGET,
                format!(
                    "The target {target} of the run {run} is not configured any more, so the run can't be repeated. Add the \
                     target to the configuration, or start one of GET /v1/targets."
                ),
            ),
            RunError::NoDefaultTarget => Self::new(
                UNKNOWN_TARGET,
                "Several targets are configured and none is the default; start one by name, or set DEFAULT_TARGET.",
            ),
            RunError::Denied(denied) => denied.into(),
            RunError::Executor(error) => cluster_error(error, Attempted::Cancel),
            RunError::Store(error) => error.into(),
        }
    }
}

fn bad_parameters(problem: &str) -> ApiError {
    ApiError::new(BAD_PARAMETERS, format!("The parameters are not valid: {problem}."))
}

fn unknown_target(name: &TargetName) -> ApiError {
    ApiError::new(UNKNOWN_TARGET, format!("There is no target {name}; GET /v1/targets lists all targets."))
}

impl From<Denied> for ApiError {
    fn from(denied: Denied) -> Self {
        let (kind, detail, reason) = match denied {
            Denied::NotOperator => (
                ProblemKind::NOT_ALLOWED,
                "The caller is known, but may only read. This requires an operator: X-Internal-Token, X-Admin-Secret, or a \
                 token with the operator's claim.",
                "not_operator",
            ),
            Denied::NotAdmin => (
                ProblemKind::NOT_ALLOWED,
                "The caller is known, but this requires an administrator: X-Admin-Secret, or a token with the \
                 administrator's claim.",
                "not_admin",
            ),
            Denied::NoCredential => (
                ProblemKind::MISSING_CREDENTIAL,
                "This always requires an administrator's credential, and none is configured: set ADMIN_SECRET, or keys of \
                 tokens with an administrator's claim.",
                "missing",
            ),
        };
        Self(ServiceError::new(kind, detail).with_refusal_reason(reason))
    }
}

/// What a request to the cluster was made for.
#[derive(Clone, Copy)]
enum Attempted {
    Start,
    Cancel,
    Read,
}

impl Attempted {
    /// What the client is to do after a request that was not executed.
    fn not_executed(self) -> &'static str {
        match self {
            Self::Start => "Nothing was started; retry.",
            Self::Cancel => "The run was not cancelled; retry.",
            Self::Read => "Retry.",
        }
    }

    /// What the client is to do after a request that may have been executed.
    fn may_be_executed(self) -> &'static str {
        match self {
            Self::Start => {
                "The request may have been executed: see GET /v1/runs, or repeat the request with the same Idempotency-Key."
            }
            Self::Cancel => "The run may have been cancelled: see the run, or repeat the request.",
            Self::Read => "Retry.",
        }
    }
}

impl From<ExecutorError> for ApiError {
    fn from(error: ExecutorError) -> Self {
        cluster_error(error, Attempted::Read)
    }
}

fn cluster_error(error: ExecutorError, attempted: Attempted) -> ApiError {
    let cause = error.to_string();
    let service_error = match error {
        ExecutorError::Store(error) => return error.into(),
        ExecutorError::BadParameters(problem) => return bad_parameters(&problem),
        ExecutorError::NoCronJob { namespace, name } => {
            return ApiError::new(
                NO_CRONJOB,
                format!("The CronJob {name} does not exist in the namespace {namespace}. Deploy it, or correct the target."),
            );
        }
        ExecutorError::NameTaken(name) => {
            return ApiError::new(
                NAME_TAKEN,
                format!("The Job {name} exists and does not belong to this target. Delete it, or use another Idempotency-Key."),
            );
        }
        ExecutorError::Unreachable(_) => ServiceError::new(
            CLUSTER_UNREACHABLE,
            format!("The cluster's API server can't be reached. {}", attempted.not_executed()),
        )
        .with_retry_after(AFTER_OUTAGE),
        ExecutorError::TimedOut(_) => ServiceError::new(
            CLUSTER_TIMEOUT,
            format!("The cluster's API server did not answer in time. {}", attempted.may_be_executed()),
        )
        .with_retry_after(AFTER_OUTAGE),
        ExecutorError::Busy { retry_after, .. } => ServiceError::new(
            CLUSTER_BUSY,
            format!("The cluster's API server is overloaded. {}", attempted.not_executed()),
        )
        .with_retry_after(retry_after.unwrap_or(AFTER_OUTAGE)),
        ExecutorError::NamespaceTerminating(_) => ServiceError::new(
            CLUSTER_REFUSED,
            "The target's namespace is being deleted, so nothing can be created in it. Nothing was started.",
        ),
        ExecutorError::Failed(_) => ServiceError::new(
            CLUSTER_FAILED,
            "The cluster's API server failed. Retry; the log of trigger-api has the details.",
        )
        .with_retry_after(AFTER_OUTAGE),
        ExecutorError::Forbidden { right, .. } => forbidden(&right),
        ExecutorError::Unauthenticated(_) => ServiceError::new(
            MISSING_PERMISSION,
            "The cluster's API server does not accept the credential of trigger-api. Check its ServiceAccount or \
             kubeconfig; the log has the details.",
        ),
        ExecutorError::UnreadableJob { job, right } => unreadable(&job, &right),
        ExecutorError::UncheckedJob { job, right, error } => unchecked(&job, &right, &error),
        ExecutorError::QuotaExceeded(_) => ServiceError::new(
            QUOTA_EXCEEDED,
            "A ResourceQuota of the target's namespace is exhausted. Nothing was started; delete finished Jobs, or raise the \
             quota.",
        )
        .with_retry_after(AFTER_EXHAUSTED_QUOTA),
        ExecutorError::Refused(_) => ServiceError::new(
            CLUSTER_REFUSED,
            "The cluster rejected the Job: by an admission policy or by its validation. Nothing was started; the log of \
             trigger-api has the details.",
        ),
    };
    ApiError(service_error.with_internal_cause(cause))
}

fn forbidden(right: &MissingRight) -> ServiceError {
    ServiceError::new(
        MISSING_PERMISSION,
        format!(
            "trigger-api may not {right}. Grant this right to its ServiceAccount by a Role and a RoleBinding in that \
             namespace. It is used as soon as it is granted."
        ),
    )
}

fn unreadable(job: &str, right: &MissingRight) -> ServiceError {
    ServiceError::new(
        UNREADABLE_JOB,
        format!(
            "The Job {job} exists: an earlier request with this Idempotency-Key started it. This request started nothing. \
             The run can't be returned, because trigger-api may not {right}."
        ),
    )
}

fn unchecked(job: &str, right: &MissingRight, error: &ExecutorError) -> ServiceError {
    let timed_out = matches!(error, ExecutorError::TimedOut(_));
    ServiceError::new(
        if timed_out { CLUSTER_TIMEOUT } else { CLUSTER_FAILED },
        format!(
            "The cluster's API server did not confirm that it created the Job {job}, and trigger-api may not {right} to \
             check it. Run `kubectl get job {job}`, or repeat the request with the same Idempotency-Key, which never starts a \
             second Job."
        ),
    )
    .with_retry_after(AFTER_OUTAGE)
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        Self(
            ServiceError::new(STORE_UNAVAILABLE, "The history of runs can't be read or written now. Retry.")
                .with_retry_after(AFTER_OUTAGE)
                .with_internal_cause(error.to_string()),
        )
    }
}

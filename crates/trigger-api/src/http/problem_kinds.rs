//! The kinds of problems that only this service has; [`ProblemKind`] has the others.

use axum::http::StatusCode;
use common::service::ProblemKind;

const fn kind(slug: &'static str, status: StatusCode, title: &'static str) -> ProblemKind {
    ProblemKind::new(slug, status, title)
}

/// No target has the name.
pub const UNKNOWN_TARGET: ProblemKind =
    kind("unknown-target", StatusCode::NOT_FOUND, "There is no such target");
/// No run has the id.
pub const UNKNOWN_RUN: ProblemKind = kind("unknown-run", StatusCode::NOT_FOUND, "There is no such run");
/// The CronJob of the target does not exist.
pub const NO_CRONJOB: ProblemKind =
    kind("no-cronjob", StatusCode::NOT_FOUND, "The target's CronJob does not exist");
/// The run has no result.
pub const NO_RESULT: ProblemKind = kind("no-result", StatusCode::NOT_FOUND, "The run has no result");
/// The run has no log.
pub const NO_LOG: ProblemKind = kind("no-log", StatusCode::NOT_FOUND, "The run has no log");
/// No byte of the requested range exists.
pub const RANGE_NOT_SATISFIABLE: ProblemKind =
    kind("range-not-satisfiable", StatusCode::RANGE_NOT_SATISFIABLE, "The log has no such bytes");
/// Another run of the target has not ended.
pub const CONFLICTING_RUN: ProblemKind =
    kind("conflicting-run", StatusCode::CONFLICT, "Another run is in progress");
/// The schedule of the target is suspended.
pub const TARGET_SUSPENDED: ProblemKind =
    kind("target-suspended", StatusCode::CONFLICT, "The target is suspended");
/// A Job of the name exists and does not belong to the target.
pub const NAME_TAKEN: ProblemKind =
    kind("name-taken", StatusCode::CONFLICT, "A Job of another owner has the name");
/// A Job of the name exists, and its run is not known.
pub const UNREADABLE_JOB: ProblemKind =
    kind("unreadable-job", StatusCode::CONFLICT, "The Job exists and can't be read");
/// The target does not accept the parameters.
pub const BAD_PARAMETERS: ProblemKind =
    kind("bad-parameters", StatusCode::UNPROCESSABLE_ENTITY, "The target does not accept the parameters");
/// The idempotency key was used for another request.
pub const KEY_REUSED: ProblemKind =
    kind("key-reused", StatusCode::UNPROCESSABLE_ENTITY, "The Idempotency-Key was used for another request");
/// The API server failed.
pub const CLUSTER_FAILED: ProblemKind = kind("cluster-failed", StatusCode::BAD_GATEWAY, "The cluster failed");
/// The API server rejected the Job.
pub const CLUSTER_REFUSED: ProblemKind =
    kind("cluster-refused", StatusCode::BAD_GATEWAY, "The cluster rejected the Job");
/// The API server can't be reached.
pub const CLUSTER_UNREACHABLE: ProblemKind =
    kind("cluster-unreachable", StatusCode::SERVICE_UNAVAILABLE, "The cluster can't be reached");
/// The API server is overloaded.
pub const CLUSTER_BUSY: ProblemKind =
    kind("cluster-busy", StatusCode::SERVICE_UNAVAILABLE, "The cluster is busy");
/// The ServiceAccount lacks a permission.
pub const MISSING_PERMISSION: ProblemKind =
    kind("missing-permission", StatusCode::SERVICE_UNAVAILABLE, "A permission is missing");
/// A quota of the namespace is exhausted.
pub const QUOTA_EXCEEDED: ProblemKind =
    kind("quota-exceeded", StatusCode::SERVICE_UNAVAILABLE, "A quota is exhausted");
/// Concurrent requests prevented the start.
pub const CONTENDED: ProblemKind =
    kind("contended", StatusCode::SERVICE_UNAVAILABLE, "Concurrent requests prevented the start");
/// The queue of the task is full.
pub const QUEUE_FULL: ProblemKind = kind("queue-full", StatusCode::SERVICE_UNAVAILABLE, "The queue is full");
/// The history can't be read or written.
pub const STORE_UNAVAILABLE: ProblemKind =
    kind("store-unavailable", StatusCode::SERVICE_UNAVAILABLE, "The history is unavailable");
/// The API server did not answer in time.
pub const CLUSTER_TIMEOUT: ProblemKind =
    kind("cluster-timeout", StatusCode::GATEWAY_TIMEOUT, "The cluster did not answer in time");

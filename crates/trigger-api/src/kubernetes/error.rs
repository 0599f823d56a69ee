//! Maps errors of the Kubernetes client to errors of the executor.

use std::error::Error as StdError;
use std::time::Duration;

use hyper_util::client::legacy::Error as LegacyError;
use kube::core::Status;
use trigger_core::executor::ExecutorError;

use super::rights::Right;

/// Maps the error of a request that needs that right. The texts inside the result are for the log, not for callers.
pub(super) fn executor_error(error: &kube::Error, right: &Right<'_>) -> ExecutorError {
    match error {
        kube::Error::Api(status) if is_denied(error) => {
            ExecutorError::Forbidden { right: right.missing(), detail: detail(status) }
        }
        kube::Error::Api(status) => from_status(status),
        // Something responded, but not an API server: for example a proxy in front of it.
        kube::Error::SerdeError(_) | kube::Error::FromUtf8(_) => ExecutorError::Failed(error_chain(error)),
        other if is_connect_error(other) => ExecutorError::Unreachable(error_chain(other)),
        other => ExecutorError::TimedOut(error_chain(other)),
    }
}

/// Whether the API server responded with that status code and reason. An empty `reason` matches any.
pub(super) fn is_status(error: &kube::Error, code: u16, reason: &str) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == code && (reason.is_empty() || status.reason == reason))
}

/// Whether the authorizer of the API server denied the request. The quota admission plugin and admission policies respond 403
/// Forbidden too; only the message distinguishes them. The messages are defined in
/// apiserver/pkg/admission/plugin/resourcequota/controller.go and
/// apiserver/pkg/endpoints/handlers/responsewriters/errors.go.
pub(super) fn is_denied(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status)
        if status.code == 403 && status.message.contains("cannot ") && !is_quota(status))
}

fn is_quota(status: &Status) -> bool {
    status.message.contains("exceeded quota")
}

fn detail(status: &Status) -> String {
    format!("{} {}: {}", status.code, status.reason, status.message)
}

fn from_status(status: &Status) -> ExecutorError {
    let detail = detail(status);
    match status.code {
        429 => {
            let seconds =
                status.details.as_ref().map(|details| details.retry_after_seconds).unwrap_or_default();
            ExecutorError::Busy {
                detail,
                retry_after: (seconds > 0).then(|| Duration::from_secs(seconds.into())),
            }
        }
        401 => ExecutorError::Unauthenticated(detail),
        403 if is_quota(status) => ExecutorError::QuotaExceeded(detail),
        403 if status.message.contains("because it is being terminated") => {
            ExecutorError::NamespaceTerminating(detail)
        }
        504 => ExecutorError::TimedOut(detail),
        code if code >= 500 => ExecutorError::Failed(detail),
        _ => ExecutorError::Refused(detail),
    }
}

/// Whether the connection could not be established, so that the API server can't have received the request.
fn is_connect_error(error: &kube::Error) -> bool {
    let mut source: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(error) = source {
        if error.downcast_ref::<LegacyError>().is_some_and(LegacyError::is_connect) {
            return true;
        }
        source = error.source();
    }
    false
}

fn error_chain(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests;

//! What an API server's answers mean here.

use std::error::Error as StdError;
use std::time::Duration;

use hyper_util::client::legacy::Error as LegacyError;
use kube::core::Status;

use trigger_core::ports::ExecutorError;

/// The meaning of a failed call. The texts it carries are for the log.
pub(super) fn meaning(error: &kube::Error) -> ExecutorError {
    match error {
        kube::Error::Api(status) => refusal(status),
        // An answer came, and is none of an API server's: something else stands in its place.
        kube::Error::SerdeError(_) | kube::Error::FromUtf8(_) => ExecutorError::Failed(chain(error)),
        other if never_arrived(other) => ExecutorError::Unreachable(chain(other)),
        other => ExecutorError::TimedOut(chain(other)),
    }
}

pub(super) fn is_status(error: &kube::Error, code: u16, reason: &str) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == code && (reason.is_empty() || status.reason == reason))
}

fn refusal(status: &Status) -> ExecutorError {
    let detail = format!("{} {}: {}", status.code, status.reason, status.message);
    match status.code {
        429 => {
            let seconds =
                status.details.as_ref().map(|details| details.retry_after_seconds).unwrap_or_default();
            ExecutorError::Busy {
                detail,
                retry_after: (seconds > 0).then(|| Duration::from_secs(seconds.into())),
            }
        }
        401 => ExecutorError::Forbidden(detail),
        // The resource quota's plugin and RBAC share a status; only their words tell them apart (from an admission
        // webhook or policy too): `quota/v1/.../controller.go`, `apiserver/.../responsewriters/errors.go`.
        403 if status.message.contains("exceeded quota") => ExecutorError::QuotaExceeded(detail),
        403 if status.message.contains("cannot ") => ExecutorError::Forbidden(detail),
        504 => ExecutorError::TimedOut(detail),
        code if code >= 500 => ExecutorError::Failed(detail),
        _ => ExecutorError::Refused(detail),
    }
}

/// Whether no connection stood, so that the server saw nothing of the request.
fn never_arrived(error: &kube::Error) -> bool {
    let mut source: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(error) = source {
        if error.downcast_ref::<LegacyError>().is_some_and(LegacyError::is_connect) {
            return true;
        }
        source = error.source();
    }
    false
}

fn chain(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

//! Errors of the API server, for people.

use kube::Error;

use crate::failure::Failure;
use crate::outcome::Outcome;

/// Why `action`, such as `list pods in trading`, has failed.
pub fn explain(action: &str, error: &Error) -> Failure {
    match error {
        Error::Api(status) if status.code == 403 => {
            Failure::new(Outcome::NotAllowed, format!("you may not {action}")).with_next(
                "ask the administrators of the cluster for the right, or select another user in KUBECONFIG",
            )
        }
        Error::Api(status) if status.code == 401 => {
            Failure::new(Outcome::NotAllowed, "the cluster does not accept your credential")
                .with_next("log in again, or select another user in KUBECONFIG")
        }
        Error::Api(status) => {
            let message = common::text::single_line(&status.message, 300);
            Failure::new(Outcome::Unavailable, format!("the cluster can't {action}: {message}"))
        }
        other => {
            Failure::new(Outcome::Unavailable, format!("the cluster does not answer: {}", root_cause(other)))
                .with_next("check KUBECONFIG, and whether the cluster is running")
        }
    }
}

/// Whether the object does not exist.
pub fn is_missing(error: &Error) -> bool {
    matches!(error, Error::Api(status) if status.code == 404)
}

/// Whether the right is missing.
pub fn is_forbidden(error: &Error) -> bool {
    matches!(error, Error::Api(status) if status.code == 403)
}

fn root_cause(error: &Error) -> String {
    let mut source: &dyn std::error::Error = error;
    while let Some(next) = source.source() {
        source = next;
    }
    common::text::single_line(&source.to_string(), 300)
}

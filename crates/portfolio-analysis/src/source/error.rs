//! What can go wrong with the source: a sentence for the caller, and the server's own words for the log alone.

use common::postgres::ConnectError;
use trading_views::{Failure, ViewError, ViewProblem};

use trigger_core::task::TaskError;

/// There is no connection.
pub(in super::super) const UNREACHABLE: &str = "SourceUnreachable";
/// The server answers, and a view or the access to it is not as it must be.
const REFUSED: &str = "SourceRefused";
/// Reading failed after it began.
pub(in super::super) const FAILED: &str = "SourceFailed";

/// Why a view can't be read.
pub(super) fn of_view(error: &ViewError) -> TaskError {
    let (reason, message) = match &error.problem {
        ViewProblem::Unreadable { .. } => (FAILED, format!("{error}; the service's log has the details")),
        ViewProblem::Missing { .. }
        | ViewProblem::NoColumn { .. }
        | ViewProblem::NoDates { .. }
        | ViewProblem::Denied { .. }
        | ViewProblem::NotPopulated { .. }
        | ViewProblem::DependsOnUnpopulated { .. } => (REFUSED, error.to_string()),
    };
    TaskError { reason, message, detail: error.failure().map(words) }
}

/// Why the transaction can't begin.
pub(super) fn of_session(failure: &Failure) -> TaskError {
    let message = format!("beginning the transaction failed: {failure}; the service's log has the details");
    TaskError { reason: FAILED, message, detail: Some(words(failure)) }
}

/// Why there is no connection.
pub(in super::super) fn no_connection(error: &ConnectError) -> TaskError {
    let (setting, place) = (error.setting(), error.place());
    let (reason, message) = match error {
        ConnectError::LoginRefused { .. } => {
            (REFUSED, format!("{place} does not let this user in; check user and password in {setting}"))
        }
        ConnectError::DatabaseRefused { .. } => (
            REFUSED,
            format!(
                "there is no such database at {place}, or this user may not connect to it; check {setting}"
            ),
        ),
        ConnectError::Untrusted { .. } | ConnectError::TlsRefused { .. } => (
            UNREACHABLE,
            format!("the TLS connection to {place} failed; check sslmode and sslrootcert in {setting}"),
        ),
        ConnectError::ParameterRefused { parameter, .. } => (
            UNREACHABLE,
            format!(
                "the pooler at {place} refuses the start-up parameter {parameter}; remove it from {setting}"
            ),
        ),
        ConnectError::NoSuitableHost { .. } => {
            (UNREACHABLE, format!("no server of {place} is what target_session_attrs in {setting} asks for"))
        }
        ConnectError::Unreachable { .. } | ConnectError::Other { .. } => (
            UNREACHABLE,
            format!(
                "can't connect to Postgres at {place}; check {setting} and that the server takes connections"
            ),
        ),
    };
    TaskError { reason, message, detail: Some(error.to_string()) }
}

fn words(failure: &Failure) -> String {
    match &failure.sqlstate {
        Some(code) => format!("{} ({code})", failure.detail),
        None => failure.detail.clone(),
    }
}

//! Errors of the source: a message for the caller, and the text that the server reported, which only the log contains.

use common::postgres::ConnectError;
use trading_views::{Failure, ViewError, ViewProblem};
use trigger_core::task::TaskError;

/// The reason if there is no connection.
pub(crate) const UNREACHABLE: &str = "SourceUnreachable";
/// The reason if the server answers but rejects the user, or a view can't be used.
const REFUSED: &str = "SourceRefused";
/// The reason if reading failed after it began.
pub(crate) const FAILED: &str = "SourceFailed";

/// The error of a view that can't be read.
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
    TaskError { reason, message, detail: error.failure().map(detail) }
}

/// The error of a transaction that can't begin.
pub(super) fn of_transaction(failure: &Failure) -> TaskError {
    let message = format!("beginning the transaction failed: {failure}; the service's log has the details");
    TaskError { reason: FAILED, message, detail: Some(detail(failure)) }
}

/// The error of a connection that can't be established.
pub(crate) fn no_connection(error: &ConnectError) -> TaskError {
    let (setting, place) = (error.setting(), error.place());
    let (reason, message) = match error {
        ConnectError::LoginRefused { .. } => {
            (REFUSED, format!("{place} rejects the login; check user and password in {setting}"))
        }
        ConnectError::DatabaseRefused { .. } => (
            REFUSED,
            format!(
                "the database at {place} does not exist, or this user may not connect to it; check {setting}"
            ),
        ),
        ConnectError::Untrusted { .. } | ConnectError::TlsRefused { .. } => (
            UNREACHABLE,
            format!("the TLS connection to {place} failed; check sslmode and sslrootcert in {setting}"),
        ),
        ConnectError::ParameterRefused { parameter, .. } => (
            UNREACHABLE,
            format!(
                "the pooler at {place} rejects the start-up parameter {parameter}; remove it from {setting}"
            ),
        ),
        ConnectError::NoSuitableHost { .. } => {
            (UNREACHABLE, format!("no server of {place} matches target_session_attrs in {setting}"))
        }
        ConnectError::Unreachable { .. } | ConnectError::Other { .. } => (
            UNREACHABLE,
            format!(
                "can't connect to Postgres at {place}; check {setting}, and that the server accepts connections"
            ),
        ),
    };
    TaskError { reason, message, detail: Some(error.to_string()) }
}

fn detail(failure: &Failure) -> String {
    match &failure.sqlstate {
        Some(code) => format!("{} ({code})", failure.detail),
        None => failure.detail.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_s_text_is_only_in_the_detail() {
        let failure = Failure::of(&sqlx::Error::Protocol("text of the server".to_owned()));
        let problem = ViewProblem::Unreadable { view: "v".to_owned(), failure: failure.clone() };
        let unreadable = of_view(&ViewError { variable: "MV_KPI_TABLE", problem });
        for error in [unreadable, of_transaction(&failure)] {
            assert_eq!(error.reason, "SourceFailed");
            assert!(!error.message.contains("text of the server"), "{error:?}");
            assert!(error.detail.is_some_and(|detail| detail.contains("text of the server")));
        }
    }

    #[test]
    fn a_view_that_an_operator_must_fix_is_refused() {
        let problem = ViewProblem::NotPopulated { view: "v".to_owned() };
        let error = of_view(&ViewError { variable: "MV_KPI_TABLE", problem });
        assert_eq!((error.reason, error.detail), ("SourceRefused", None));
        assert!(
            error.message.contains("MV_KPI_TABLE") && error.message.contains("REFRESH"),
            "{}",
            error.message
        );
    }
}

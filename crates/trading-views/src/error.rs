//! Errors of views, as messages for operators.
//!
//! The text that the server reported is a field of its own and not part of the messages, because callers of an HTTP
//! service must not see it.

use std::fmt;

use common::postgres::{is_connection_failure, reason, sqlstate};

use crate::View;

const QUERY_CANCELED: &str = "57014";
const INSUFFICIENT_PRIVILEGE: &str = "42501";
const UNDEFINED_SCHEMA: &str = "3F000";
const NOT_IN_PREREQUISITE_STATE: &str = "55000";
/// The class of syntax errors and access rule violations: the view's name is not a valid name.
const NAME_ERRORS: &str = "42";

/// A view can't be read. The message names the variable of the view once.
#[derive(Debug, thiserror::Error)]
#[error("{variable}: {problem}")]
pub struct ViewError {
    /// The variable that names the view.
    pub variable: &'static str,
    /// The problem; its message does not name the variable.
    pub problem: ViewProblem,
}

/// Why a view can't be read. Each message includes what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum ViewProblem {
    /// The view does not exist.
    #[error("there is no view {view} in the database; create it or name the right one")]
    Missing {
        /// The view.
        view: String,
        /// The error that the server reported, if it did.
        failure: Option<Failure>,
    },
    /// The view lacks columns.
    #[error("{view} has no column {missing}; it needs {needed}")]
    NoColumn {
        /// The view.
        view: String,
        /// The columns that are missing.
        missing: String,
        /// All that are needed.
        needed: String,
    },
    /// The type of `report_date` is numeric, so its values are not days.
    #[error("{view} has a report_date of type {type_name}; make it a date, a timestamp or a text")]
    NoDates {
        /// The view.
        view: String,
        /// The name of the type in `pg_type`.
        type_name: String,
    },
    /// The database user may not read the view.
    #[error("the database user may not read {view}; GRANT USAGE on its schema and SELECT on it")]
    Denied {
        /// The view.
        view: String,
        /// The error that the server reported, if it did.
        failure: Option<Failure>,
    },
    /// The materialized view has never been populated.
    #[error("{view} has not been populated; run REFRESH MATERIALIZED VIEW {view}")]
    NotPopulated {
        /// The view.
        view: String,
    },
    /// The view selects from a materialized view that has never been populated.
    #[error(
        "{view} reads a materialized view that has not been populated; refresh the materialized views that it reads"
    )]
    DependsOnUnpopulated {
        /// The view.
        view: String,
        /// The error that the server reported.
        failure: Failure,
    },
    /// A statement failed.
    #[error("reading {view} failed: {failure}")]
    Unreadable {
        /// The view.
        view: String,
        /// The error that the server or the connection reported.
        failure: Failure,
    },
}

impl ViewError {
    /// The error of a statement that reads the view.
    pub fn reading(view: &View, error: &sqlx::Error) -> Self {
        let (variable, view, failure) = (view.variable, view.name.clone(), Failure::of(error));
        let problem = match sqlstate(error).as_deref() {
            Some(INSUFFICIENT_PRIVILEGE) => ViewProblem::Denied { view, failure: Some(failure) },
            Some(NOT_IN_PREREQUISITE_STATE) => ViewProblem::DependsOnUnpopulated { view, failure },
            _ => ViewProblem::Unreadable { view, failure },
        };
        Self { variable, problem }
    }

    /// The error of the statement that finds the view.
    pub(crate) fn finding(view: &View, error: &sqlx::Error) -> Self {
        match sqlstate(error).as_deref() {
            Some(INSUFFICIENT_PRIVILEGE) => Self::reading(view, error),
            Some(code) if code == UNDEFINED_SCHEMA || code.starts_with(NAME_ERRORS) => Self {
                variable: view.variable,
                problem: ViewProblem::Missing { view: view.name.clone(), failure: Some(Failure::of(error)) },
            },
            _ => Self::reading(view, error),
        }
    }

    /// The error that the server or the connection reported, if it did.
    pub fn failure(&self) -> Option<&Failure> {
        match &self.problem {
            ViewProblem::Missing { failure, .. } | ViewProblem::Denied { failure, .. } => failure.as_ref(),
            ViewProblem::DependsOnUnpopulated { failure, .. } | ViewProblem::Unreadable { failure, .. } => {
                Some(failure)
            }
            ViewProblem::NoColumn { .. } | ViewProblem::NoDates { .. } | ViewProblem::NotPopulated { .. } => {
                None
            }
        }
    }
}

/// A failed statement. `Display` contains nothing of the text that the server reported.
#[derive(Clone, Debug)]
pub struct Failure {
    kind: FailureKind,
    /// The text that the server or the driver reported, for logs and operators.
    pub detail: String,
    /// The five-character SQLSTATE code, if the server reported the error.
    pub sqlstate: Option<String>,
}

#[derive(Clone, Copy, Debug)]
enum FailureKind {
    TooSlow,
    ConnectionLost,
    Other,
}

impl Failure {
    /// The failure that an error of the driver stands for.
    pub fn of(error: &sqlx::Error) -> Self {
        let sqlstate = sqlstate(error);
        let kind = if sqlstate.as_deref() == Some(QUERY_CANCELED) {
            FailureKind::TooSlow
        } else if is_connection_failure(error) {
            FailureKind::ConnectionLost
        } else {
            FailureKind::Other
        };
        Self { kind, detail: reason(error), sqlstate }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            FailureKind::TooSlow => {
                "it took too long and was stopped; look for locks and missing indexes on report_date"
            }
            FailureKind::ConnectionLost => "the connection was lost; run it again when the server is back",
            FailureKind::Other => "the database reported an error",
        })
    }
}

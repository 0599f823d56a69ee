//! What can go wrong with a view, in sentences for operators.
//!
//! The server's own words are kept apart from the sentences: callers of an HTTP service must not see them.

use std::fmt;

use common::postgres::{is_connection_failure, reason, sqlstate};

use crate::View;

const QUERY_CANCELED: &str = "57014";
const INSUFFICIENT_PRIVILEGE: &str = "42501";
const UNDEFINED_SCHEMA: &str = "3F000";
const NOT_IN_PREREQUISITE_STATE: &str = "55000";
/// The class of syntax errors and of rules about names: the name of the view is no name.
const NAME_ERRORS: &str = "42";

/// A view can't be read. The text names the variable of the view once.
#[derive(Debug, thiserror::Error)]
#[error("{variable}: {problem}")]
pub struct ViewError {
    /// The variable that names the view.
    pub variable: &'static str,
    /// What is wrong, without the variable.
    pub problem: ViewProblem,
}

/// What is wrong with a view, and what to do about it.
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
    /// The type of `report_date` has no days.
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
    /// The materialized view has never been filled.
    #[error("{view} has not been populated; run REFRESH MATERIALIZED VIEW {view}")]
    NotPopulated {
        /// The view.
        view: String,
    },
    /// The view selects from a materialized view that has never been filled.
    #[error(
        "{view} reads something that has not been populated; refresh the materialized views that it reads"
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
        /// Why.
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

    /// The error of the statement that looks for the view.
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

    /// What the server or the connection reported, if anything.
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

/// Why a statement failed. `Display` says what to do and contains nothing of the server's own words.
#[derive(Clone, Debug)]
pub struct Failure {
    class: Class,
    /// The server's own words, or the driver's, for logs and operators.
    pub words: String,
    /// The server's five-character code, if the server reported the error.
    pub sqlstate: Option<String>,
}

#[derive(Clone, Copy, Debug)]
enum Class {
    TooSlow,
    ConnectionLost,
    Other,
}

impl Failure {
    /// Of an error of the driver.
    pub fn of(error: &sqlx::Error) -> Self {
        let sqlstate = sqlstate(error);
        let class = if sqlstate.as_deref() == Some(QUERY_CANCELED) {
            Class::TooSlow
        } else if is_connection_failure(error) {
            Class::ConnectionLost
        } else {
            Class::Other
        };
        Self { class, words: reason(error), sqlstate }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.class {
            Class::TooSlow => {
                "it took too long and was stopped; look for locks and missing indexes on report_date"
            }
            Class::ConnectionLost => "the connection was lost; run it again when the server is back",
            Class::Other => "the database reported an error",
        })
    }
}

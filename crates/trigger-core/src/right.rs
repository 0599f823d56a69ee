//! Rights of this program that its executor needs.

use std::fmt;

/// A right that the executor's cluster denies to this program, in the words of `kubectl auth can-i`.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct MissingRight {
    /// Such as `list`.
    pub verb: &'static str,
    /// Such as `jobs.batch`, `pods/log` or `cronjobs.batch/NAME`.
    pub resource: String,
    /// The namespace.
    pub namespace: String,
}

impl fmt::Display for MissingRight {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {} in the namespace {}", self.verb, self.resource, self.namespace)
    }
}

/// What an executor does not do for lack of a right.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Limitation {
    /// The right.
    pub right: MissingRight,
    /// What does not work without it, in a sentence without its end.
    pub effect: &'static str,
}

impl fmt::Display for Limitation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "trigger-api may not {}: {}", self.right, self.effect)
    }
}

//! What is wrong with the objects of a release, each with the next step.

mod pods;
#[cfg(test)]
mod tests;
mod workloads;

use common::text::single_line;
use jiff::Timestamp;

use super::release::Release;
use super::state::State;
use crate::hints::Hints;

/// The annotation of an object that `stop` has changed. Its value is the state before.
pub const STOPPED: &str = "tradeops.dev/stopped";

/// The maximum length of a message of Kubernetes.
const MAX_MESSAGE: usize = 400;

/// Something that is not as it should be.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Problem {
    /// The object, such as `pod trigger-api-5d4-x2x`.
    pub object: String,
    /// What is wrong.
    pub what: String,
    /// The reason, as Kubernetes reports it; empty if it reports none.
    pub message: String,
    /// What to type.
    pub next: String,
}

/// What problems are derived from.
struct Scope<'a> {
    state: &'a State,
    release: &'a Release,
    hints: &'a Hints,
    now: Timestamp,
}

/// Every problem of the release, and of the runs in its namespace.
pub fn find(state: &State, release: &Release, hints: &Hints, now: Timestamp) -> Vec<Problem> {
    let scope = Scope { state, release, hints, now };
    let mut problems = workloads::problems(&scope);
    problems.extend(pods::problems(&scope));
    problems
}

impl Scope<'_> {
    fn kubectl(&self, command: &str) -> String {
        format!("kubectl -n {} {command}", self.release.namespace)
    }

    fn described(&self, kind: &str, name: &str, what: impl Into<String>, message: &str) -> Problem {
        Problem::new(kind, name, what, message, self.kubectl(&format!("describe {kind} {name}")))
    }
}

impl Problem {
    fn new(kind: &str, name: &str, what: impl Into<String>, message: &str, next: String) -> Self {
        let object = format!("{kind} {name}");
        Self { object, what: what.into(), message: single_line(message, MAX_MESSAGE), next }
    }

    /// Two lines for people.
    pub fn lines(&self) -> String {
        let message = if self.message.is_empty() { String::new() } else { format!(": {}", self.message) };
        format!("  {} {}{message}\n      {}\n", self.object, self.what, self.next)
    }
}

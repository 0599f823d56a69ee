//! Why a command could not do what was requested.

use std::fmt;

use crate::outcome::Outcome;

/// An error for people: what happened, to which thing, and what to do.
#[derive(Debug)]
pub struct Failure {
    /// The exit code.
    pub outcome: Outcome,
    message: String,
    next: Vec<String>,
}

impl Failure {
    /// A failure without a next step.
    pub fn new(outcome: Outcome, message: impl Into<String>) -> Self {
        Self { outcome, message: message.into(), next: Vec::new() }
    }

    /// The failure with a line that says what to do.
    #[must_use]
    pub fn with_next(mut self, line: impl Into<String>) -> Self {
        self.next.push(line.into());
        self
    }

    /// Nobody reads the output any more, as in `tradeops runs | head -1`. It has no text.
    pub fn closed_output() -> Self {
        Self::new(Outcome::Done, "")
    }

    /// Whether there is a text to print.
    pub fn is_silent(&self) -> bool {
        self.message.is_empty()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)?;
        self.next.iter().try_for_each(|line| write!(formatter, "\n  {line}"))
    }
}

impl From<common::config::ConfigError> for Failure {
    fn from(error: common::config::ConfigError) -> Self {
        Self::new(Outcome::Usage, error.to_string())
    }
}

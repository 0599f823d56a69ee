//! The outcomes of a command, and their exit codes.

use std::fmt::Write;
use std::process::ExitCode;

/// The outcome of a command. The numbers are the exit codes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub enum Outcome {
    /// It did what was requested. If it followed a run, the run succeeded.
    Done = 0,
    /// The run failed; or `status` or `doctor` found a problem.
    Failed = 1,
    /// The arguments or settings are wrong.
    Usage = 2,
    /// The request was rejected, and nothing was changed.
    Rejected = 3,
    /// A credential or a right is missing.
    NotAllowed = 4,
    /// trigger-api, the release or the cluster can't be reached.
    Unavailable = 5,
    /// The run was cancelled or interrupted.
    Stopped = 6,
    /// The outcome is not known.
    Unknown = 7,
    /// SIGINT.
    Interrupted = 130,
}

/// Each exit code with its meaning. docs/OPERATIONS.md has the same table.
pub const TABLE: [(Outcome, &str); 9] = [
    (Outcome::Done, "the command did what was requested; the run that it followed succeeded"),
    (Outcome::Failed, "the run failed; or status or doctor found a problem"),
    (Outcome::Usage, "the arguments or settings are wrong"),
    (
        Outcome::Rejected,
        "the request was rejected and changed nothing: a conflicting run, wrong parameters, an unknown name",
    ),
    (Outcome::NotAllowed, "a credential or a right is missing or wrong"),
    (Outcome::Unavailable, "trigger-api, the release or the cluster can't be reached, or is stopped"),
    (Outcome::Stopped, "the run was cancelled or interrupted"),
    (Outcome::Unknown, "the outcome is not known: the time limit was reached, or the run can't be observed"),
    (Outcome::Interrupted, "Ctrl-C; a run that was started continues"),
];

impl Outcome {
    /// The exit code as a number.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// The outcome for a run in this state, if the state is final.
    pub fn of_state(state: &str) -> Option<Self> {
        match state {
            "succeeded" => Some(Self::Done),
            "failed" => Some(Self::Failed),
            "cancelled" | "interrupted" => Some(Self::Stopped),
            _ => None,
        }
    }
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        Self::from(outcome.code())
    }
}

/// The table as a section of the help text.
pub fn help() -> String {
    let mut text = "Exit codes:\n".to_owned();
    for (outcome, meaning) in TABLE {
        let _ = writeln!(text, "  {:>3}  {meaning}", outcome.code());
    }
    text
}

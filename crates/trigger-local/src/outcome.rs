//! How runs end, in the words that a cluster's runs have for it.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

use super::registry::Stop;
use trigger_core::run::{Cause, RESTARTED, State};

/// A run's last state and why.
pub(super) struct Outcome {
    pub(super) state: State,
    pub(super) cause: Option<Cause>,
}

impl Outcome {
    pub(super) fn succeeded() -> Self {
        Self { state: State::Succeeded, cause: None }
    }

    pub(super) fn failed(cause: Cause) -> Self {
        Self { state: State::Failed, cause: Some(cause) }
    }

    pub(super) fn stopped(stop: Stop) -> Self {
        let (state, cause) = match stop {
            // Whoever asked for it says so in a cause of its own, which takes the place of this one.
            Stop::Cancelled => {
                (State::Cancelled, Cause::new("JobDeleted", "The run was ended before its time."))
            }
            Stop::Restarted => (State::Interrupted, restarted()),
        };
        Self { state, cause: Some(cause) }
    }

    pub(super) fn job_out_of_time(limit: Duration) -> Self {
        Self::failed(out_of_time("The run", limit))
    }

    /// The last failure after which nothing is tried again.
    pub(super) fn exhausted(failure: Cause, attempts: u32) -> Self {
        if attempts == 1 {
            return Self::failed(failure);
        }
        let message = format!("{} That was attempt {attempts}, the last one.", failure.message);
        Self::failed(Cause { message, ..failure })
    }

    /// A failure that the Job's podFailurePolicy makes its last.
    pub(super) fn not_to_be_retried(failure: Cause) -> Self {
        let message =
            format!("{} The Job's podFailurePolicy does not have that tried again.", failure.message);
        Self::failed(Cause { message, ..failure })
    }

    pub(super) fn no_program(problem: impl Into<String>) -> Self {
        Self::failed(Cause::new("ProgramNotFound", problem))
    }

    /// The program could not be started.
    pub(super) fn not_started(program: &str, error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => Self::no_program(format!("There is no program {program}.")),
            _ => Self::failed(Cause::new("StartError", format!("{program} can't be started: {error}."))),
        }
    }
}

/// Why a run of an earlier process has no outcome.
pub(super) fn restarted() -> Cause {
    Cause::new(RESTARTED, "The program that ran it was stopped or restarted before the run had ended.")
}

/// Why an attempt failed; None when it did not. A signal counts as the exit code that a container has for it.
pub(super) fn failure(status: ExitStatus) -> Option<Cause> {
    let (reason, message, exit_code) = match (status.code(), status.signal()) {
        (Some(0), _) => return None,
        (Some(code), _) => ("ExitCode", format!("The program ended with exit code {code}."), Some(code)),
        (None, Some(signal)) => {
            ("Signal", format!("The program was ended by signal {signal}."), Some(128 + signal))
        }
        (None, None) => ("Unknown", format!("The program ended with {status}."), None),
    };
    Some(Cause { exit_code, ..Cause::new(reason, message) })
}

pub(super) fn attempt_out_of_time(limit: Duration) -> Cause {
    out_of_time("The attempt", limit)
}

/// What a run that is tried again says meanwhile.
pub(super) fn retrying(failure: &Cause) -> Cause {
    let message = format!("{} The run is tried again.", failure.message);
    Cause { reason: "Retrying".to_owned(), message, ..failure.clone() }
}

fn out_of_time(what: &str, limit: Duration) -> Cause {
    let message = format!("{what} took longer than its activeDeadlineSeconds of {}.", limit.as_secs());
    Cause::new("DeadlineExceeded", message)
}

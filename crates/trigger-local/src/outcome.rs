//! How runs end. Reasons are those of a cluster's runs.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

use trigger_core::run::{Cause, JOB_DELETED, RESTARTED, State};

use super::registry::StopReason;

/// The final state of a run and its cause.
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

    pub(super) fn stopped(reason: StopReason) -> Self {
        let (state, cause) = match reason {
            // The cause of the cancel request, which names the caller, replaces this one.
            StopReason::Cancelled => {
                (State::Cancelled, Cause::new(JOB_DELETED, "The run was stopped before it ended."))
            }
            StopReason::Restarted => (State::Interrupted, restarted()),
        };
        Self { state, cause: Some(cause) }
    }

    pub(super) fn job_deadline_exceeded(limit: Duration) -> Self {
        Self::failed(deadline_exceeded("The run", limit))
    }

    /// The last attempt that `backoffLimit` allows has failed.
    pub(super) fn backoff_limit_exceeded(failure: Cause, attempts: u32) -> Self {
        if attempts == 1 {
            return Self::failed(failure);
        }
        let message = format!("{} That was attempt {attempts}, the last one.", failure.message);
        Self::failed(Cause { message, ..failure })
    }

    /// The Job's `podFailurePolicy` allows no retry after the failure.
    pub(super) fn retry_not_allowed(failure: Cause) -> Self {
        let message = format!("{} The Job's podFailurePolicy does not allow a retry.", failure.message);
        Self::failed(Cause { message, ..failure })
    }

    pub(super) fn program_not_found(problem: impl Into<String>) -> Self {
        Self::failed(Cause::new("ProgramNotFound", problem))
    }

    pub(super) fn start_failed(program: &str, error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => {
                Self::program_not_found(format!("The program {program} does not exist."))
            }
            _ => Self::failed(Cause::new(
                "StartError",
                format!("The program {program} can't be started: {error}."),
            )),
        }
    }
}

/// The cause of a run that ended with trigger-api.
pub(super) fn restarted() -> Cause {
    Cause::new(RESTARTED, "trigger-api was stopped or restarted before the run ended.")
}

/// Why an attempt failed; None if it succeeded. For a signal, the exit code is that of a container: 128 plus the signal.
pub(super) fn failure(status: ExitStatus) -> Option<Cause> {
    let (reason, message, exit_code) = match (status.code(), status.signal()) {
        (Some(0), _) => return None,
        (Some(code), _) => ("ExitCode", format!("The program exited with code {code}."), Some(code)),
        (None, Some(signal)) => {
            ("Signal", format!("The program was terminated by signal {signal}."), Some(128 + signal))
        }
        (None, None) => ("Unknown", format!("The program ended with {status}."), None),
    };
    Some(Cause { exit_code, ..Cause::new(reason, message) })
}

pub(super) fn attempt_deadline_exceeded(limit: Duration) -> Cause {
    deadline_exceeded("The attempt", limit)
}

/// The cause of a run while it waits for its next attempt.
pub(super) fn retrying(failure: &Cause) -> Cause {
    let message = format!("{} The run is retried.", failure.message);
    Cause { reason: "Retrying".to_owned(), message, ..failure.clone() }
}

fn deadline_exceeded(subject: &str, limit: Duration) -> Cause {
    let message = format!("{subject} exceeded its activeDeadlineSeconds of {}.", limit.as_secs());
    Cause::new("DeadlineExceeded", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exit_status_has_the_reason_and_the_exit_code_of_a_container() {
        // In a wait status, the exit code is in the second byte and the signal in the first.
        for (status, expected) in [
            (0, None),
            (3 << 8, Some(("ExitCode", "The program exited with code 3.", Some(3)))),
            (9, Some(("Signal", "The program was terminated by signal 9.", Some(137)))),
        ] {
            let cause = failure(ExitStatus::from_raw(status));
            let found = cause.as_ref().map(|cause| (&*cause.reason, &*cause.message, cause.exit_code));
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn the_last_attempt_is_numbered_if_there_were_several() {
        for (attempts, message) in [(1, "It failed."), (3, "It failed. That was attempt 3, the last one.")] {
            let failure = Cause { exit_code: Some(2), ..Cause::new("ExitCode", "It failed.") };
            let outcome = Outcome::backoff_limit_exceeded(failure, attempts);
            let cause = outcome.cause.unwrap();
            assert_eq!((outcome.state, &*cause.message, cause.exit_code), (State::Failed, message, Some(2)));
        }
    }

    #[test]
    fn a_program_that_can_t_be_started_fails_the_run() {
        for (kind, reason) in
            [(io::ErrorKind::NotFound, "ProgramNotFound"), (io::ErrorKind::PermissionDenied, "StartError")]
        {
            let outcome = Outcome::start_failed("/bin/sync", &kind.into());
            let cause = outcome.cause.unwrap();
            assert_eq!((outcome.state, cause.reason.as_str()), (State::Failed, reason));
            assert!(cause.message.contains("/bin/sync"), "{}", cause.message);
        }
    }
}

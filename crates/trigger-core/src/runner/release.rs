//! The state of a run after its worker was interrupted.

use crate::run::{Cause, RESTARTED, State};
use crate::task_store::{Lease, Outcome};

/// The maximum number of starts of a run. A run that crashes its replica would otherwise do so repeatedly.
const MAX_ATTEMPTS: u32 = 3;

/// The outcome of an interrupted run: queued again if its target resumes runs, unless that was its last attempt.
/// `counts`: whether this attempt is one of the [`MAX_ATTEMPTS`].
pub(super) fn after_interruption(resumes: bool, lease: &Lease, reason: &str, counts: bool) -> Outcome {
    if !resumes {
        return interrupted(&format!(
            "{reason} The task is not started again automatically; start a new run."
        ));
    }
    if counts && lease.attempt >= MAX_ATTEMPTS {
        return interrupted(&format!(
            "{reason} That was attempt {MAX_ATTEMPTS} of {MAX_ATTEMPTS}; see its log."
        ));
    }
    Outcome::Queued { cause: Cause::new(RESTARTED, format!("{reason} It is started again.")), counts }
}

/// The outcome of a run that is not started again.
pub(super) fn interrupted(message: &str) -> Outcome {
    Outcome::Ended { state: State::Interrupted, cause: Some(Cause::new(RESTARTED, message)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::RunId;

    fn lease(attempt: u32) -> Lease {
        Lease {
            id: RunId::new("run"),
            target: "analysis".parse().unwrap(),
            worker: "worker".to_owned(),
            heartbeat: 1,
            attempt,
        }
    }

    #[test]
    fn an_interrupted_run_is_queued_again_until_its_attempts_are_used_up() {
        for (resumes, attempt, counts, queued) in [
            (true, 1, true, true),
            (true, 2, true, true),
            (true, 3, true, false),
            // An orderly shutdown does not count.
            (true, 3, false, true),
            (false, 1, true, false),
            (false, 1, false, false),
        ] {
            let outcome = after_interruption(resumes, &lease(attempt), "It was stopped.", counts);
            let is_queued = match outcome {
                Outcome::Queued { cause, counts: counted } => {
                    assert_eq!(counted, counts);
                    cause.reason == RESTARTED
                }
                Outcome::Ended { state, cause } => {
                    assert_eq!(state, State::Interrupted);
                    cause.is_none()
                }
            };
            assert_eq!(is_queued, queued, "{resumes} {attempt} {counts}");
        }
    }
}

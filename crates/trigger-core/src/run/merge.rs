//! Several observations of one run.

use super::{
    CANCELLED_ON_REQUEST, Cause, JOB_DELETED, JOB_SUSPENDED, REPLACED, ROLLED_BACK, Run, SUSPENDED, State,
};

/// Whether a cause is that of a cancellation. Later ones are more precise.
#[derive(Clone, Copy, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum CancelCause {
    None,
    /// The Job was deleted, and by whom is not known.
    Deleted,
    Requested,
}

impl Run {
    /// The run after a later observation, or one of another replica. A final state is kept, except that an observed end
    /// replaces an unobserved one. A cancellation stays the cause, and its request replaces the bare deletion of the Job.
    #[must_use]
    pub fn merged(&self, observed: &Self) -> Self {
        let mut merged = observed.clone();
        merged.requested_by = observed.requested_by.clone().or_else(|| self.requested_by.clone());
        merged.reason = observed.reason.clone().or_else(|| self.reason.clone());
        merged.request_id = observed.request_id.clone().or_else(|| self.request_id.clone());
        merged.fingerprint = observed.fingerprint.clone().or_else(|| self.fingerprint.clone());
        merged.requested_via = observed.requested_via.clone().or_else(|| self.requested_via.clone());
        merged.retry_of = observed.retry_of.clone().or_else(|| self.retry_of.clone());
        if observed.parameters.is_empty() {
            merged.parameters.clone_from(&self.parameters);
        }
        if observed.containers.is_empty() {
            merged.containers.clone_from(&self.containers);
        }
        merged.started_at = observed.started_at.or(self.started_at);
        if self.keeps_state(observed) {
            merged.state = self.state;
            merged.finished_at = self.finished_at;
        }
        if self.keeps_cause(observed) {
            merged.cause.clone_from(&self.cause);
        }
        // A suspended Job whose pods are gone does not show that it was running.
        if merged.state == State::Running && merged.has_cause(JOB_SUSPENDED) {
            merged.cause = Some(Cause::suspended_while_running());
        }
        merged
    }

    fn keeps_state(&self, observed: &Self) -> bool {
        match self.state {
            State::Pending | State::Unknown => false,
            State::Running => observed.state == State::Pending,
            State::Interrupted => !observed.state.is_final(),
            State::Succeeded | State::Failed | State::Cancelled => true,
        }
    }

    fn keeps_cause(&self, observed: &Self) -> bool {
        let (own, other) = (self.cancel_cause(), observed.cancel_cause());
        match self.state {
            State::Succeeded | State::Failed => true,
            State::Interrupted => !observed.state.is_final(),
            State::Cancelled => own == CancelCause::Requested || other < CancelCause::Requested,
            State::Pending | State::Running | State::Unknown => match observed.state {
                State::Cancelled => own == CancelCause::Requested || own > other,
                State::Pending | State::Running | State::Unknown if own > CancelCause::None => {
                    own == CancelCause::Requested || own > other
                }
                // A running run that is observed as pending is an older observation, or one without the earlier pods.
                State::Pending if self.state == State::Running => {
                    let is_suspended = |run: &Self| run.has_cause(SUSPENDED) || run.has_cause(JOB_SUSPENDED);
                    other == CancelCause::None && !is_suspended(observed) && !is_suspended(self)
                }
                _ => false,
            },
        }
    }

    fn has_cause(&self, reason: &str) -> bool {
        self.cause.as_ref().is_some_and(|cause| cause.reason == reason)
    }

    pub(super) fn cancel_cause(&self) -> CancelCause {
        match self.cause.as_ref().map(|cause| cause.reason.as_str()) {
            Some(CANCELLED_ON_REQUEST | REPLACED | ROLLED_BACK) => CancelCause::Requested,
            Some(JOB_DELETED) => CancelCause::Deleted,
            _ => CancelCause::None,
        }
    }
}

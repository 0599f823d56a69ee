//! Whether the store can be written, as its last statements showed.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::failure::Failure;
use super::row::Answer;
use super::statement::Statement;
use trigger_core::ports::Unwritable;

/// Learns from every statement whether the store can be written. Changes are logged, repetitions are not.
#[derive(Default)]
pub(super) struct Health {
    state: Mutex<State>,
    written: AtomicBool,
}

/// What is written is either for callers, or only to check that it can be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Purpose {
    Work,
    Check,
}

#[derive(Default)]
struct State {
    unwritable: Option<Unwritable>,
    /// The file of the database is no longer the one that is open.
    misplaced: bool,
    /// How many checks in a row must succeed. A check may succeed where more is needed for real work.
    checks_needed: u32,
}

/// How many checks in a row show that a database can be written which failed for real work.
const CHECKS_AFTER_FAILED_WORK: u32 = 3;
/// What is open goes when the program ends, so nothing that is written now is kept.
const MISPLACED: Unwritable = Unwritable("the history's file was deleted or replaced");

impl Health {
    /// Why the store can't be written; None when it can.
    pub(super) fn unwritable(&self) -> Option<Unwritable> {
        let state = self.locked();
        if state.misplaced { Some(MISPLACED) } else { state.unwritable }
    }

    /// Takes note of whether the file of the database is no longer the one that is open.
    pub(super) fn note_place(&self, place: &str, misplaced: bool) {
        if std::mem::replace(&mut self.locked().misplaced, misplaced) == misplaced {
            return;
        }
        if misplaced {
            tracing::error!(
                place,
                "{MISPLACED}: what is written goes into the old file and is lost with this process; put it back, \
                 or restart this program to use the file that is there now"
            );
        } else {
            tracing::info!(place, "the history's file is the one that is open again");
        }
    }

    /// Whether something was written since this was last asked.
    pub(super) fn written_since_last_asked(&self) -> bool {
        self.written.swap(false, Ordering::Relaxed)
    }

    /// Takes note of how a statement ended.
    pub(super) fn note(
        &self,
        place: &str,
        purpose: Purpose,
        statement: &Statement,
        result: &Result<Answer, Failure>,
    ) {
        match result {
            // A write that changes nothing succeeds on a full disk as well.
            Ok(answer) if statement.writes() && answer.changed > 0 => {
                self.written.store(true, Ordering::Relaxed);
                if self.recovers(purpose) {
                    tracing::info!(place, "the history can be written again");
                }
            }
            Ok(_) => {}
            Err(failure) => {
                let Some(unwritable) = failure.unwritable() else { return };
                let needed = match purpose {
                    Purpose::Work if statement.writes() => CHECKS_AFTER_FAILED_WORK,
                    Purpose::Work | Purpose::Check => 0,
                };
                if self.fails(unwritable, needed) {
                    tracing::error!(place, error = %failure, "the history can't be written: {unwritable}");
                }
            }
        }
    }

    /// A write succeeded: whether the database can be written again from now on.
    fn recovers(&self, purpose: Purpose) -> bool {
        let mut state = self.locked();
        state.checks_needed = match purpose {
            Purpose::Work => 0,
            Purpose::Check => state.checks_needed.saturating_sub(1),
        };
        state.checks_needed == 0 && state.unwritable.take().is_some()
    }

    /// A statement failed: whether that is news.
    fn fails(&self, unwritable: Unwritable, checks_needed: u32) -> bool {
        let mut state = self.locked();
        state.checks_needed = state.checks_needed.max(checks_needed);
        state.unwritable.replace(unwritable) != Some(unwritable)
    }

    fn locked(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

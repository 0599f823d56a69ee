//! Whether the store can be written, as its last statements showed.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use super::failure::Failure;
use super::row::Answer;
use super::statement::Statement;
use crate::domain::ports::Unwritable;

/// Learns from every statement whether the store can be written. Changes are logged, repetitions are not.
#[derive(Default)]
pub(super) struct Health {
    unwritable: Mutex<Option<Unwritable>>,
    written: AtomicBool,
}

impl Health {
    /// Why the store can't be written; None when it can.
    pub(super) fn unwritable(&self) -> Option<Unwritable> {
        *self.unwritable.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether something was written since this was last asked.
    pub(super) fn written_since_last_asked(&self) -> bool {
        self.written.swap(false, Ordering::Relaxed)
    }

    /// Takes note of how a statement ended.
    pub(super) fn note(&self, place: &str, statement: &Statement, result: &Result<Answer, Failure>) {
        match result {
            // A write that changes nothing succeeds on a full disk as well.
            Ok(answer) if statement.writes() && answer.changed > 0 => {
                self.written.store(true, Ordering::Relaxed);
                if self.replace(None).is_some() {
                    tracing::info!(place, "the history can be written again");
                }
            }
            Ok(_) => {}
            Err(failure) => {
                let Some(unwritable) = failure.unwritable() else { return };
                if self.replace(Some(unwritable)) != Some(unwritable) {
                    tracing::error!(place, error = %failure, "the history can't be written: {unwritable}");
                }
            }
        }
    }

    fn replace(&self, unwritable: Option<Unwritable>) -> Option<Unwritable> {
        let mut current = self.unwritable.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *current, unwritable)
    }
}

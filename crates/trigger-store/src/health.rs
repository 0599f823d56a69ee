//! Whether the store can be written, as its latest statements showed.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use trigger_core::store_error::Unwritable;

use super::execute_error::ExecuteError;
use super::row::StatementResult;
use super::statement::Statement;

/// Derives from the result of each statement whether the store can be written. Logs changes, not repetitions.
#[derive(Default)]
pub(super) struct Health {
    state: Mutex<HealthState>,
    written: AtomicBool,
}

/// Why a statement is executed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Purpose {
    /// For a caller.
    Request,
    /// To check whether the store can be written.
    Check,
    /// To delete what exceeds the retention. On a full disk this can succeed where nothing else does.
    Delete,
}

#[derive(Default)]
struct HealthState {
    unwritable: Option<Unwritable>,
    /// The path no longer leads to the SQLite file that is open.
    file_replaced: bool,
    /// How many checks in a row must succeed. A check can succeed where a request needs more, such as a free disk page.
    checks_needed: u32,
    /// The size of the largest write that failed, in pages. Smaller ones can succeed while a disk is almost full.
    failed_pages: usize,
}

/// Smaller differences in size do not decide whether a write succeeds.
const PAGE_BYTES: usize = 4096;

/// How many checks must succeed in a row after a write of a request has failed.
const CHECKS_AFTER_FAILED_REQUEST: u32 = 3;
/// The open file disappears when the program ends, so all that is written to it is lost.
const FILE_REPLACED: Unwritable = Unwritable("the history's file was deleted or replaced");

impl Health {
    /// Why the store can't be written; None if it can.
    pub(super) fn unwritable(&self) -> Option<Unwritable> {
        let state = self.locked();
        if state.file_replaced { Some(FILE_REPLACED) } else { state.unwritable }
    }

    /// Records whether the SQLite file was deleted or replaced while it was open.
    pub(super) fn record_file(&self, place: &str, replaced: bool) {
        if std::mem::replace(&mut self.locked().file_replaced, replaced) == replaced {
            return;
        }
        if replaced {
            tracing::error!(
                place,
                "{FILE_REPLACED}: writes go to the old file and are lost when this process ends; restore the file, or \
                 restart this program to use the new one"
            );
        } else {
            tracing::info!(place, "the history's file was restored");
        }
    }

    /// Whether the store was written since the last call of this method.
    pub(super) fn take_written(&self) -> bool {
        self.written.swap(false, Ordering::Relaxed)
    }

    /// Records the result of a statement.
    pub(super) fn record(
        &self,
        place: &str,
        purpose: Purpose,
        statement: &Statement,
        result: &Result<StatementResult, ExecuteError>,
    ) {
        match result {
            // A write that changes no row also succeeds on a full disk.
            Ok(result) if statement.writes() && result.rows_affected > 0 && purpose != Purpose::Delete => {
                self.written.store(true, Ordering::Relaxed);
                if self.record_write(purpose, statement.bytes() / PAGE_BYTES) {
                    tracing::info!(place, "the history can be written again");
                }
            }
            Ok(_) => {}
            Err(error) => {
                let Some(unwritable) = error.unwritable() else { return };
                let checks_needed = match purpose {
                    Purpose::Request if statement.writes() => CHECKS_AFTER_FAILED_REQUEST,
                    Purpose::Request | Purpose::Check | Purpose::Delete => 0,
                };
                if self.record_failure(unwritable, checks_needed, statement.bytes() / PAGE_BYTES) {
                    tracing::error!(place, error = %error, "the history can't be written: {unwritable}");
                }
            }
        }
    }

    /// Records a successful write. Returns whether the store has become writable.
    fn record_write(&self, purpose: Purpose, pages: usize) -> bool {
        let mut state = self.locked();
        state.checks_needed = match purpose {
            Purpose::Check => state.checks_needed.saturating_sub(1),
            Purpose::Request | Purpose::Delete if pages >= state.failed_pages => 0,
            Purpose::Request | Purpose::Delete => state.checks_needed,
        };
        if state.checks_needed > 0 {
            return false;
        }
        state.failed_pages = 0;
        state.unwritable.take().is_some()
    }

    /// Records a failed statement. Returns whether the reason is a new one.
    fn record_failure(&self, unwritable: Unwritable, checks_needed: u32, pages: usize) -> bool {
        let mut state = self.locked();
        state.checks_needed = state.checks_needed.max(checks_needed);
        state.failed_pages = state.failed_pages.max(pages);
        state.unwritable.replace(unwritable) != Some(unwritable)
    }

    fn locked(&self) -> MutexGuard<'_, HealthState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::super::statement::SqlValue;
    use super::*;

    const SILENT: Unwritable = Unwritable("the database does not answer");

    fn write() -> Statement {
        Statement::new("UPDATE a SET b = 1", Vec::new())
    }

    fn written(rows_affected: u64) -> StatementResult {
        StatementResult { rows: Vec::new(), rows_affected }
    }

    fn silent() -> ExecuteError {
        ExecuteError::Timeout(std::time::Duration::from_secs(12))
    }

    #[test]
    fn after_a_failed_write_three_checks_or_one_write_must_succeed() {
        let health = Health::default();
        assert_eq!(health.unwritable(), None);
        health.record("a", Purpose::Request, &write(), &Err(silent()));
        for _ in 0..2 {
            health.record("a", Purpose::Check, &write(), &Ok(written(1)));
            assert_eq!(health.unwritable(), Some(SILENT));
        }
        health.record("a", Purpose::Check, &write(), &Ok(written(1)));
        assert_eq!(health.unwritable(), None);
        health.record("a", Purpose::Request, &write(), &Err(silent()));
        health.record("a", Purpose::Request, &write(), &Ok(written(0)));
        assert_eq!(health.unwritable(), Some(SILENT), "a write that changes nothing does not count");
        health.record("a", Purpose::Request, &write(), &Ok(written(1)));
        assert_eq!(health.unwritable(), None);
    }

    #[test]
    fn a_small_write_does_not_make_a_store_writable_where_a_large_one_failed() {
        let large = Statement::new("UPDATE a SET b = $1", vec![SqlValue::Bytes(vec![0; 64 * 1024])]);
        let health = Health::default();
        health.record("a", Purpose::Request, &large, &Err(silent()));
        for (purpose, statement) in [(Purpose::Request, write()), (Purpose::Delete, large.clone())] {
            health.record("a", purpose, &statement, &Ok(written(1)));
            assert_eq!(health.unwritable(), Some(SILENT));
        }
        health.record("a", Purpose::Request, &large, &Ok(written(1)));
        assert_eq!(health.unwritable(), None);
    }

    #[test]
    fn after_a_failed_read_or_check_one_check_must_succeed() {
        let read = Statement::new("SELECT 1", Vec::new());
        for (purpose, statement) in [(Purpose::Request, read), (Purpose::Check, write())] {
            let health = Health::default();
            health.record("a", purpose, &statement, &Err(silent()));
            assert_eq!(health.unwritable(), Some(SILENT));
            health.record("a", Purpose::Check, &write(), &Ok(written(1)));
            assert_eq!(health.unwritable(), None);
        }
    }

    #[test]
    fn an_error_of_one_statement_does_not_make_the_store_unwritable() {
        let health = Health::default();
        let error = Err(ExecuteError::Statement(sqlx::Error::RowNotFound));
        health.record("a", Purpose::Request, &write(), &error);
        assert_eq!(health.unwritable(), None);
    }

    #[test]
    fn a_replaced_file_is_reported_until_it_is_restored() {
        let health = Health::default();
        health.record_file("a", true);
        health.record("a", Purpose::Request, &write(), &Ok(written(1)));
        assert_eq!(health.unwritable(), Some(FILE_REPLACED));
        assert!(health.take_written() && !health.take_written());
        health.record_file("a", false);
        assert_eq!(health.unwritable(), None);
    }
}

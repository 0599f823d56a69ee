//! Writes the observed states of runs to the store, in order, and retries while the store fails.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::feed::Feed;
use super::log_interval::LogInterval;
use super::log_text::LogTail;
use super::run::{Run, RunId, State};
use super::run_store::{Cursor, RunFilter, RunSlice, RunStore};
use super::store_error::StoreError;
use super::unsaved::{PendingWrite, UnsavedWrites};

pub use super::unsaved::Dropped;

/// The pause after the store failed.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(1);

/// How long the end of a run is delayed until its log is stored.
const MAX_LOG_DELAY: Duration = Duration::from_secs(1);

/// How long [`Recorder::keep_up`] waits.
const MAX_KEEP_UP: Duration = Duration::from_secs(5);

/// How often [`Recorder::keep_up`] checks what is not written yet.
const KEEP_UP_INTERVAL: Duration = Duration::from_millis(10);

/// How often changes that can't be stored are checked.
const CHECK_INTERVAL: Duration = Duration::from_millis(500);

/// Writes runs and log tails to the store, and answers queries from those that are not written yet.
pub struct Recorder {
    store: Arc<dyn RunStore>,
    feed: Arc<Feed>,
    unsaved: Mutex<UnsavedWrites>,
    wake: Notify,
    /// Held while writing, so that observations of a run are written in order.
    write_lock: tokio::sync::Mutex<()>,
    /// The number of failed writes.
    failures: AtomicU64,
    failure_log: LogInterval,
    /// Whether something was dropped that was not restored yet.
    has_gap: AtomicBool,
    /// Notified when everything is written while there is a gap.
    fillable: Notify,
}

/// What one write has stored.
enum Written {
    Nothing,
    /// The run as it is stored now.
    Run(Box<Run>),
    Log,
}

impl Recorder {
    /// A recorder for that store, which wakes the feed after each write. What is not written yet needs at most `max_bytes`:
    /// if the store can't be written for a long time, log tails are dropped, and then observations. [`super::backfill`]
    /// restores what the cluster still has.
    pub fn new(store: Arc<dyn RunStore>, feed: Arc<Feed>, max_bytes: usize) -> Self {
        Self {
            store,
            feed,
            unsaved: Mutex::new(UnsavedWrites::new(max_bytes)),
            wake: Notify::new(),
            write_lock: tokio::sync::Mutex::default(),
            failures: AtomicU64::new(0),
            failure_log: LogInterval::default(),
            has_gap: AtomicBool::new(false),
            fillable: Notify::new(),
        }
    }

    /// Queues an observed state of a run.
    pub fn observe(&self, run: Run) {
        self.queue(|unsaved| unsaved.add_run(run));
    }

    /// Queues the tail of a run's log.
    pub fn keep_log(&self, id: RunId, tail: LogTail) {
        self.queue(|unsaved| unsaved.add_log(id, tail));
    }

    fn queue(&self, add: impl FnOnce(&mut UnsavedWrites)) {
        let mut unsaved = self.locked();
        let before = unsaved.dropped();
        add(&mut unsaved);
        if unsaved.dropped() != before && !self.has_gap.swap(true, Ordering::Relaxed) {
            tracing::error!(
                unsaved_bytes = unsaved.bytes(),
                "the history can't be written fast enough: the oldest log tails, and then the oldest states of runs, are \
                 dropped; what the cluster still has is stored later"
            );
        }
        drop(unsaved);
        self.wake.notify_one();
    }

    /// Queues the tail of a run's log and writes everything that is queued, within a second.
    pub async fn record_log(&self, id: &RunId, tail: LogTail) {
        self.keep_log(id.clone(), tail);
        self.drain(MAX_LOG_DELAY).await;
    }

    /// Queues an observed state of a run and writes it now; see [`Recorder::flush`].
    pub async fn record(&self, run: Run) -> Run {
        self.observe(run.clone());
        self.flush(run).await
    }

    /// Writes everything that is queued for a run, and returns the run as it is stored. If the store fails, the queue is kept
    /// and the observed run is returned: the cluster is the authority on runs, the store is only their history.
    pub async fn flush(&self, run: Run) -> Run {
        let failures = self.failures.load(Ordering::Relaxed);
        let mut stored = None;
        loop {
            let _lock = self.write_lock.lock().await;
            // A failed write ends all waiting calls; otherwise they would fail one after the other.
            if self.failures.load(Ordering::Relaxed) != failures {
                return self.unsaved(&run.id).unwrap_or(run);
            }
            match self.write(|unsaved| unsaved.first_of(&run.id)).await {
                Ok(Written::Run(run)) => stored = Some(*run),
                Ok(Written::Log) => {}
                Ok(Written::Nothing) => break,
                Err(error) => {
                    self.log_failure(&error);
                    return self.unsaved(&run.id).unwrap_or(run);
                }
            }
        }
        match stored {
            Some(stored) => stored,
            None => self.store.run(&run.id).await.ok().flatten().unwrap_or(run),
        }
    }

    /// The run of that id, from the store and the queue. While the store can't be written, another replica may have queued a
    /// run that is not in this replica. So an unknown run is an error while the store can't be written.
    ///
    /// # Errors
    /// When the run is unknown and the store can't be read or written.
    pub async fn find(&self, id: &RunId) -> Result<Option<Run>, StoreError> {
        // The queue is read before the store: a run leaves it only after it was stored.
        let Some(unsaved) = self.unsaved(id) else {
            let stored = self.store.run(id).await?;
            return match (stored, self.store.unwritable()) {
                (None, Some(reason)) => Err(StoreError::NotStoredYet { id: id.clone(), reason }),
                (stored, _) => Ok(stored),
            };
        };
        Ok(Some(match self.store.run(id).await {
            Ok(Some(stored)) => stored.merged(&unsaved),
            Ok(None) | Err(_) => unsaved,
        }))
    }

    /// Runs, newest first, from the store and the queue.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn list(&self, filter: &RunFilter) -> Result<RunSlice, StoreError> {
        // The queue is read before the store, as in `find`.
        let unsaved = self.locked().all_runs();
        let RunSlice { mut runs, mut read_to } = self.store.runs(filter).await?;
        for run in unsaved {
            let listed = runs.iter().position(|stored| stored.id == run.id);
            let merged = match listed.map(|place| runs.swap_remove(place)) {
                Some(stored) => stored.merged(&run),
                None => run,
            };
            // A run beyond the part that was read is on a later page.
            if filter.matches(&merged) && read_to.as_ref().is_none_or(|end| Cursor::of(&merged) >= *end) {
                runs.push(merged);
            }
        }
        runs.sort_by(|a, b| (b.created_at, &b.id).cmp(&(a.created_at, &a.id)));
        if runs.len() > usize::from(filter.limit) {
            runs.truncate(filter.limit.into());
            read_to = runs.last().map(Cursor::of);
        }
        Ok(RunSlice { runs, read_to })
    }

    /// The tail of a run's log, from the queue or the store.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn log(&self, id: &RunId) -> Result<Option<LogTail>, StoreError> {
        let unsaved = self.locked().log(id);
        if unsaved.is_some() { Ok(unsaved) } else { self.store.log(id).await }
    }

    /// Waits until a change of the run's state from `known` can't be stored, and returns the run after the change.
    pub async fn unsaved_change(&self, id: &RunId, known: State) -> Run {
        loop {
            let changed = self.unsaved(id).filter(|run| run.state != known);
            if let Some(run) = changed.filter(|_| self.store.unwritable().is_some()) {
                return run;
            }
            tokio::time::sleep(CHECK_INTERVAL).await;
        }
    }

    /// Waits for some seconds until what is not written yet needs at most `bytes`. It does not wait for a store that can't be
    /// written.
    pub async fn keep_up(&self, bytes: usize) {
        let written = async {
            while self.unsaved_bytes() > bytes && self.store.unwritable().is_none() {
                tokio::time::sleep(KEEP_UP_INTERVAL).await;
            }
        };
        let _ = tokio::time::timeout(MAX_KEEP_UP, written).await;
    }

    /// The approximate memory of what is not written yet, in bytes.
    pub fn unsaved_bytes(&self) -> usize {
        self.locked().bytes()
    }

    /// What was dropped so far.
    pub fn dropped(&self) -> Dropped {
        self.locked().dropped()
    }

    /// Whether something was dropped that was not restored yet.
    pub fn has_gap(&self) -> bool {
        self.has_gap.load(Ordering::Relaxed)
    }

    /// Waits until something was dropped and everything else is written. Returns what was dropped until then.
    pub(super) async fn gap(&self) -> Dropped {
        loop {
            self.fillable.notified().await;
            if self.has_gap() {
                return self.dropped();
            }
        }
    }

    /// Closes the gap, unless more was dropped than the call of [`Recorder::gap`] returned. Returns whether it is closed.
    pub(super) fn close_gap(&self, dropped: Dropped) -> bool {
        let unsaved = self.locked();
        let closed = unsaved.dropped() == dropped;
        if closed {
            self.has_gap.store(false, Ordering::Relaxed);
        }
        closed
    }

    /// Whether an observation of the run is not written yet.
    pub(super) fn has_unsaved(&self, id: &RunId) -> bool {
        self.locked().first_of(id).is_some()
    }

    fn unsaved(&self, id: &RunId) -> Option<Run> {
        self.locked().run(id)
    }

    /// Writes what is queued. Never returns. The future may be dropped at any moment; the write in progress is repeated
    /// later.
    pub async fn run(&self) {
        loop {
            match self.write_next().await {
                Ok(Written::Run(_) | Written::Log) => {}
                Ok(Written::Nothing) => {
                    if self.has_gap() {
                        self.fillable.notify_one();
                    }
                    self.wake.notified().await;
                }
                Err(error) => {
                    self.log_failure(&error);
                    tokio::time::sleep(PAUSE_AFTER_FAILURE).await;
                }
            }
        }
    }

    /// Writes what is queued now, within `limit`. It may be called while [`Recorder::run`] is running.
    pub async fn drain(&self, limit: Duration) {
        let all = async { while matches!(self.write_next().await, Ok(Written::Run(_) | Written::Log)) {} };
        let _ = tokio::time::timeout(limit, all).await;
    }

    async fn write_next(&self) -> Result<Written, StoreError> {
        let _lock = self.write_lock.lock().await;
        self.write(UnsavedWrites::first).await
    }

    /// Executes one of the queued writes. The caller must hold the write lock.
    async fn write(
        &self,
        select: impl FnOnce(&UnsavedWrites) -> Option<(u64, PendingWrite)>,
    ) -> Result<Written, StoreError> {
        let selected = select(&self.locked());
        let Some((place, write)) = selected else { return Ok(Written::Nothing) };
        let written = match &write {
            PendingWrite::Run(run) => self.store.save(run).await.map(|stored| Written::Run(Box::new(stored))),
            PendingWrite::Log(id, tail) => self.store.save_log(id, tail).await.map(|()| Written::Log),
        };
        match &written {
            Ok(Written::Run(_)) => self.feed.wake(),
            Ok(_) => {}
            Err(_) => {
                self.failures.fetch_add(1, Ordering::Relaxed);
            }
        }
        let written = written?;
        self.locked().remove_executed(place, &write);
        Ok(written)
    }

    fn log_failure(&self, error: &StoreError) {
        if self.failure_log.is_due() {
            let unsaved = self.locked().len();
            tracing::error!(%error, unsaved, "cannot write the history; retrying");
        }
    }

    fn locked(&self) -> MutexGuard<'_, UnsavedWrites> {
        self.unsaved.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! Writes the observed states of runs to the store, in order, and retries while the store fails.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::feed::Feed;
use super::log_buffers::LogTail;
use super::run::{Run, RunId, State};
use super::run_store::{RunFilter, RunStore};
use super::store_error::StoreError;

/// The pause after the store failed.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(1);

/// How long the end of a run is delayed until its log is stored.
const MAX_LOG_DELAY: Duration = Duration::from_secs(1);

/// How often changes that can't be stored are checked.
const CHECK_INTERVAL: Duration = Duration::from_millis(500);

/// Writes runs and log tails to the store, and answers queries from those that are not written yet.
pub struct Recorder {
    store: Arc<dyn RunStore>,
    feed: Arc<Feed>,
    queue: Mutex<VecDeque<PendingWrite>>,
    wake: Notify,
    /// Held while writing, so that observations of a run are written in order.
    write_lock: tokio::sync::Mutex<()>,
    /// The number of failed writes.
    failures: AtomicU64,
}

#[derive(Clone, PartialEq)]
enum PendingWrite {
    Run(Box<Run>),
    Log(RunId, LogTail),
}

impl Recorder {
    /// A recorder for that store, which wakes the feed after each write.
    pub fn new(store: Arc<dyn RunStore>, feed: Arc<Feed>) -> Self {
        Self {
            store,
            feed,
            queue: Mutex::default(),
            wake: Notify::new(),
            write_lock: tokio::sync::Mutex::default(),
            failures: AtomicU64::new(0),
        }
    }

    /// Queues an observed state of a run. It is merged into a queued observation of the same state, so that the queue is
    /// bounded by the number of runs.
    pub fn observe(&self, run: Run) {
        let mut queue = self.locked();
        let same = queue.iter_mut().rev().find_map(|write| match write {
            PendingWrite::Run(other) if other.id == run.id => Some(other),
            PendingWrite::Run(_) | PendingWrite::Log(..) => None,
        });
        match same {
            Some(earlier) if earlier.state == run.state => **earlier = earlier.merged(&run),
            _ => queue.push_back(PendingWrite::Run(Box::new(run))),
        }
        self.wake.notify_one();
    }

    /// Queues the tail of a run's log.
    pub fn keep_log(&self, id: RunId, tail: LogTail) {
        self.locked().push_back(PendingWrite::Log(id, tail));
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
        let is_of_run =
            |write: &PendingWrite| matches!(write, PendingWrite::Run(other) if other.id == run.id);
        let failures = self.failures.load(Ordering::Relaxed);
        loop {
            let _lock = self.write_lock.lock().await;
            // A failed write ends all waiting calls; otherwise they would fail one after the other.
            if self.failures.load(Ordering::Relaxed) != failures {
                return self.unsaved(&run.id).unwrap_or(run);
            }
            match self.write_first(is_of_run).await {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => {
                    tracing::error!(%error, run.id = %run.id, "cannot store a run; retrying");
                    return self.unsaved(&run.id).unwrap_or(run);
                }
            }
        }
        self.store.run(&run.id).await.ok().flatten().unwrap_or(run)
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
    pub async fn list(&self, filter: &RunFilter) -> Result<Vec<Run>, StoreError> {
        let unsaved = self.all_unsaved();
        let mut runs = self.store.runs(filter).await?;
        for run in unsaved {
            let listed = runs.iter_mut().find(|stored| stored.id == run.id);
            let merged = listed.as_deref().map_or_else(|| run.clone(), |stored| stored.merged(&run));
            match listed {
                _ if !filter.matches(&merged) => {}
                Some(stored) => *stored = merged,
                None => runs.push(merged),
            }
        }
        runs.sort_by(|a, b| (b.created_at, &b.id).cmp(&(a.created_at, &a.id)));
        runs.truncate(filter.limit.into());
        Ok(runs)
    }

    /// The tail of a run's log, from the queue or the store.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn log(&self, id: &RunId) -> Result<Option<LogTail>, StoreError> {
        let unsaved = self.locked().iter().rev().find_map(|write| match write {
            PendingWrite::Log(of, tail) if of == id => Some(tail.clone()),
            PendingWrite::Log(..) | PendingWrite::Run(_) => None,
        });
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

    fn unsaved(&self, id: &RunId) -> Option<Run> {
        self.all_unsaved().into_iter().find(|run| run.id == *id)
    }

    /// The runs of the queue, each with all its observations merged.
    fn all_unsaved(&self) -> Vec<Run> {
        let mut runs: Vec<Run> = Vec::new();
        for write in self.locked().iter() {
            let PendingWrite::Run(observed) = write else { continue };
            match runs.iter_mut().find(|run| run.id == observed.id) {
                Some(run) => *run = run.merged(observed),
                None => runs.push((**observed).clone()),
            }
        }
        runs
    }

    /// Writes what is queued. Never returns. The future may be dropped at any moment; the write in progress is repeated
    /// later.
    pub async fn run(&self) {
        loop {
            match self.write_next().await {
                Ok(true) => {}
                Ok(false) => self.wake.notified().await,
                Err(error) => {
                    tracing::error!(%error, waiting = self.locked().len(), "cannot write the history; retrying");
                    tokio::time::sleep(PAUSE_AFTER_FAILURE).await;
                }
            }
        }
    }

    /// Writes what is queued now, within `limit`. It may be called while [`Recorder::run`] is running.
    pub async fn drain(&self, limit: Duration) {
        let all = async { while self.write_next().await.unwrap_or_default() {} };
        let _ = tokio::time::timeout(limit, all).await;
    }

    async fn write_next(&self) -> Result<bool, StoreError> {
        let _lock = self.write_lock.lock().await;
        self.write_first(|_| true).await
    }

    /// Writes the first queued item that matches; false if there is none. The caller must hold the write lock.
    async fn write_first(&self, matches: impl Fn(&PendingWrite) -> bool) -> Result<bool, StoreError> {
        let first = self.locked().iter().find(|write| matches(write)).cloned();
        let Some(write) = first else { return Ok(false) };
        let written = match &write {
            PendingWrite::Run(run) => self.store.save(run).await.map(|_| self.feed.wake()),
            PendingWrite::Log(id, tail) => self.store.save_log(id, tail).await,
        };
        if written.is_err() {
            self.failures.fetch_add(1, Ordering::Relaxed);
        }
        written?;
        self.remove_written(&write);
        Ok(true)
    }

    /// Removes a written item, unless a newer observation was merged into it in the meantime.
    fn remove_written(&self, written: &PendingWrite) {
        let mut queue = self.locked();
        if let Some(place) = queue.iter().position(|other| other == written) {
            queue.remove(place);
        }
    }

    fn locked(&self) -> MutexGuard<'_, VecDeque<PendingWrite>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

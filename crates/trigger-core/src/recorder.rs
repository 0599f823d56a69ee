//! Brings what executors see of runs into the store, in order, also when the store is away for a while.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::feed::Feed;
use super::log_buffers::LogTail;
use super::ports::{RunFilter, RunStore, StoreError};
use super::run::{Run, RunId, State};

/// How long the store is left alone after it failed.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(1);

/// How long the end of a run waits until its log is written down.
const PATIENCE_FOR_A_LOG: Duration = Duration::from_secs(1);

/// How often a change of a run that can't be stored is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Writes runs and log tails down, and answers from what is not written yet.
pub struct Recorder {
    store: Arc<dyn RunStore>,
    feed: Arc<Feed>,
    waiting: Mutex<VecDeque<Note>>,
    wake: Notify,
    /// Who writes holds it, so that sights of a run are written in the order in which they were had.
    write_lock: tokio::sync::Mutex<()>,
    /// How many writes have failed.
    failures: AtomicU64,
}

#[derive(Clone, PartialEq)]
enum Note {
    Seen(Box<Run>),
    Log(RunId, LogTail),
}

impl Recorder {
    /// A recorder into that store, which tells the feed.
    pub fn new(store: Arc<dyn RunStore>, feed: Arc<Feed>) -> Self {
        Self {
            store,
            feed,
            waiting: Mutex::default(),
            wake: Notify::new(),
            write_lock: tokio::sync::Mutex::default(),
            failures: AtomicU64::new(0),
        }
    }

    /// Notes what was seen of a run. A later sight in the same state is taken into one that still waits, so what waits is
    /// bounded by the number of runs.
    pub fn observe(&self, run: Run) {
        let mut waiting = self.locked();
        let same = waiting.iter_mut().rev().find_map(|note| match note {
            Note::Seen(other) if other.id == run.id => Some(other),
            Note::Seen(_) | Note::Log(..) => None,
        });
        match same {
            Some(earlier) if earlier.state == run.state => **earlier = earlier.merged(&run),
            _ => waiting.push_back(Note::Seen(Box::new(run))),
        }
        self.wake.notify_one();
    }

    /// Notes the end of a run's log.
    pub fn keep_log(&self, id: RunId, tail: LogTail) {
        self.locked().push_back(Note::Log(id, tail));
        self.wake.notify_one();
    }

    /// Notes the end of a run's log and has all that is noted written, in at most a second.
    pub async fn record_log(&self, id: &RunId, tail: LogTail) {
        self.keep_log(id.clone(), tail);
        self.drain(PATIENCE_FOR_A_LOG).await;
    }

    /// Notes what was seen of a run and writes it down at once; see [`Recorder::flush`].
    pub async fn record(&self, run: Run) -> Run {
        self.observe(run.clone());
        self.flush(run).await
    }

    /// Writes down at once what is noted of a run, and gives the run as the store has it then. When the store fails, the
    /// notes wait and the run is given as it is: the cluster is the record, the store only remembers.
    pub async fn flush(&self, run: Run) -> Run {
        let is_of = |note: &Note| matches!(note, Note::Seen(seen) if seen.id == run.id);
        let failures = self.failures.load(Ordering::Relaxed);
        loop {
            let _pen = self.write_lock.lock().await;
            // One try that failed is enough for all who waited for it, or they would wait for each other in vain.
            if self.failures.load(Ordering::Relaxed) != failures {
                return self.unsaved(&run.id).unwrap_or(run);
            }
            match self.write_first(is_of).await {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => {
                    tracing::error!(%error, run.id = %run.id, "a run could not be stored; it is tried again");
                    return self.unsaved(&run.id).unwrap_or(run);
                }
            }
        }
        self.store.run(&run.id).await.ok().flatten().unwrap_or(run)
    }

    /// The run of that id, as the store and what is not stored yet have it. While the store can't be written, another
    /// replica may keep a run that this one does not know: that is an error, and not an unknown run.
    ///
    /// # Errors
    /// When the run is not known, and the store can't be read or written.
    pub async fn find(&self, id: &RunId) -> Result<Option<Run>, StoreError> {
        // What waits is read first: it leaves only when it is stored.
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

    /// Runs, newest first, as the store and what is not stored yet have them.
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

    /// The kept end of a run's log, also while it is not stored yet.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn log(&self, id: &RunId) -> Result<Option<LogTail>, StoreError> {
        let unsaved = self.locked().iter().rev().find_map(|note| match note {
            Note::Log(of, tail) if of == id => Some(tail.clone()),
            Note::Log(..) | Note::Seen(_) => None,
        });
        if unsaved.is_some() { Ok(unsaved) } else { self.store.log(id).await }
    }

    /// Waits for a change of a run that can't be stored: one to another state than `known`.
    pub async fn unsaved_change(&self, id: &RunId, known: State) -> Run {
        loop {
            let changed = self.unsaved(id).filter(|run| run.state != known);
            if let Some(run) = changed.filter(|_| self.store.unwritable().is_some()) {
                return run;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    fn unsaved(&self, id: &RunId) -> Option<Run> {
        self.all_unsaved().into_iter().find(|run| run.id == *id)
    }

    /// Each run that has something to be stored, with all of it taken in.
    fn all_unsaved(&self) -> Vec<Run> {
        let mut runs: Vec<Run> = Vec::new();
        for note in self.locked().iter() {
            let Note::Seen(seen) = note else { continue };
            match runs.iter_mut().find(|run| run.id == seen.id) {
                Some(run) => *run = run.merged(seen),
                None => runs.push((**seen).clone()),
            }
        }
        runs
    }

    /// Writes down what is noted, for ever. It may be dropped at any moment: what it writes is written again.
    pub async fn run(&self) {
        loop {
            match self.write_next().await {
                Ok(true) => {}
                Ok(false) => self.wake.notified().await,
                Err(error) => {
                    tracing::error!(%error, waiting = self.locked().len(), "the history can't be written; it is tried again");
                    tokio::time::sleep(PAUSE_AFTER_FAILURE).await;
                }
            }
        }
    }

    /// Writes down what is noted now, in at most `limit`. It may be called beside [`Recorder::run`].
    pub async fn drain(&self, limit: Duration) {
        let all = async { while self.write_next().await.unwrap_or_default() {} };
        let _ = tokio::time::timeout(limit, all).await;
    }

    async fn write_next(&self) -> Result<bool, StoreError> {
        let _pen = self.write_lock.lock().await;
        self.write_first(|_| true).await
    }

    /// Writes down the first of the wanted notes, for the holder of the write lock; false when there is none.
    async fn write_first(&self, wanted: impl Fn(&Note) -> bool) -> Result<bool, StoreError> {
        let first = self.locked().iter().find(|note| wanted(note)).cloned();
        let Some(note) = first else { return Ok(false) };
        let written = match &note {
            Note::Seen(run) => self.store.save(run).await.map(|_| self.feed.wake()),
            Note::Log(id, tail) => self.store.save_log(id, tail).await,
        };
        if written.is_err() {
            self.failures.fetch_add(1, Ordering::Relaxed);
        }
        written?;
        self.take_away(&note);
        Ok(true)
    }

    /// Takes away a note that is written, unless a newer sight has taken its place meanwhile.
    fn take_away(&self, note: &Note) {
        let mut waiting = self.locked();
        if let Some(place) = waiting.iter().position(|other| other == note) {
            waiting.remove(place);
        }
    }

    fn locked(&self) -> MutexGuard<'_, VecDeque<Note>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

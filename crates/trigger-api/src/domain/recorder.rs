//! Brings what executors see of runs into the store, in order, also when the store is away for a while.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::feed::Feed;
use super::log_book::LogTail;
use super::ports::{RunStore, StoreError};
use super::run::{Run, RunId};

/// How long the store is left alone after it failed.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(1);

/// How long the end of a run waits until its log is written down.
const PATIENCE_FOR_A_LOG: Duration = Duration::from_secs(1);

/// Writes runs and log tails down.
pub struct Recorder {
    store: Arc<dyn RunStore>,
    feed: Arc<Feed>,
    waiting: Mutex<VecDeque<Note>>,
    wake: Notify,
}

#[derive(Clone, PartialEq)]
enum Note {
    Seen(Box<Run>),
    Log(RunId, LogTail),
}

impl Recorder {
    /// A recorder into that store, which tells the feed.
    pub fn new(store: Arc<dyn RunStore>, feed: Arc<Feed>) -> Self {
        Self { store, feed, waiting: Mutex::default(), wake: Notify::new() }
    }

    /// Notes what was seen of a run. A later sight in the same state takes the place of one that still waits,
    /// so what waits is bounded by the number of runs.
    pub fn observe(&self, run: Run) {
        let mut waiting = self.locked();
        let same = waiting.iter_mut().rev().find_map(|note| match note {
            Note::Seen(other) if other.id == run.id => Some(other),
            Note::Seen(_) | Note::Log(..) => None,
        });
        match same {
            Some(earlier) if earlier.state == run.state => **earlier = run,
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

    /// Writes a run down at once and gives it as it is now. When the store fails, the run is noted for later and given
    /// as it was seen: the cluster is the record, the store only remembers.
    pub async fn record(&self, run: Run) -> Run {
        for earlier in self.sights(&run.id) {
            // What of it fails is no loss: the run as it is now says more.
            let _ = self.write(&earlier).await;
            // Only now, as a caller who is gone in the midst of this must not take it along.
            self.written(&earlier);
        }
        match self.store.save(&run).await {
            Ok(saved) => {
                self.feed.wake();
                saved
            }
            Err(error) => {
                tracing::error!(%error, run.id = %run.id, "a run could not be stored; it is tried again");
                self.observe(run.clone());
                run
            }
        }
    }

    /// Writes down what is noted, for ever. It may be dropped at any moment: what it writes is written again.
    pub async fn run(&self) {
        loop {
            let Some(note) = self.first() else {
                self.wake.notified().await;
                continue;
            };
            match self.write(&note).await {
                Ok(()) => self.written(&note),
                Err(error) => {
                    tracing::error!(%error, waiting = self.locked().len(), "the history can't be written; it is tried again");
                    tokio::time::sleep(PAUSE_AFTER_FAILURE).await;
                }
            }
        }
    }

    /// Writes down what is noted now, in at most `limit`. It may be called beside [`Recorder::run`]: what both write is
    /// written twice, which does no harm.
    pub async fn drain(&self, limit: Duration) {
        let all = async {
            while let Some(note) = self.first() {
                if self.write(&note).await.is_err() {
                    break;
                }
                self.written(&note);
            }
        };
        let _ = tokio::time::timeout(limit, all).await;
    }

    async fn write(&self, note: &Note) -> Result<(), StoreError> {
        match note {
            Note::Seen(run) => self.store.save(run).await.map(|_| self.feed.wake()),
            Note::Log(id, tail) => self.store.save_log(id, tail).await,
        }
    }

    /// The sights of a run that still wait, in order, so that they are told before a later one is.
    fn sights(&self, id: &RunId) -> Vec<Note> {
        let is_of = |note: &&Note| matches!(note, Note::Seen(run) if run.id == *id);
        self.locked().iter().filter(is_of).cloned().collect()
    }

    fn first(&self) -> Option<Note> {
        self.locked().front().cloned()
    }

    /// Takes a note away, unless a newer sight has taken its place while it was written, or another writer has written
    /// it too and was faster.
    fn written(&self, note: &Note) {
        let mut waiting = self.locked();
        if let Some(place) = waiting.iter().position(|other| other == note) {
            waiting.remove(place);
        }
    }

    fn locked(&self) -> MutexGuard<'_, VecDeque<Note>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! Background tasks that read logs, one for each start of a container.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;
use trigger_core::executor::ExecutorError;
use trigger_core::log_buffers::LogBuffers;
use trigger_core::recorder::Recorder;
use trigger_core::run::{Run, RunId};
use trigger_core::run_store::RunStore;

use super::container::{ContainerStart, StartId, containers};
use super::lines::TimestampedLines;
use super::rotation::FirstLines;
use super::stream::{is_deleted, open_followed};
use crate::kubernetes::client::ClusterClient;
use crate::kubernetes::error::executor_error;
use crate::kubernetes::rights::Right;

/// How many logs are read at the same time. Further readers wait for one of them to end.
const MAX_READERS: usize = 256;
/// How long the readers of a run may continue after it has ended: the default grace period of pods is 30 s.
const MAX_READ_AFTER_END: Duration = Duration::from_secs(45);
/// The maximum number of attempts to read a log whose connection breaks.
const MAX_ATTEMPTS: u32 = 5;

/// The log readers of all runs.
pub(super) struct LogReaders {
    cluster: ClusterClient,
    log_buffers: Arc<LogBuffers>,
    recorder: Arc<Recorder>,
    store: Arc<dyn RunStore>,
    runs: Mutex<HashMap<RunId, RunReaders>>,
    first_lines: FirstLines,
    permits: Semaphore,
}

/// The log readers of one run.
#[derive(Default)]
struct RunReaders {
    started: HashMap<StartId, Reader>,
    /// Dropping the set aborts the tasks.
    tasks: JoinSet<()>,
    /// Whether the run has ended and [`LogReaders::finish`] has begun.
    finishing: bool,
}

/// A reader of one start of a container.
struct Reader {
    /// Closed when the log is read.
    done: watch::Receiver<()>,
    /// Whether the container has exited.
    has_finished: bool,
}

impl LogReaders {
    pub(super) fn new(
        cluster: ClusterClient,
        log_buffers: Arc<LogBuffers>,
        recorder: Arc<Recorder>,
        store: Arc<dyn RunStore>,
    ) -> Self {
        let permits = Semaphore::new(MAX_READERS);
        let (runs, first_lines) = (Mutex::default(), FirstLines::default());
        Self { cluster, log_buffers, recorder, store, runs, first_lines, permits }
    }

    /// Whether the node no longer has the beginning of the log.
    pub(super) async fn is_rotated(&self, namespace: &str, container: &ContainerStart) -> bool {
        self.first_lines.is_rotated(&self.cluster, namespace, container).await
    }

    /// Opens the log buffer of an active run.
    pub(super) fn open(&self, id: &RunId) {
        let mut runs = self.locked();
        self.log_buffers.open(id);
        runs.entry(id.clone()).or_default();
    }

    /// Starts a reader for a container of an open run, unless that start already has one. The reader first waits for those of
    /// the containers that have exited, so that every replica reads logs in the same order, and offsets are equal.
    pub(super) fn follow(self: &Arc<Self>, id: &RunId, namespace: &str, container: ContainerStart) {
        let mut runs = self.locked();
        let Some(readers) = runs.get_mut(id) else { return };
        if let Some(reader) = readers.started.get_mut(&container.id) {
            reader.has_finished |= container.has_finished();
            return;
        }
        let finished = readers.started.values().filter(|reader| reader.has_finished);
        let earlier: Vec<watch::Receiver<()>> = finished.map(|reader| reader.done.clone()).collect();
        let (done, done_receiver) = watch::channel(());
        let reader = Reader { done: done_receiver, has_finished: container.has_finished() };
        readers.started.insert(container.id.clone(), reader);
        let (this, id, namespace) = (Arc::clone(self), id.clone(), namespace.to_owned());
        readers.tasks.spawn(async move {
            for mut reader in earlier {
                // An error means that it is done.
                let _ = reader.changed().await;
            }
            this.read(&id, &namespace, &container).await;
            drop(done);
        });
    }

    /// Finishes the log of a run that has ended. This includes a run that was never observed as active, because its pods may
    /// still exist.
    pub(super) async fn recover(self: &Arc<Self>, run: &Run) {
        if self.begin_finish(&run.id) {
            Arc::clone(self).finish(run.clone()).await;
        }
    }

    /// Whether the log of the run is not being finished yet.
    fn begin_finish(&self, id: &RunId) -> bool {
        let mut runs = self.locked();
        !std::mem::replace(&mut runs.entry(id.clone()).or_default().finishing, true)
    }

    fn locked(&self) -> MutexGuard<'_, HashMap<RunId, RunReaders>> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads a container's log to its end, and resumes it when the connection breaks.
    async fn read(&self, id: &RunId, namespace: &str, container: &ContainerStart) {
        let Ok(_permit) = self.permits.acquire().await else { return };
        let mut lines = TimestampedLines::default();
        for attempt in 0..MAX_ATTEMPTS {
            tokio::time::sleep(Duration::from_secs(1) * attempt).await;
            match self.read_once(id, namespace, container, &mut lines).await {
                // The API server refuses the request if the pod or the container no longer exists.
                Ok(()) | Err(ExecutorError::Refused(_)) => return,
                Err(ExecutorError::Forbidden { right, .. }) => {
                    let note = format!("[the log can't be read, because trigger-api may not {right}]\n");
                    self.log_buffers.append(id, &container.source, &Bytes::from(note));
                    return;
                }
                Err(error) => tracing::debug!(%error, run.id = %id, attempt, "the connection of a log broke"),
            }
        }
        tracing::warn!(run.id = %id, pod = container.pod, "could not read the log to its end");
    }

    async fn read_once(
        &self,
        id: &RunId,
        namespace: &str,
        container: &ContainerStart,
        lines: &mut TimestampedLines,
    ) -> Result<(), ExecutorError> {
        let mut chunks = open_followed(&self.cluster, namespace, container, lines.last_timestamp()).await?;
        lines.begin();
        while let Some(chunk) = chunks.next().await {
            let right = Right::of_logs(namespace);
            let chunk = chunk.map_err(|error| executor_error(&kube::Error::ReadEvents(error), &right))?;
            if is_deleted(&chunk) {
                return Ok(());
            }
            let text = lines.strip(&chunk);
            if let Some(first) = lines.first_timestamp() {
                self.first_lines.remember(&container.id, first);
            }
            if !text.is_empty() {
                self.log_buffers.append(id, &container.source, &text);
            }
        }
        Ok(())
    }

    /// Reads what was not read yet, waits for the readers, and passes the log tail to the recorder.
    async fn finish(self: Arc<Self>, run: Run) {
        let never_open = self.log_buffers.tail(&run.id).is_none();
        let stored = never_open && self.store.log(&run.id).await.is_ok_and(|tail| tail.is_some());
        if !stored {
            self.log_buffers.open(&run.id);
            let pods = self.cluster.pods_of_run(&run).await;
            let never_read = self.locked().get(&run.id).is_none_or(|readers| readers.started.is_empty());
            if let Err(error) = &pods {
                tracing::warn!(%error, run.id = %run.id, "can't list the pods of a run that has ended");
                if never_read {
                    let note =
                        "[the log could not be read: trigger-api could not list the pods of the run]\n";
                    let note = Bytes::from_static(note.as_bytes());
                    self.log_buffers.append(&run.id, &Arc::default(), &note);
                }
            }
            for container in containers(&pods.unwrap_or_default(), None) {
                self.follow(&run.id, &run.namespace, container);
            }
            let _ = timeout(MAX_READ_AFTER_END, self.all_read(&run.id)).await;
            // Recorded before the buffer is closed, so that the log is always available from one of them.
            if let Some(tail) = self.log_buffers.tail(&run.id).filter(|tail| !tail.text.is_empty()) {
                self.recorder.record_log(&run.id, tail).await;
            }
        }
        self.locked().remove(&run.id);
        self.log_buffers.close(&run.id);
    }

    /// Waits until the run has no active reader. Readers may be added in the meantime.
    async fn all_read(&self, id: &RunId) {
        loop {
            let tasks = self.locked().get_mut(id).map(|readers| std::mem::take(&mut readers.tasks));
            match tasks {
                Some(mut tasks) if !tasks.is_empty() => while tasks.join_next().await.is_some() {},
                _ => return,
            }
        }
    }
}

//! Reads along while containers run, so that the end of a log is kept before clean-up takes the pod.

mod containers;
mod lines;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{AsyncBufReadExt, FutureExt, StreamExt, TryStreamExt, stream};
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::LogParams;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;

use self::containers::Start;
pub(super) use self::containers::{Container, containers};
use self::lines::Lines;
use super::calls::Calls;
use super::error::meaning;
use super::view::PodEntry;
use trigger_core::log_buffers::LogBuffers;
use trigger_core::ports::{ExecutorError, LogStream, RunStore};
use trigger_core::recorder::Recorder;
use trigger_core::run::{Run, RunId};

/// How many containers are read along with at once; the others are read when one of them has ended.
const MOST_READERS: usize = 256;
/// How many lines of a log that is there already are read: more than a tail holds, however short they are, so that the
/// tail knows that it is one.
const LINES_BACK: i64 = 64 * 1024 + 1;
/// How long after a run's end its readers may still read: pods have 30 s to end unless they say otherwise.
const GRACE: Duration = Duration::from_secs(45);
/// How often a reading that broke is taken up again.
const RESUMPTIONS: u32 = 5;

/// Reads logs.
pub(super) struct LogReader {
    inner: Arc<Inner>,
}

struct Inner {
    calls: Calls,
    book: Arc<LogBuffers>,
    recorder: Arc<Recorder>,
    store: Arc<dyn RunStore>,
    runs: Mutex<HashMap<RunId, Reading>>,
    slots: Semaphore,
}

/// What is read of one run.
#[derive(Default)]
struct Reading {
    begun: HashSet<Start>,
    /// They end with it.
    tasks: JoinSet<()>,
    /// Whose line came last.
    last: Option<Start>,
    ending: bool,
}

impl LogReader {
    pub(super) fn new(
        calls: Calls,
        book: Arc<LogBuffers>,
        recorder: Arc<Recorder>,
        store: Arc<dyn RunStore>,
    ) -> Self {
        let slots = Semaphore::new(MOST_READERS);
        Self { inner: Arc::new(Inner { calls, book, recorder, store, runs: Mutex::default(), slots }) }
    }

    /// Reads along with a container until it ends; once.
    pub(super) fn follow(&self, id: &RunId, namespace: &str, container: Container) {
        let mut runs = self.inner.locked();
        let Some(reading) = runs.get_mut(id) else { return };
        if reading.begun.insert(container.start.clone()) {
            let (inner, id, namespace) = (Arc::clone(&self.inner), id.clone(), namespace.to_owned());
            reading.tasks.spawn(async move { inner.read(&id, &namespace, &container).await });
        }
    }

    /// Opens the log of a run that goes on, and closes the log of one that has ended when all of it is read.
    pub(super) fn note(&self, run: &Run) {
        let mut runs = self.inner.locked();
        if !run.state.is_final() {
            self.inner.book.open(&run.id);
            runs.entry(run.id.clone()).or_default();
            return;
        }
        // A run that was never seen going on is read as well, once: its pods may still be there.
        let reading = runs.entry(run.id.clone()).or_default();
        if !std::mem::replace(&mut reading.ending, true) {
            tokio::spawn(Arc::clone(&self.inner).finish(run.clone()));
        }
    }

    /// The whole logs of the containers, one after the other; None when the cluster has them no more.
    pub(super) async fn whole(
        &self,
        namespace: &str,
        containers: Vec<Container>,
    ) -> Result<Option<LogStream>, ExecutorError> {
        let several = containers.len() > 1;
        let mut streams = Vec::new();
        for container in containers {
            match self.inner.beginning(namespace, &container).await {
                Ok(Some((first, rest))) => {
                    let title = several.then(|| title(&container, streams.is_empty()));
                    let rest = rest.map_err(|error| ExecutorError::Failed(error.to_string()));
                    streams.push(stream::iter(title.into_iter().chain([first]).map(Ok)).chain(rest));
                }
                // Refused: the pod, or its container, is gone by now.
                Ok(None) | Err(ExecutorError::Refused(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok((!streams.is_empty()).then(|| stream::iter(streams).flatten().boxed()))
    }
}

/// Names the container whose lines follow, as `tail -f` names files.
fn title(container: &Container, first: bool) -> Bytes {
    let break_before = if first { "" } else { "\n" };
    Bytes::from(format!("{break_before}==> {}/{} <==\n", container.pod, container.name))
}

fn reader_bytes(
    reader: impl futures_util::AsyncBufRead + Send + 'static,
) -> impl futures_util::Stream<Item = std::io::Result<Bytes>> + Send {
    stream::unfold(Box::pin(reader), async |mut reader| {
        let read = reader.fill_buf().await.map(Bytes::copy_from_slice);
        match read {
            Ok(piece) if piece.is_empty() => None,
            Ok(piece) => {
                reader.as_mut().consume(piece.len());
                Some((Ok(piece), reader))
            }
            Err(error) => Some((Err(error), reader)),
        }
    })
}

/// What a kubelet sends in place of a log whose file it has deleted, with the status of a success.
const LOG_IS_GONE: &[u8] = b"unable to retrieve container logs for ";

type Pieces = BoxStream<'static, std::io::Result<Bytes>>;

impl Inner {
    /// The first piece of a container's log, and what follows; None when the node has the log no more.
    async fn beginning(
        &self,
        namespace: &str,
        container: &Container,
    ) -> Result<Option<(Bytes, Pieces)>, ExecutorError> {
        let parameters = LogParams {
            container: Some(container.name.clone()),
            previous: container.previous,
            ..LogParams::default()
        };
        let api: Api<Pod> = Api::namespaced(self.calls.client.clone(), namespace);
        let opened = self.calls.bounded(api.log_stream(&container.pod, &parameters)).await?;
        // Fused: an empty log ends with its first piece.
        let mut pieces = reader_bytes(opened).fuse().boxed();
        let first =
            self.calls.bounded(pieces.next().map(|piece| piece.transpose().map_err(kube::Error::ReadEvents)));
        let first = first.await?.unwrap_or_default();
        Ok((!first.starts_with(LOG_IS_GONE)).then_some((first, pieces)))
    }

    fn locked(&self) -> MutexGuard<'_, HashMap<RunId, Reading>> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads a container's log to its end, and takes it up again where it broke.
    async fn read(&self, id: &RunId, namespace: &str, container: &Container) {
        let Ok(_slot) = self.slots.acquire().await else { return };
        let mut lines = Lines::default();
        for attempt in 0..RESUMPTIONS {
            tokio::time::sleep(Duration::from_secs(1) * attempt).await;
            match self.read_on(id, namespace, container, &mut lines).await {
                // Refused: the pod, or its container, is gone by now.
                Ok(()) | Err(ExecutorError::Refused(_)) => return,
                Err(error @ ExecutorError::Forbidden(_)) => {
                    tracing::warn!(%error, run.id = %id, "a log can't be read");
                    let note = "[the log can't be read: trigger-api's ServiceAccount may not get pods/log]\n";
                    self.append(id, container, &Bytes::from_static(note.as_bytes()));
                    return;
                }
                Err(error) => tracing::debug!(%error, run.id = %id, attempt, "the reading of a log broke"),
            }
        }
        tracing::warn!(run.id = %id, pod = container.pod, "the log could not be read to its end");
    }

    async fn read_on(
        &self,
        id: &RunId,
        namespace: &str,
        container: &Container,
        lines: &mut Lines,
    ) -> Result<(), ExecutorError> {
        let api: Api<Pod> = Api::namespaced(self.calls.client.clone(), namespace);
        let parameters = LogParams {
            container: Some(container.name.clone()),
            follow: true,
            timestamps: true,
            tail_lines: Some(LINES_BACK),
            since_time: lines.last_moment(),
            previous: container.previous,
            ..LogParams::default()
        };
        let reader = self.calls.bounded(api.log_stream(&container.pod, &parameters)).await?;
        let mut pieces = Box::pin(reader_bytes(reader));
        lines.begin();
        while let Some(piece) = pieces.next().await {
            let piece = piece.map_err(|error| meaning(&kube::Error::ReadEvents(error)))?;
            if piece.starts_with(LOG_IS_GONE) {
                return Ok(());
            }
            let text = lines.take(&piece);
            if !text.is_empty() {
                self.append(id, container, &text);
            }
        }
        Ok(())
    }

    fn append(&self, id: &RunId, container: &Container, text: &Bytes) {
        let mut runs = self.locked();
        let last = runs.get_mut(id).and_then(|reading| reading.last.replace(container.start.clone()));
        if last.is_some_and(|last| last != container.start) {
            self.book.append(id, &title(container, false));
        }
        self.book.append(id, text);
    }

    /// Reads what was not read yet, waits for what is being read, and hands the tail on.
    async fn finish(self: Arc<Self>, run: Run) {
        let reader = LogReader { inner: Arc::clone(&self) };
        let first_sight = self.book.tail(&run.id).is_none();
        let kept = first_sight && self.store.log(&run.id).await.is_ok_and(|tail| tail.is_some());
        if !kept {
            self.book.open(&run.id);
            for pod in self.calls.pods_of_job(&run.namespace, &run.job_name).await.unwrap_or_default() {
                if let Some(entry) = PodEntry::read(pod, &run.id) {
                    for container in containers(&[entry]) {
                        reader.follow(&run.id, &run.namespace, container);
                    }
                }
            }
            let _ = timeout(GRACE, self.all_read(&run.id)).await;
            // Kept before it is closed, so that at no moment it is nowhere.
            if let Some(tail) = self.book.tail(&run.id).filter(|tail| !tail.text.is_empty()) {
                self.recorder.record_log(&run.id, tail).await;
            }
        }
        self.locked().remove(&run.id);
        self.book.close(&run.id);
    }

    /// Waits until nobody reads the run's log any more.
    async fn all_read(&self, id: &RunId) {
        loop {
            let tasks = self.locked().get_mut(id).map(|reading| std::mem::take(&mut reading.tasks));
            match tasks {
                Some(mut tasks) if !tasks.is_empty() => while tasks.join_next().await.is_some() {},
                _ => return,
            }
        }
    }
}

//! Follows the logs of running containers, so that a log tail exists before the pod is deleted.

mod container;
mod lines;
mod readers;
mod rotation;
mod stream;

use std::sync::Arc;

use futures_util::{StreamExt, TryStreamExt, stream as streams};
use trigger_core::executor::{ExecutorError, WholeLog};
use trigger_core::log_buffers::LogBuffers;
use trigger_core::log_text::LogAssembler;
use trigger_core::recorder::Recorder;
use trigger_core::run::{Run, RunId};
use trigger_core::run_store::RunStore;

pub(super) use self::container::{ContainerStart, container_names, containers};
use self::container::{are_consecutive, lacks_starts};
use self::readers::LogReaders;
use self::stream::{FullLog, open_full};
use super::client::ClusterClient;
use super::pods::JobPod;

/// Follows the logs of the runs' containers into the log buffers, and reads whole logs on request.
pub(super) struct LogCollector {
    cluster: ClusterClient,
    readers: Arc<LogReaders>,
}

impl LogCollector {
    pub(super) fn new(
        cluster: ClusterClient,
        log_buffers: Arc<LogBuffers>,
        recorder: Arc<Recorder>,
        store: Arc<dyn RunStore>,
    ) -> Self {
        Self { readers: Arc::new(LogReaders::new(cluster.clone(), log_buffers, recorder, store)), cluster }
    }

    /// Follows the log of a container until it exits. A second call for the same start has no effect.
    pub(super) fn follow(&self, id: &RunId, namespace: &str, container: ContainerStart) {
        self.readers.follow(id, namespace, container);
    }

    /// Opens the log buffer of an active run.
    pub(super) fn open(&self, id: &RunId) {
        self.readers.open(id);
    }

    /// Reads the rest of the log of a run that has ended, and stores its tail, unless it is stored.
    pub(super) async fn recover(&self, run: &Run) {
        self.readers.recover(run).await;
    }

    /// The full logs of the starts, one after the other; None if the cluster no longer has any of them.
    pub(super) async fn full_log(
        &self,
        namespace: &str,
        starts: FullLogStarts,
    ) -> Result<Option<WholeLog>, ExecutorError> {
        let FullLogStarts { starts, mut has_offsets, mut cut } = starts;
        let mut logs = Vec::new();
        for start in starts {
            match open_full(&self.cluster, namespace, &start).await {
                Ok(Some(FullLog { first, rest })) => {
                    let is_rotated = self.readers.is_rotated(namespace, &start).await;
                    if is_rotated {
                        (has_offsets, cut) = (false, true);
                    }
                    let mark = is_rotated.then(rotation::mark);
                    let rest = rest.map_err(|error| ExecutorError::Failed(error.to_string()));
                    let text = streams::iter(mark.into_iter().chain([first]).map(Ok)).chain(rest);
                    logs.push(text.map_ok(move |text| (Arc::clone(&start.source), text)));
                }
                // The API server refuses the request if the pod or the container no longer exists.
                Ok(None) | Err(ExecutorError::Refused(_)) => (has_offsets, cut) = (false, true),
                Err(error) => return Err(error),
            }
        }
        if logs.is_empty() {
            return Ok(None);
        }
        let mut assembler = LogAssembler::default();
        let pieces = streams::iter(logs).flatten().flat_map(move |output| {
            let pieces: Vec<_> = match output {
                Ok((source, text)) => assembler.add(&source, text).map(Ok).collect(),
                Err(error) => vec![Err(error)],
            };
            streams::iter(pieces)
        });
        Ok(Some(WholeLog { pieces: pieces.boxed(), has_offsets, cut }))
    }
}

/// The starts whose logs together are the log of a run.
pub(super) struct FullLogStarts {
    starts: Vec<ContainerStart>,
    has_offsets: bool,
    cut: bool,
}

impl FullLogStarts {
    /// Those of the pods, or those of one container.
    pub(super) fn new(pods: &[JobPod], container: Option<&str>) -> Self {
        let starts = containers(pods, container);
        Self { has_offsets: are_consecutive(pods, &starts), cut: lacks_starts(pods, &starts), starts }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.starts.is_empty()
    }
}

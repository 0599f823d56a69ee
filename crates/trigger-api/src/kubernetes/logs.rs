//! Follows the logs of running containers, so that a log tail exists before the pod is deleted.

mod container;
mod lines;
mod readers;
mod rotation;
mod stream;

use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream as streams};
use trigger_core::executor::{ExecutorError, LogStream};
use trigger_core::log_buffers::LogBuffers;
use trigger_core::recorder::Recorder;
use trigger_core::run::{Run, RunId};
use trigger_core::run_store::RunStore;

pub(super) use self::container::{ContainerStart, containers};
use self::readers::LogReaders;
use self::stream::{FullLog, header, open_full};
use super::client::ClusterClient;

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

    /// The full logs of the containers, one after the other; None if the cluster no longer has any of them.
    pub(super) async fn full_log(
        &self,
        namespace: &str,
        containers: Vec<ContainerStart>,
    ) -> Result<Option<LogStream>, ExecutorError> {
        let several = containers.len() > 1;
        let mut logs = Vec::new();
        for container in containers {
            match open_full(&self.cluster, namespace, &container).await {
                Ok(Some(FullLog { first, rest })) => {
                    let header: Option<Bytes> = several.then(|| header(&container, logs.is_empty()));
                    let is_rotated = self.readers.is_rotated(namespace, &container).await;
                    let mark = is_rotated.then(rotation::mark);
                    let rest = rest.map_err(|error| ExecutorError::Failed(error.to_string()));
                    logs.push(
                        streams::iter(header.into_iter().chain(mark).chain([first]).map(Ok)).chain(rest),
                    );
                }
                // The API server refuses the request if the pod or the container no longer exists.
                Ok(None) | Err(ExecutorError::Refused(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok((!logs.is_empty()).then(|| streams::iter(logs).flatten().boxed()))
    }
}

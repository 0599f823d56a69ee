//! Opens logs of containers as streams of chunks.

use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{AsyncBufRead, AsyncBufReadExt, FutureExt, Stream, StreamExt, stream};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::LogParams;
use trigger_core::executor::ExecutorError;

use super::container::ContainerStart;
use crate::kubernetes::client::ClusterClient;
use crate::kubernetes::rights::Right;

/// A kubelet sends this text instead of a log whose file was deleted, with status 200.
const LOG_FILE_DELETED: &[u8] = b"unable to retrieve container logs for ";

/// A log in chunks of arbitrary size.
pub(super) type LogChunks = BoxStream<'static, std::io::Result<Bytes>>;

/// A log that was opened: its first chunk, and the chunks after it.
pub(super) struct FullLog {
    pub(super) first: Bytes,
    pub(super) rest: LogChunks,
}

/// The whole log of a container so far; None if the node no longer has it.
pub(super) async fn open_full(
    cluster: &ClusterClient,
    namespace: &str,
    container: &ContainerStart,
) -> Result<Option<FullLog>, ExecutorError> {
    let parameters = LogParams {
        container: Some(container.name.clone()),
        previous: container.previous,
        ..LogParams::default()
    };
    let reader = cluster
        .read(&Right::of_logs(namespace), pods(cluster, namespace).log_stream(&container.pod, &parameters))
        .await?;
    // Fused, because an empty log ends before its first chunk.
    let mut rest = chunks(reader).fuse().boxed();
    let first = rest.next().map(|chunk| chunk.transpose().map_err(kube::Error::ReadEvents));
    let first = cluster.read(&Right::of_logs(namespace), first).await?.unwrap_or_default();
    Ok((!is_deleted(&first)).then_some(FullLog { first, rest }))
}

/// The log of a container with timestamps, from `since` until the container exits. Without `since` it is read from its
/// beginning, because offsets count from there; nodes limit the size of a log, usually to 10 MiB.
pub(super) async fn open_followed(
    cluster: &ClusterClient,
    namespace: &str,
    container: &ContainerStart,
    since: Option<Timestamp>,
) -> Result<LogChunks, ExecutorError> {
    let parameters = LogParams {
        container: Some(container.name.clone()),
        follow: true,
        timestamps: true,
        since_time: since,
        previous: container.previous,
        ..LogParams::default()
    };
    let reader = cluster
        .read(&Right::of_logs(namespace), pods(cluster, namespace).log_stream(&container.pod, &parameters))
        .await?;
    Ok(chunks(reader).boxed())
}

/// The time of the first line that the node has of a log; None if it has none.
pub(super) async fn first_line_at(
    cluster: &ClusterClient,
    namespace: &str,
    container: &ContainerStart,
) -> Result<Option<Timestamp>, ExecutorError> {
    let parameters = LogParams {
        container: Some(container.name.clone()),
        timestamps: true,
        previous: container.previous,
        // Longer than a timestamp.
        limit_bytes: Some(64),
        ..LogParams::default()
    };
    let right = Right::of_logs(namespace);
    let pods = pods(cluster, namespace);
    let mut chunks =
        chunks(cluster.read(&right, pods.log_stream(&container.pod, &parameters)).await?).boxed();
    let first = chunks.next().map(|chunk| chunk.transpose().map_err(kube::Error::ReadEvents));
    let first = cluster.read(&right, first).await?.unwrap_or_default();
    let timestamp = first.split(|byte| *byte == b' ').next().unwrap_or_default();
    Ok(std::str::from_utf8(timestamp).ok().and_then(|text| text.parse().ok()))
}

/// Whether the chunk is the message of a kubelet that no longer has the log.
pub(super) fn is_deleted(chunk: &[u8]) -> bool {
    chunk.starts_with(LOG_FILE_DELETED)
}

fn pods(cluster: &ClusterClient, namespace: &str) -> Api<Pod> {
    Api::namespaced(cluster.client.clone(), namespace)
}

fn chunks(reader: impl AsyncBufRead + Send + 'static) -> impl Stream<Item = std::io::Result<Bytes>> + Send {
    stream::unfold(Box::pin(reader), async |mut reader| {
        let read = reader.fill_buf().await.map(Bytes::copy_from_slice);
        match read {
            Ok(chunk) if chunk.is_empty() => None,
            Ok(chunk) => {
                reader.as_mut().consume(chunk.len());
                Some((Ok(chunk), reader))
            }
            Err(error) => Some((Err(error), reader)),
        }
    })
}

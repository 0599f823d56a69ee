//! Reads the information of a bucket's stream, in a task of its own.

use std::error::Error;
use std::pin::pin;
use std::time::Duration;

use async_nats::jetstream::Context;
use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::context::{GetStreamError, GetStreamErrorKind, RequestError, RequestErrorKind};
use async_nats::jetstream::stream::Info;
use futures_util::future::select;
use jiff::Timestamp;
use tokio::sync::watch;

use crate::connection::NatsConnection;
use crate::time::timestamp;

/// How often the information is read.
const INTERVAL: Duration = Duration::from_secs(5);
/// How often it is read while it can't be.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);
/// When the request is repeated.
const REPEAT_AFTER: Duration = Duration::from_secs(1);

/// How long a follower of a stream may be silent. Leaders send a message every second.
const MAX_SILENCE: Duration = Duration::from_secs(5);

const NO_JETSTREAM: &str =
    "JetStream is not enabled, or not for the account of this client, or its domain is another one";

/// The settings and the size of a bucket.
#[derive(Clone, Debug, PartialEq)]
pub struct BucketInfo {
    /// When the bucket was created. Another time means that it was deleted and created again.
    pub created: Timestamp,
    /// The age at which the server removes an entry; zero if it never does.
    pub max_age: Duration,
    /// The number of revisions that are kept of a key.
    pub history: i64,
    /// The number of servers that store the bucket.
    pub replicas: usize,
    /// The size of the stored messages in bytes.
    pub bytes: u64,
    /// The number of stored messages, including old revisions and markers of deletions.
    pub messages: u64,
    /// The revision of the last message.
    pub last_revision: u64,
    /// The number of keys, including those whose last message is a deletion.
    pub keys: u64,
    /// The name of the bucket that this one is a mirror of. Its messages have the subjects of that bucket.
    pub mirror_of: Option<String>,
}

/// The result of reading a stream's information.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Probe {
    /// It has not been read yet.
    Unknown,
    /// The bucket exists.
    Present(BucketInfo),
    /// The bucket does not exist.
    Missing,
    /// The stream can't be used, for this reason.
    Failed(String),
}

impl From<&Info> for BucketInfo {
    fn from(info: &Info) -> Self {
        Self {
            created: timestamp(info.created),
            max_age: info.config.max_age,
            history: info.config.max_messages_per_subject,
            replicas: info.config.num_replicas,
            bytes: info.state.bytes,
            messages: info.state.messages,
            last_revision: info.state.last_sequence,
            keys: info.state.subjects_count,
            mirror_of: info
                .config
                .mirror
                .as_ref()
                .map(|origin| origin.name.strip_prefix("KV_").unwrap_or(&origin.name).to_owned()),
        }
    }
}

/// Reads the information of a stream. One lost answer is no failure: the request is repeated while the answer may still come.
pub(super) async fn probe(jetstream: &Context, stream: &str) -> Probe {
    let mut first = pin!(probe_once(jetstream, stream));
    match tokio::time::timeout(REPEAT_AFTER, &mut first).await {
        Ok(Probe::Failed(_)) => probe_once(jetstream, stream).await,
        Ok(result) => result,
        Err(_) => select(first, pin!(probe_once(jetstream, stream))).await.factor_first().0,
    }
}

async fn probe_once(jetstream: &Context, stream: &str) -> Probe {
    match jetstream.get_stream(stream).await {
        Ok(info) if !has_quorum(info.cached_info()) => Probe::Failed(format!(
            "a majority of the servers that store the stream {stream} is not available"
        )),
        Ok(stream) => Probe::Present(stream.cached_info().into()),
        Err(error) => match error.kind() {
            GetStreamErrorKind::JetStream(error) if error.error_code() == ErrorCode::STREAM_NOT_FOUND => {
                Probe::Missing
            }
            kind => Probe::Failed(problem(stream, &kind, &error)),
        },
    }
}

fn problem(stream: &str, kind: &GetStreamErrorKind, error: &GetStreamError) -> String {
    let request_error = || error.source()?.downcast_ref::<RequestError>().map(RequestError::kind);
    match kind {
        GetStreamErrorKind::JetStream(error) => match error.error_code() {
            ErrorCode::JETSTREAM_NOT_ENABLED | ErrorCode::JETSTREAM_NOT_ENABLED_FOR_ACCOUNT => {
                NO_JETSTREAM.to_owned()
            }
            _ => format!("NATS can't read the stream {stream}: {error}"),
        },
        _ if request_error() == Some(RequestErrorKind::NoResponders) => NO_JETSTREAM.to_owned(),
        _ => format!("NATS does not answer requests for the information of the stream {stream}"),
    }
}

/// Whether a majority of the servers that store the stream is there. A leader that has lost the others answers for up to twenty
/// seconds more, although it can store nothing.
fn has_quorum(info: &Info) -> bool {
    let Some(cluster) = &info.cluster else { return true };
    let followers = cluster.replicas.iter();
    let present = followers.filter(|peer| !peer.offline && peer.active < MAX_SILENCE).count();
    let leader = usize::from(cluster.leader.is_some());
    2 * (leader + present) > cluster.replicas.len() + 1
}

/// Reads the information of a stream repeatedly while there is a connection. Ends when nobody receives the results.
pub(super) async fn probe_repeatedly(
    connection: NatsConnection,
    stream: String,
    probes: watch::Sender<Probe>,
) {
    let mut link = connection.link();
    loop {
        if link.wait_for(|link| link.connected).await.is_err() {
            return;
        }
        let result = probe(connection.jetstream(), &stream).await;
        let interval = if matches!(result, Probe::Present(_)) { INTERVAL } else { RETRY_INTERVAL };
        if probes.send(result).is_err() {
            return;
        }
        tokio::select! {
            () = tokio::time::sleep(interval) => {}
            _ = link.changed() => {}
        }
    }
}

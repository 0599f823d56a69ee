//! One consumer of a bucket: it delivers the last message of each key, and then every new message.

use std::time::Duration;

use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::consumer::pull::{Config, MessagesError, MessagesErrorKind, Stream as Messages};
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy};
use async_nats::jetstream::stream::{ConsumerError, ConsumerErrorKind, Stream};
use jiff::Timestamp;

use super::message::Position;
use super::progress::{Pace, Progress};
use super::server_clock::ServerClock;
use super::stream_info::{BucketInfo, Probe, probe};
use crate::connection::NatsConnection;
use crate::time::timestamp;

/// The number of messages that the server may send ahead.
const MAX_MESSAGES_AHEAD: usize = 512;
/// The number of bytes that the server may send ahead. A larger message would never be delivered, so this grows with the
/// server's own limit of a message.
const MIN_BYTES_AHEAD: usize = 4 * 1024 * 1024;
/// How often the server sends a sign of life when there are no messages. The consumer ends after two missing ones.
const IDLE_HEARTBEAT: Duration = Duration::from_secs(2);
/// How long a request for messages is valid. The next one is sent before.
const REQUEST_EXPIRY: Duration = Duration::from_secs(30);
/// When the server removes a consumer that this program did not remove.
const INACTIVE_THRESHOLD: Duration = Duration::from_secs(30);
/// How often a replay that is not complete asks for the number of messages that follow. A bucket can be empty, and an entry can
/// expire before it is delivered.
const COUNT_INTERVAL: Duration = Duration::from_secs(1);
/// When it asks for the first time.
const FIRST_COUNT_DELAY: Duration = Duration::from_millis(30);
/// The number of such questions without a message after which a replay has failed.
const MAX_IDLE_COUNTS: u32 = 10;

/// Why a consumer ended, or could not be created.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum End {
    /// The connection was lost.
    LinkLost,
    /// The bucket does not exist.
    Missing,
    /// The bucket can't be read, for this reason.
    Unavailable(String),
    /// The consumer failed, or no longer delivers all messages.
    Lost(&'static str),
    /// The bucket is not what the messages of the consumer have made of it, although the consumer works.
    Differs(&'static str),
}

/// A consumer of a bucket.
pub(super) struct Replay {
    /// The bucket when the replay began.
    pub(super) info: BucketInfo,
    /// The messages.
    pub(super) messages: Messages,
    /// Whether the last message of each key was delivered.
    pub(super) is_complete: bool,
    /// The part of a subject before the key.
    pub(super) subject_prefix: String,
    clock: ServerClock,
    progress: Progress,
    stream: Stream<()>,
    consumer: String,
    delivered: u64,
    idle_counts: u32,
}

impl Replay {
    /// Creates a consumer.
    pub(super) async fn open(connection: &NatsConnection, bucket: &str) -> Result<Self, End> {
        let stream_name = format!("KV_{bucket}");
        let info = match probe(connection.jetstream(), &stream_name).await {
            Probe::Present(info) => info,
            Probe::Missing => return Err(End::Missing),
            Probe::Failed(problem) => return Err(End::Unavailable(problem)),
            Probe::Unknown => return Err(End::Unavailable(String::new())),
        };
        let subject_prefix = format!("$KV.{}.", info.mirror_of.as_deref().unwrap_or(bucket));
        let stream = connection.jetstream().get_stream_no_info(&stream_name).await;
        let stream = stream.map_err(|error| End::Unavailable(error.to_string()))?;
        let config = Config {
            deliver_policy: DeliverPolicy::LastPerSubject,
            // This policy needs a filter.
            filter_subject: format!("{subject_prefix}>"),
            ack_policy: AckPolicy::None,
            inactive_threshold: INACTIVE_THRESHOLD,
            memory_storage: true,
            num_replicas: 1,
            ..Config::default()
        };
        let consumer = stream.create_consumer(config).await.map_err(|error| end_of(&stream_name, &error))?;
        let created = consumer.cached_info();
        let (clock, name) = (ServerClock::reading(timestamp(created.created)), created.name.clone());
        let bytes_ahead = MIN_BYTES_AHEAD.max(connection.client().max_payload().saturating_mul(2));
        let messages = consumer
            .stream()
            .max_messages_per_batch(MAX_MESSAGES_AHEAD)
            .max_bytes_per_batch(bytes_ahead)
            .heartbeat(IDLE_HEARTBEAT)
            .expires(REQUEST_EXPIRY)
            .messages();
        Ok(Self {
            messages: messages.await.map_err(|error| End::Unavailable(error.to_string()))?,
            is_complete: false,
            subject_prefix,
            clock,
            progress: Progress::default(),
            stream,
            consumer: name,
            delivered: 0,
            idle_counts: 0,
            info,
        })
    }

    /// Applies the position of a message. Returns whether it directly follows the one before.
    pub(super) fn advance(&mut self, position: Position) -> bool {
        let follows = position.consumer == self.delivered + 1;
        self.delivered = position.consumer;
        self.idle_counts = 0;
        self.progress.observe(position.stream);
        if self.is_complete {
            // A new message. What was just stored can't have expired, even if the server's clock was set back.
            self.clock = ServerClock::reading(position.stored_at);
        }
        follows
    }

    /// The last message of each key was delivered. Messages that no longer exist are not delivered.
    pub(super) fn complete(&mut self) {
        self.is_complete = true;
        self.progress.observe(self.info.last_revision);
    }

    /// The time by the server's clock.
    pub(super) fn server_time(&self) -> Timestamp {
        self.clock.now()
    }

    /// The number of messages of the stream that were not delivered.
    pub(super) fn lag(&self, last_revision: u64) -> u64 {
        self.progress.lag(last_revision)
    }

    /// Compares what was delivered with the last revision of the stream.
    pub(super) fn check_progress(&mut self, last_revision: u64) -> Pace {
        self.progress.check(last_revision)
    }

    /// A future that completes after a while with what the server counts.
    pub(super) fn count_pending(&self) -> impl Future<Output = Option<PendingCount>> + Send + 'static {
        let (stream, consumer) = (self.stream.clone(), self.consumer.clone());
        let is_first = self.delivered == 0 && self.idle_counts == 0;
        let delay = if is_first { FIRST_COUNT_DELAY } else { COUNT_INTERVAL };
        async move {
            tokio::time::sleep(delay).await;
            let info = stream.consumer_info(consumer).await.ok()?;
            Some(PendingCount {
                pending: info.num_pending,
                delivered: info.delivered.consumer_sequence,
                has_request: info.num_waiting > 0,
            })
        }
    }

    /// Applies what the server counts. Returns whether the replay is complete now.
    pub(super) fn apply_count(&mut self, count: Option<PendingCount>) -> Result<bool, End> {
        let complete = PendingCount { pending: 0, delivered: self.delivered, has_request: true };
        if count == Some(complete) {
            return Ok(true);
        }
        self.idle_counts += 1;
        if self.idle_counts > MAX_IDLE_COUNTS { Err(End::Lost("it delivers nothing")) } else { Ok(false) }
    }

    /// Deletes the consumer in the background. If that fails, the server removes it later.
    pub(super) fn delete(self) {
        let (stream, consumer) = (self.stream, self.consumer);
        drop(self.messages);
        tokio::spawn(async move { stream.delete_consumer(&consumer).await });
    }
}

/// What the server counts of a consumer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct PendingCount {
    /// The messages that were not delivered.
    pending: u64,
    /// The messages that were delivered.
    delivered: u64,
    /// Whether a request for messages has arrived. Without it, nothing can be delivered.
    has_request: bool,
}

/// Why the messages of a consumer end.
pub(super) fn end_of_messages(error: Option<&MessagesError>) -> End {
    End::Lost(match error.map(MessagesError::kind) {
        Some(MessagesErrorKind::MissingHeartbeat) => "it is silent",
        Some(MessagesErrorKind::ConsumerDeleted) => "it was deleted",
        _ => "it failed",
    })
}

fn end_of(stream: &str, error: &ConsumerError) -> End {
    match error.kind() {
        ConsumerErrorKind::JetStream(error) if error.error_code() == ErrorCode::STREAM_NOT_FOUND => {
            End::Missing
        }
        ConsumerErrorKind::JetStream(error) => {
            End::Unavailable(format!("NATS rejects a consumer of the stream {stream}: {error}"))
        }
        _ => End::Unavailable(format!(
            "NATS does not answer the request to create a consumer of the stream {stream}"
        )),
    }
}

//! One consumer of a bucket: it delivers the last message of each key, and then every new message.

use std::time::{Duration, Instant};

use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::consumer::pull::{Config, Stream as Messages};
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy};
use async_nats::jetstream::stream::{ConsumerErrorKind, Stream};
use jiff::{SignedDuration, Timestamp};

use super::message::Position;
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
/// How often a replay that is not complete asks for the number of messages that follow: an entry that expires before it is
/// delivered would otherwise leave it incomplete.
const PENDING_CHECK_INTERVAL: Duration = Duration::from_secs(1);
/// The number of checks without a message after which a replay has failed.
const MAX_IDLE_CHECKS: u32 = 10;

/// Why a consumer ended, or could not be created.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum End {
    /// The connection was lost.
    LinkLost,
    /// The bucket does not exist.
    Missing,
    /// NATS did not answer.
    NoAnswer,
    /// The consumer no longer delivers all messages.
    Lost(&'static str),
}

/// A consumer of a bucket.
pub(super) struct Replay {
    /// The bucket when the replay began.
    pub(super) info: BucketInfo,
    /// The messages.
    pub(super) messages: Messages,
    /// Whether the last message of each key was delivered.
    pub(super) is_complete: bool,
    /// The revision that must have been delivered when the stream's information is read again.
    pub(super) must_reach: u64,
    clock: ServerClock,
    stream: Stream<()>,
    consumer: String,
    delivered: u64,
    idle_checks: u32,
}

/// The clock of the server. It does not follow changes of this machine's clock.
struct ServerClock {
    time: Timestamp,
    read_at: Instant,
}

impl Replay {
    /// Creates a consumer.
    pub(super) async fn open(
        connection: &NatsConnection,
        stream_name: &str,
        filter: &str,
    ) -> Result<Self, End> {
        let info = match probe(connection.jetstream(), stream_name).await {
            Probe::Present(info) => info,
            Probe::Missing => return Err(End::Missing),
            Probe::Unknown | Probe::NoAnswer => return Err(End::NoAnswer),
        };
        let stream =
            connection.jetstream().get_stream_no_info(stream_name).await.map_err(|_| End::NoAnswer)?;
        let config = Config {
            deliver_policy: DeliverPolicy::LastPerSubject,
            // This policy needs a filter.
            filter_subject: filter.to_owned(),
            ack_policy: AckPolicy::None,
            inactive_threshold: INACTIVE_THRESHOLD,
            memory_storage: true,
            num_replicas: 1,
            ..Config::default()
        };
        let consumer = stream.create_consumer(config).await.map_err(|error| match error.kind() {
            ConsumerErrorKind::JetStream(error) if error.error_code() == ErrorCode::STREAM_NOT_FOUND => {
                End::Missing
            }
            ConsumerErrorKind::JetStream(error) => {
                tracing::warn!(stream = stream_name, %error, "NATS rejects the consumer of a bucket");
                End::NoAnswer
            }
            _ => End::NoAnswer,
        })?;
        let created = consumer.cached_info();
        let clock = ServerClock { time: timestamp(created.created), read_at: Instant::now() };
        let (name, is_complete) = (created.name.clone(), created.num_pending == 0);
        let bytes_ahead = MIN_BYTES_AHEAD.max(connection.client().max_payload().saturating_mul(2));
        let messages = consumer
            .stream()
            .max_messages_per_batch(MAX_MESSAGES_AHEAD)
            .max_bytes_per_batch(bytes_ahead)
            .heartbeat(IDLE_HEARTBEAT)
            .expires(REQUEST_EXPIRY)
            .messages();
        Ok(Self {
            messages: messages.await.map_err(|_| End::NoAnswer)?,
            is_complete,
            must_reach: 0,
            clock,
            stream,
            consumer: name,
            delivered: 0,
            idle_checks: 0,
            info,
        })
    }

    /// Counts a message. Returns whether it directly follows the one before.
    pub(super) fn follows(&mut self, position: Position) -> bool {
        let follows = position.consumer == self.delivered + 1;
        self.delivered = position.consumer;
        self.idle_checks = 0;
        follows
    }

    /// The time by the server's clock.
    pub(super) fn server_time(&self) -> Timestamp {
        let elapsed = SignedDuration::try_from(self.clock.read_at.elapsed()).unwrap_or(SignedDuration::MAX);
        self.clock.time.saturating_add(elapsed).unwrap_or(Timestamp::MAX)
    }

    /// A future that completes after a while with the number of messages that the consumer will deliver before the replay is
    /// complete, as the server counts them.
    pub(super) fn count_pending(&self) -> impl Future<Output = Option<PendingCount>> + Send + 'static {
        let (stream, consumer) = (self.stream.clone(), self.consumer.clone());
        async move {
            tokio::time::sleep(PENDING_CHECK_INTERVAL).await;
            let info = stream.consumer_info(consumer).await.ok()?;
            Some(PendingCount { pending: info.num_pending, delivered: info.delivered.consumer_sequence })
        }
    }

    /// Applies the number of pending messages. Returns whether the replay is complete now.
    pub(super) fn apply_count(&mut self, count: Option<PendingCount>) -> Result<bool, End> {
        if count == Some(PendingCount { pending: 0, delivered: self.delivered }) {
            return Ok(true);
        }
        self.idle_checks += 1;
        if self.idle_checks > MAX_IDLE_CHECKS { Err(End::Lost("it delivers nothing")) } else { Ok(false) }
    }

    /// Deletes the consumer in the background. If that fails, the server removes it later.
    pub(super) fn delete(self) {
        let (stream, consumer) = (self.stream, self.consumer);
        drop(self.messages);
        tokio::spawn(async move { stream.delete_consumer(&consumer).await });
    }
}

/// How many messages a consumer still has to deliver.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct PendingCount {
    pending: u64,
    delivered: u64,
}

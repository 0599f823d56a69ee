//! Requests to a bucket that the client's own functions can't express: the last message of a key including deletions, read
//! from the leader, and writes with headers and an expected revision.

use std::error::Error;

use async_nats::HeaderMap;
use async_nats::header::NATS_EXPECTED_LAST_SUBJECT_SEQUENCE;
use async_nats::jetstream::context::{PublishError, PublishErrorKind};
use async_nats::jetstream::stream::{Config, LastRawMessageErrorKind};
use async_nats::jetstream::{Error as JetStreamError, ErrorCode};
use bytes::Bytes;
use jiff::Timestamp;
use registry_client::bucket::NewBucket;
use registry_client::connection::NatsConnection;

use super::mirrored_keys::source_of;

/// `JSStreamWrongLastSequenceConstantErr` of the server.
const WRONG_SEQUENCE_OF_CLUSTERS: u64 = 10164;
/// The header in which clients of buckets name a deletion.
const OPERATION_HEADER: &str = "KV-Operation";
const DELETION: &str = "DEL";

/// Writes to a bucket.
#[derive(Clone)]
pub(super) struct BucketWriter {
    connection: NatsConnection,
    bucket: String,
}

/// The last message of a key.
#[derive(Debug)]
pub(super) struct LastMessage {
    pub(super) revision: u64,
    pub(super) stored_at: Timestamp,
    /// None after a deletion.
    pub(super) value: Option<Bytes>,
    /// The revision of the definition that it is a copy of.
    pub(super) source: Option<u64>,
}

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum RequestError {
    #[error("the bucket does not exist")]
    NoBucket,
    #[error("the key has another revision")]
    WrongRevision,
    #[error("no answer: {0}")]
    NoAnswer(String),
    #[error("{0}")]
    Rejected(String),
}

impl BucketWriter {
    pub(super) fn new(connection: &NatsConnection, bucket: &str) -> Self {
        Self { connection: connection.clone(), bucket: bucket.to_owned() }
    }

    /// The name of the bucket.
    pub(super) fn bucket(&self) -> &str {
        &self.bucket
    }

    /// The last message of a key, read from the leader: other servers can be behind (nats-server issue 4710).
    pub(super) async fn last(&self, key: &str) -> Result<Option<LastMessage>, RequestError> {
        let stream = self.connection.jetstream().get_stream_no_info(self.stream_name()).await;
        let stream = stream.map_err(|error| RequestError::Rejected(error.to_string()))?;
        let message = match stream.get_last_raw_message_by_subject(&self.subject(key)).await {
            Ok(message) => message,
            Err(error) => {
                return match error.kind() {
                    LastRawMessageErrorKind::NoMessageFound => Ok(None),
                    LastRawMessageErrorKind::JetStream(error) => match error.error_code() {
                        ErrorCode::STREAM_NOT_FOUND => Err(RequestError::NoBucket),
                        ErrorCode::NO_MESSAGE_FOUND => Ok(None),
                        _ => Err(RequestError::Rejected(error.to_string())),
                    },
                    _ => Err(RequestError::NoAnswer(error.to_string())),
                };
            }
        };
        let is_deletion = message.headers.get(OPERATION_HEADER).is_some();
        Ok(Some(LastMessage {
            revision: message.sequence,
            stored_at: Timestamp::from_nanosecond(message.time.unix_timestamp_nanos()).unwrap_or_default(),
            source: source_of(Some(&message.headers)),
            value: (!is_deletion).then_some(message.payload),
        }))
    }

    /// Deletes a key, if its last revision is `expected`; None: whatever it is.
    pub(super) async fn delete(&self, key: &str, expected: Option<u64>) -> Result<u64, RequestError> {
        let mut headers = HeaderMap::new();
        headers.insert(OPERATION_HEADER, DELETION);
        self.put(key, Bytes::new(), expected, headers).await
    }

    /// Creates the bucket. Entries do not expire.
    pub(super) async fn create_bucket(&self, settings: NewBucket) -> Result<(), RequestError> {
        let config = settings.stream_config(&self.bucket);
        let created = self.connection.jetstream().get_or_create_stream(config).await;
        created.map(drop).map_err(|error| RequestError::Rejected(error.to_string()))
    }

    /// Changes settings of the bucket. Returns whether there was a change.
    pub(super) async fn change_settings(
        &self,
        change: impl FnOnce(&mut Config),
    ) -> Result<bool, RequestError> {
        let jetstream = self.connection.jetstream();
        let stream = jetstream.get_stream(self.stream_name()).await;
        let stream = stream.map_err(|error| RequestError::Rejected(error.to_string()))?;
        let current = &stream.cached_info().config;
        let mut config = current.clone();
        change(&mut config);
        if config == *current {
            return Ok(false);
        }
        let updated = jetstream.update_stream(config).await;
        updated.map(|_| true).map_err(|error| RequestError::Rejected(error.to_string()))
    }

    /// Writes a key, if its last revision is `expected`; None: whatever it is, and 0: if it has none. Returns the new revision.
    pub(super) async fn put(
        &self,
        key: &str,
        value: Bytes,
        expected: Option<u64>,
        mut headers: HeaderMap,
    ) -> Result<u64, RequestError> {
        if let Some(revision) = expected {
            headers.insert(NATS_EXPECTED_LAST_SUBJECT_SEQUENCE, revision.to_string());
        }
        let jetstream = self.connection.jetstream();
        let published = match jetstream.publish_with_headers(self.subject(key), headers, value).await {
            Ok(acknowledgement) => acknowledgement.await,
            Err(error) => Err(error),
        };
        published.map(|acknowledgement| acknowledgement.sequence).map_err(|error| match error.kind() {
            _ if is_wrong_sequence(&error) => RequestError::WrongRevision,
            PublishErrorKind::StreamNotFound => RequestError::NoBucket,
            PublishErrorKind::TimedOut | PublishErrorKind::BrokenPipe => {
                RequestError::NoAnswer(error.to_string())
            }
            _ => RequestError::Rejected(error.to_string()),
        })
    }

    fn stream_name(&self) -> String {
        format!("KV_{}", self.bucket)
    }

    fn subject(&self, key: &str) -> String {
        format!("$KV.{}.{key}", self.bucket)
    }
}

/// Whether another write was first. Clusters of server 2.12 and later have a code of their own for this case, which the client
/// does not map to a kind.
fn is_wrong_sequence(error: &PublishError) -> bool {
    let code = || error.source()?.downcast_ref::<JetStreamError>().map(JetStreamError::error_code);
    error.kind() == PublishErrorKind::WrongLastSequence
        || code().is_some_and(|code| code.0 == WRONG_SEQUENCE_OF_CLUSTERS)
}

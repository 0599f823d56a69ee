//! The bucket of the registry, for writes.

use std::error::Error;
use std::time::Duration;

use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::context::{GetStreamErrorKind, PublishError, PublishErrorKind};
use async_nats::jetstream::kv::{PutError, Store};
use bytes::Bytes;

use crate::connection::NatsConnection;
use crate::new_bucket::NewBucket;

/// The time limit of a write. Three requests precede it when the bucket is opened.
const WRITE_TIMEOUT: Duration = Duration::from_secs(5);

/// Why a write failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum WriteError {
    #[error("NATS did not answer in time; check that it runs, and that this client may use the bucket {0}")]
    NoAnswer(String),
    #[error("the bucket {0} does not exist; create it")]
    NoBucket(String),
    #[error("the bucket {bucket} can't be created: {problem}")]
    NotCreated { bucket: String, problem: String },
    #[error("NATS rejects the write to the bucket {bucket}: {problem}")]
    Rejected { bucket: String, problem: String },
}

/// The bucket of the registry. It is opened by the first write, and again after an error.
#[derive(Clone, Debug)]
pub(super) struct RegistryBucket {
    connection: NatsConnection,
    name: String,
    new_bucket: Option<NewBucket>,
    store: Option<Store>,
}

impl RegistryBucket {
    pub(super) fn new(connection: &NatsConnection, name: &str, new_bucket: Option<NewBucket>) -> Self {
        Self { connection: connection.clone(), name: name.to_owned(), new_bucket, store: None }
    }

    /// The age at which the server removes an entry, when the bucket was opened; None if it never does.
    pub(super) fn max_age(&self) -> Option<Duration> {
        let max_age = self.store.as_ref()?.stream.cached_info().config.max_age;
        Some(max_age).filter(|max_age| !max_age.is_zero())
    }

    /// Opens the bucket again before the next write: it may be another one.
    pub(super) fn close(&mut self) {
        self.store = None;
    }

    pub(super) async fn put(&mut self, key: &str, value: String) -> Result<(), WriteError> {
        let written = tokio::time::timeout(WRITE_TIMEOUT, self.write(key, value.into())).await;
        let written = written.unwrap_or_else(|_| Err(WriteError::NoAnswer(self.name.clone())));
        if written.is_err() {
            self.close();
        }
        written
    }

    /// Writes, and if the bucket was deleted since it was opened, opens or creates it and writes again.
    async fn write(&mut self, key: &str, value: Bytes) -> Result<(), WriteError> {
        if let Some(store) = &self.store {
            match store.put(key, value.clone()).await {
                Err(error) if publish_error(&error) == Some(PublishErrorKind::StreamNotFound) => {}
                result => return result.map(drop).map_err(|error| self.write_error(&error)),
            }
        }
        let store = self.open().await?;
        let result = store.put(key, value).await;
        self.store = Some(store);
        result.map(drop).map_err(|error| self.write_error(&error))
    }

    /// Deletes a key. The bucket must have been opened by a write.
    pub(super) async fn delete(&mut self, key: &str) -> Result<(), WriteError> {
        let Some(store) = &self.store else { return Err(WriteError::NoBucket(self.name.clone())) };
        let deleted = store.delete(key).await;
        deleted
            .map_err(|error| WriteError::Rejected { bucket: self.name.clone(), problem: error.to_string() })
    }

    async fn open(&self) -> Result<Store, WriteError> {
        let jetstream = self.connection.jetstream();
        let is_missing = match jetstream.get_stream(format!("KV_{}", self.name)).await {
            Ok(_) => false,
            Err(error) => match error.kind() {
                GetStreamErrorKind::JetStream(error) if error.error_code() == ErrorCode::STREAM_NOT_FOUND => {
                    true
                }
                _ => return Err(WriteError::NoAnswer(self.name.clone())),
            },
        };
        match self.new_bucket {
            Some(new_bucket) if is_missing => self.create(new_bucket).await,
            None if is_missing => Err(WriteError::NoBucket(self.name.clone())),
            _ => self.get().await,
        }
    }

    async fn get(&self) -> Result<Store, WriteError> {
        let store = self.connection.jetstream().get_key_value(&self.name).await;
        store.map_err(|error| WriteError::Rejected { bucket: self.name.clone(), problem: error.to_string() })
    }

    async fn create(&self, settings: NewBucket) -> Result<Store, WriteError> {
        let config = settings.stream_config(&self.name);
        let created = self.connection.jetstream().create_stream(config).await;
        // Another client may have created it since; the next heartbeat opens that one.
        created.map_err(|error| WriteError::NotCreated {
            bucket: self.name.clone(),
            problem: error.to_string(),
        })?;
        tracing::info!(bucket = self.name, "the bucket of the registry is created");
        self.get().await
    }

    fn write_error(&self, error: &PutError) -> WriteError {
        let bucket = self.name.clone();
        match publish_error(error) {
            Some(PublishErrorKind::StreamNotFound) => WriteError::NoBucket(bucket),
            Some(PublishErrorKind::TimedOut | PublishErrorKind::BrokenPipe) => WriteError::NoAnswer(bucket),
            _ => WriteError::Rejected { bucket, problem: error.to_string() },
        }
    }
}

fn publish_error(error: &PutError) -> Option<PublishErrorKind> {
    error.source()?.downcast_ref::<PublishError>().map(PublishError::kind)
}

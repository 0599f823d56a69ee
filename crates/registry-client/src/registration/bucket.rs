//! The bucket of the registry, for writes.

use std::error::Error;
use std::time::Duration;

use async_nats::jetstream::context::{PublishError, PublishErrorKind};
use async_nats::jetstream::kv::{PutError, Store};
use bytes::Bytes;

use crate::bucket::{self, BucketError, NewBucket};
use crate::connection::NatsConnection;

/// The time limit of a write. Up to three requests precede it when the bucket is opened.
const WRITE_TIMEOUT: Duration = Duration::from_secs(5);

/// Why a write failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum WriteError {
    #[error(transparent)]
    Bucket(#[from] BucketError),
    #[error("NATS rejects the write to the bucket {bucket}: {problem}")]
    Rejected { bucket: String, problem: String },
}

/// The bucket of the registry. It is opened by the first write, and again after an error.
#[derive(Debug)]
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
        let written = written.unwrap_or_else(|_| Err(BucketError::NoAnswer(self.name.clone()).into()));
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
        let store = bucket::open(&self.connection, &self.name, self.new_bucket).await?;
        let result = store.put(key, value).await;
        self.store = Some(store);
        result.map(drop).map_err(|error| self.write_error(&error))
    }

    /// Deletes a key. The bucket must have been opened by a write.
    pub(super) async fn delete(&mut self, key: &str) -> Result<(), WriteError> {
        let Some(store) = &self.store else { return Err(BucketError::Missing(self.name.clone()).into()) };
        let deleted = store.delete(key).await;
        deleted
            .map_err(|error| WriteError::Rejected { bucket: self.name.clone(), problem: error.to_string() })
    }

    fn write_error(&self, error: &PutError) -> WriteError {
        let bucket = self.name.clone();
        match publish_error(error) {
            Some(PublishErrorKind::StreamNotFound) => BucketError::Missing(bucket).into(),
            Some(PublishErrorKind::TimedOut | PublishErrorKind::BrokenPipe) => {
                BucketError::NoAnswer(bucket).into()
            }
            _ => WriteError::Rejected { bucket, problem: error.to_string() },
        }
    }
}

fn publish_error(error: &PutError) -> Option<PublishErrorKind> {
    error.source()?.downcast_ref::<PublishError>().map(PublishError::kind)
}

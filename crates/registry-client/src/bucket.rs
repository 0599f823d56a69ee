//! Opens a bucket, and creates it if it is absent.

use std::time::Duration;

use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::context::{GetStreamError, GetStreamErrorKind};
use async_nats::jetstream::kv::Store;
use async_nats::jetstream::stream::{Config, DiscardPolicy, StorageType};

use crate::connection::NatsConnection;

/// The settings of a bucket that is created.
#[derive(Clone, Copy, Debug)]
pub struct NewBucket {
    /// The age at which the server removes an entry; zero if it never does.
    pub max_age: Duration,
    /// The number of revisions that are kept of a key.
    pub history: i64,
    /// The number of servers that store the bucket.
    pub replicas: usize,
}

impl Default for NewBucket {
    /// The registry's bucket: entries expire after 30 s, and one server stores the last revision of each.
    fn default() -> Self {
        Self { max_age: Duration::from_secs(30), history: 1, replicas: 1 }
    }
}

impl NewBucket {
    /// The stream of a bucket as clients of NATS create it. `Context::create_key_value` does the same, but can't read an
    /// answer of server 2.9.
    pub fn stream_config(self, bucket: &str) -> Config {
        Config {
            name: format!("KV_{bucket}"),
            subjects: vec![format!("$KV.{bucket}.>")],
            max_age: self.max_age,
            max_messages_per_subject: self.history,
            num_replicas: self.replicas,
            storage: StorageType::File,
            discard: DiscardPolicy::New,
            allow_rollup: true,
            deny_delete: true,
            allow_direct: true,
            ..Config::default()
        }
    }
}

/// Why a bucket can't be used.
#[derive(Debug, thiserror::Error)]
pub enum BucketError {
    /// There was no answer.
    #[error("NATS did not answer in time; check that it runs, and that this client may use the bucket {0}")]
    NoAnswer(String),
    /// The bucket does not exist.
    #[error("the bucket {0} does not exist; create it")]
    Missing(String),
    /// The server rejected its settings, for example because there are fewer servers than replicas.
    #[error("the bucket {bucket} can't be created: {problem}")]
    NotCreated {
        /// The name of the bucket.
        bucket: String,
        /// The answer of the server.
        problem: String,
    },
}

/// Opens a bucket. If it is absent and `settings` are given, it is created.
///
/// # Errors
/// When it does not exist and must not or can't be created, or when there is no answer.
pub async fn open(
    connection: &NatsConnection,
    name: &str,
    settings: Option<NewBucket>,
) -> Result<Store, BucketError> {
    let jetstream = connection.jetstream();
    match jetstream.get_stream(format!("KV_{name}")).await {
        Ok(_) => {}
        Err(error) if !is_missing(&error) => return Err(BucketError::NoAnswer(name.to_owned())),
        Err(_) => {
            let settings = settings.ok_or_else(|| BucketError::Missing(name.to_owned()))?;
            let created = jetstream.create_stream(settings.stream_config(name)).await;
            // If another client created it in the meantime, the next attempt opens that one.
            created.map_err(|error| BucketError::NotCreated {
                bucket: name.to_owned(),
                problem: error.to_string(),
            })?;
            tracing::info!(bucket = name, "a bucket was absent and is created");
        }
    }
    jetstream.get_key_value(name).await.map_err(|_| BucketError::NoAnswer(name.to_owned()))
}

fn is_missing(error: &GetStreamError) -> bool {
    matches!(error.kind(), GetStreamErrorKind::JetStream(error) if error.error_code() == ErrorCode::STREAM_NOT_FOUND)
}

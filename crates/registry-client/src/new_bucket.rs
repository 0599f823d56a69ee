//! Buckets that a client creates.

use std::time::Duration;

use async_nats::jetstream::stream::{Config, DiscardPolicy, StorageType};

/// The settings of a bucket that is created.
#[derive(Clone, Copy, Debug)]
pub struct NewBucket {
    /// The age at which the server removes an entry; zero if it never does.
    pub max_age: Duration,
    /// The number of servers that store the bucket.
    pub replicas: usize,
}

impl NewBucket {
    /// The stream of a bucket with this name, as clients of NATS define it (ADR-8 of NATS). The client's own function for
    /// buckets does not work with servers before 2.10, because it reads their limits first.
    pub fn stream_config(self, bucket: &str) -> Config {
        Config {
            name: format!("KV_{bucket}"),
            subjects: vec![format!("$KV.{bucket}.>")],
            max_messages_per_subject: 1,
            max_age: self.max_age,
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

impl Default for NewBucket {
    fn default() -> Self {
        Self { max_age: Duration::from_secs(30), replicas: 1 }
    }
}

//! What the service reports of NATS itself: a port, which `registry` implements.

use std::time::Duration;

use async_trait::async_trait;
use serde::Serialize;
use utoipa::ToSchema;

/// Reports the state of NATS.
#[async_trait]
pub trait RegistryBackend: Send + Sync {
    /// The time of a round trip to NATS; None when NATS does not answer.
    async fn latency(&self) -> Option<Duration>;

    /// The settings and the size of the bucket of instances as last read; None when it does not exist or was never read.
    fn bucket(&self) -> Option<BucketInfo>;

    /// What prevents the use of NATS, in sentences without secrets. Denied subjects are named even while the buckets are live.
    fn problems(&self) -> Vec<String>;

    /// What has happened to the watches since the program started.
    fn watch_counters(&self) -> WatchCounters;
}

/// The settings and the size of a bucket.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct BucketInfo {
    /// The bucket's name.
    pub name: String,
    /// When NATS removes an entry, in seconds after it was written; 0: never.
    pub max_age_seconds: f64,
    /// The number of revisions that the bucket keeps of a key.
    pub history: i64,
    /// The number of servers that store the bucket.
    pub replicas: usize,
    /// The size of the stored messages in bytes.
    pub bytes: u64,
    /// The number of stored messages, including old revisions and markers of deletions.
    pub messages: u64,
    /// The revision of the last message.
    pub last_revision: u64,
}

/// What has happened to the watches since the program started.
#[derive(Clone, Copy, Debug, Default)]
pub struct WatchCounters {
    /// Watches that were started again, with a sweep of keys that no longer exist.
    pub resyncs: u64,
    /// Connections to NATS after the first one.
    pub reconnects: u64,
    /// The number of messages of the bucket that are not applied yet.
    pub lag: u64,
}

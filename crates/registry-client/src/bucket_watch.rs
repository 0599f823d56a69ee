//! Follows a bucket, whatever happens to the server, the connection, the stream or the consumer.
//!
//! Clients of NATS lose changes without an error in several cases: a bucket that is deleted and created again, a stream that is
//! deleted, a consumer that a restart of the server removes, a deletion that expired during an outage, and entries that the
//! server removes without a message. Three rules cover all of them:
//!
//! 1. Whatever is unexpected ends the consumer. The next one first delivers the last message of each key, and then every key
//!    that was not delivered is removed (mark and sweep). The state stays live if that happens at once.
//! 2. A separate task reads the stream's information every five seconds, and reports a stream that was created again, messages
//!    that are not delivered, keys that have vanished, and a server that does not answer.
//! 3. Entries expire by a timer of this module, which stops while the state is not live. The clock is the server's, as its last
//!    message shows it.

mod entries;
mod message;
mod pauses;
mod progress;
mod replay;
mod server_clock;
mod stream_info;
mod watcher;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_nats::HeaderMap;
use jiff::Timestamp;
use tokio::sync::watch;

pub use self::stream_info::BucketInfo;
pub use self::watcher::BucketWatch;

/// What happened to a bucket.
#[derive(Clone, Copy, Debug)]
pub enum BucketEvent<'e> {
    /// A key was written.
    Put(BucketPut<'e>),
    /// A key was removed.
    Removed {
        /// The key.
        key: &'e str,
        /// The revision of the deletion, or the last revision of the key if the bucket has no message about its end.
        revision: u64,
        /// Why it was removed.
        reason: Removal,
    },
    /// The state of the watch changed.
    State(BucketState),
}

/// A value that was written to a bucket.
#[derive(Clone, Copy, Debug)]
pub struct BucketPut<'e> {
    /// The key.
    pub key: &'e str,
    /// The value.
    pub value: &'e [u8],
    /// The headers of the message.
    pub headers: Option<&'e HeaderMap>,
    /// The revision of the bucket.
    pub revision: u64,
    /// When the server stored it, by the clock of the server.
    pub stored_at: Timestamp,
}

/// Why a key was removed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Removal {
    /// A client deleted it.
    Deleted,
    /// It reached the bucket's `max_age`.
    Expired,
    /// It did not exist any more when the bucket was read again.
    Swept,
}

/// The state of a watch.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum BucketState {
    /// The bucket has not been read since the program started.
    Connecting,
    /// Every change of the bucket is delivered.
    Live,
    /// NATS answers, and the bucket does not exist.
    Missing,
    /// NATS does not answer, or does not deliver messages.
    Unavailable {
        /// The last moment at which every change was known.
        since: Timestamp,
    },
}

impl BucketState {
    /// The state in one word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Live => "live",
            Self::Missing => "missing",
            Self::Unavailable { .. } => "unavailable",
        }
    }
}

/// What has happened to a watch since the program started. Clones share their values.
#[derive(Clone, Debug)]
pub struct BucketReport {
    resyncs: Arc<AtomicU64>,
    lag: Arc<AtomicU64>,
    info: watch::Receiver<Option<BucketInfo>>,
    problem: watch::Receiver<Option<String>>,
}

impl BucketReport {
    /// How often the bucket was read again as a whole, after the first time.
    pub fn resyncs(&self) -> u64 {
        self.resyncs.load(Ordering::Relaxed)
    }

    /// The number of messages that the stream had and the watch had not received, when the stream's information was read.
    pub fn lag(&self) -> u64 {
        self.lag.load(Ordering::Relaxed)
    }

    /// Why the bucket can't be read; None while it can, and while there is no connection.
    pub fn problem(&self) -> Option<String> {
        self.problem.borrow().clone()
    }

    /// The settings and the size of the bucket as last read; None when it does not exist, or was never read.
    pub fn info(&self) -> Option<BucketInfo> {
        self.info.borrow().clone()
    }

    /// Waits until the bucket exists, and returns its settings and size.
    pub async fn wait_for_info(&self) -> BucketInfo {
        let mut info = self.info.clone();
        loop {
            if let Some(info) = info.borrow_and_update().clone() {
                return info;
            }
            if info.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }
}

//! The connection to a bucket, and how fresh the state of the bucket is.

use std::time::Duration;

use jiff::Timestamp;

/// The buckets of the registry.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Bucket {
    /// The bucket in which services register themselves.
    Instances,
    /// The bucket of the definitions.
    Definitions,
}

/// The connection to a bucket.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Connection {
    /// The bucket has not been read since the program started.
    Connecting,
    /// Every change of the bucket is applied.
    Live,
    /// NATS answers, and the bucket does not exist.
    BucketMissing,
    /// NATS does not answer.
    Unavailable {
        /// The last moment at which the state was known to be complete.
        since: Timestamp,
    },
}

impl Connection {
    /// The word for the state in documents, events and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Live => "live",
            Self::BucketMissing => "bucket_missing",
            Self::Unavailable { .. } => "unavailable",
        }
    }

    /// Whether NATS answers.
    pub fn is_available(self) -> bool {
        matches!(self, Self::Live | Self::BucketMissing)
    }
}

/// How fresh an answer is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Freshness {
    /// It is the current state.
    Live,
    /// It is the last known state, because NATS is unavailable.
    Stale {
        /// The time since the state was known to be complete.
        age: Duration,
    },
}

/// The bucket has not been read since the program started.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the registry has not been read yet")]
pub struct NotSyncedError;

/// The connection to a bucket, and whether the bucket has been read.
#[derive(Clone, Copy, Debug)]
pub struct BucketCondition {
    connection: Connection,
    is_synced: bool,
    /// When NATS was found to be unavailable.
    lost_at: Option<Timestamp>,
}

impl Default for BucketCondition {
    fn default() -> Self {
        Self { connection: Connection::Connecting, is_synced: false, lost_at: None }
    }
}

impl BucketCondition {
    /// Sets the connection. Returns whether it changed.
    pub fn set(&mut self, connection: Connection, now: Timestamp) -> bool {
        self.is_synced |= connection.is_available();
        self.lost_at = match connection {
            Connection::Unavailable { .. } => self.lost_at.or(Some(now)),
            Connection::Connecting | Connection::Live | Connection::BucketMissing => None,
        };
        let changed = self.connection != connection;
        self.connection = connection;
        changed
    }

    /// The connection.
    pub fn connection(&self) -> Connection {
        self.connection
    }

    /// The time that decides what is stale. It stops while NATS is unavailable, so that instances whose heartbeats can't arrive
    /// do not become stale. It stops when the outage is found, not when it began: an instance that was already hidden must not
    /// return.
    pub fn effective_time(&self, now: Timestamp) -> Timestamp {
        self.lost_at.map_or(now, |lost_at| lost_at.min(now))
    }

    /// How fresh the state is.
    ///
    /// # Errors
    /// When the bucket has never been read.
    pub fn freshness(&self, now: Timestamp) -> Result<Freshness, NotSyncedError> {
        match self.connection {
            _ if !self.is_synced => Err(NotSyncedError),
            Connection::Live | Connection::BucketMissing => Ok(Freshness::Live),
            Connection::Unavailable { since } => {
                Ok(Freshness::Stale { age: now.duration_since(since).try_into().unwrap_or_default() })
            }
            Connection::Connecting => Ok(Freshness::Stale { age: Duration::ZERO }),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::{SignedDuration, Timestamp};

    use super::{BucketCondition, Connection, Freshness, NotSyncedError};

    #[test]
    fn a_bucket_that_was_never_read_has_no_freshness() {
        let now = Timestamp::UNIX_EPOCH;
        let mut condition = BucketCondition::default();
        assert_eq!(condition.freshness(now), Err(NotSyncedError));
        condition.set(Connection::Unavailable { since: now }, now);
        assert_eq!(condition.freshness(now), Err(NotSyncedError));
    }

    #[test]
    fn time_stops_when_an_outage_is_found_and_the_age_grows_from_its_beginning() {
        let since = Timestamp::UNIX_EPOCH;
        let found = since + SignedDuration::from_secs(5);
        let now = since + SignedDuration::from_mins(10);
        let mut condition = BucketCondition::default();
        condition.set(Connection::Live, since);
        assert_eq!((condition.effective_time(now), condition.freshness(now)), (now, Ok(Freshness::Live)));
        condition.set(Connection::Unavailable { since }, found);
        let stale = Freshness::Stale { age: Duration::from_mins(10) };
        assert_eq!((condition.effective_time(now), condition.freshness(now)), (found, Ok(stale)));
        condition.set(Connection::Unavailable { since }, now);
        assert_eq!(condition.effective_time(now), found, "the same outage");
        condition.set(Connection::BucketMissing, now);
        assert_eq!((condition.effective_time(now), condition.freshness(now)), (now, Ok(Freshness::Live)));
    }

    #[test]
    fn a_clock_that_was_set_back_gives_no_negative_age() {
        let since = Timestamp::UNIX_EPOCH + SignedDuration::from_mins(1);
        let mut condition = BucketCondition::default();
        condition.set(Connection::Live, since);
        condition.set(Connection::Unavailable { since }, since);
        let now = Timestamp::UNIX_EPOCH;
        assert_eq!(condition.freshness(now), Ok(Freshness::Stale { age: Duration::ZERO }));
        assert_eq!(condition.effective_time(now), now);
    }
}

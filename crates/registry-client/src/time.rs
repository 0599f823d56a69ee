//! Times of NATS.

use async_nats::datetime::DateTime;
use jiff::Timestamp;

/// A time of NATS. Times that can't be represented, which a server does not send, become the Unix epoch.
pub(crate) fn timestamp(time: DateTime) -> Timestamp {
    Timestamp::from_nanosecond(time.unix_timestamp_nanos()).unwrap_or_default()
}

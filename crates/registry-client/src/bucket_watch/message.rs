//! Messages of a bucket's stream.

use async_nats::header::{HeaderMap, HeaderValue};
use async_nats::jetstream::Message;
use jiff::Timestamp;

use super::Removal;
use crate::time::timestamp;

/// The header in which clients name the operation.
const OPERATION_HEADER: &str = "KV-Operation";
/// The header in which the server gives the reason of a deletion of its own.
const MARKER_HEADER: &str = "Nats-Marker-Reason";

/// The effect of a message on its key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Operation {
    Put,
    Remove(Removal),
}

impl Operation {
    /// A message without headers is a write: any client of NATS can publish to the subjects of a bucket.
    pub(super) fn of(headers: Option<&HeaderMap>) -> Self {
        let header = |name: &str| headers.and_then(|headers| headers.get(name)).map(HeaderValue::as_str);
        match (header(OPERATION_HEADER), header(MARKER_HEADER)) {
            (_, Some("MaxAge")) => Self::Remove(Removal::Expired),
            (Some("DEL" | "PURGE"), _) | (_, Some(_)) => Self::Remove(Removal::Deleted),
            _ => Self::Put,
        }
    }
}

/// The position of a message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Position {
    /// In the stream. It is the revision of the key.
    pub(super) stream: u64,
    /// In the consumer. A gap means that a message was lost.
    pub(super) consumer: u64,
    /// The number of messages that follow in the replay.
    pub(super) pending: u64,
    /// When the server stored the message.
    pub(super) stored_at: Timestamp,
}

impl Position {
    /// None when the message does not come from a consumer.
    pub(super) fn of(message: &Message) -> Option<Self> {
        let info = message.info().ok()?;
        Some(Self {
            stream: info.stream_sequence,
            consumer: info.consumer_sequence,
            pending: info.pending,
            stored_at: timestamp(info.published),
        })
    }
}

#[cfg(test)]
mod tests {
    use async_nats::header::HeaderMap;

    use super::{Operation, Removal};

    #[test]
    fn headers_tell_deletions_from_writes() {
        let deleted = Operation::Remove(Removal::Deleted);
        for (name, value, operation) in [
            ("KV-Operation", "DEL", deleted),
            ("KV-Operation", "PURGE", deleted),
            ("KV-Operation", "PUT", Operation::Put),
            ("Nats-Marker-Reason", "MaxAge", Operation::Remove(Removal::Expired)),
            ("Nats-Marker-Reason", "Remove", deleted),
            ("Other", "DEL", Operation::Put),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(name, value);
            assert_eq!(Operation::of(Some(&headers)), operation, "{name}: {value}");
        }
        assert_eq!(Operation::of(None), Operation::Put);
    }
}

//! Times of NATS and of the bucket.

use async_nats::datetime::DateTime;
use jiff::Timestamp;

/// A time of NATS. Times that can't be represented, which a server does not send, become the Unix epoch.
pub(crate) fn timestamp(time: DateTime) -> Timestamp {
    Timestamp::from_nanosecond(time.unix_timestamp_nanos()).unwrap_or_default()
}

/// A time in the form that the SDK writes: an offset instead of `Z`, and microseconds.
pub(crate) fn text_of(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S%.6f+00:00").to_string()
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::text_of;

    #[test]
    fn times_have_the_form_that_the_sdk_writes() {
        assert_eq!(text_of(Timestamp::from_microsecond(1).unwrap()), "1970-01-01T00:00:00.000001+00:00");
        assert_eq!(text_of(Timestamp::from_second(0).unwrap()), "1970-01-01T00:00:00.000000+00:00");
    }
}

//! The source of the current time.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;

/// The source of the current time. Tests set it.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl Clock {
    /// The clock of this machine.
    pub fn system() -> Self {
        Self::new(Timestamp::now)
    }

    /// A clock that shows what the function returns.
    pub fn new(now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// The current time.
    pub fn now(&self) -> Timestamp {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Clock").field(&self.now()).finish()
    }
}

/// The time as RFC 3339 in UTC with microseconds.
pub fn utc_text(time: Timestamp) -> String {
    format!("{time:.6}")
}

#[cfg(test)]
mod tests {
    use super::utc_text;

    #[test]
    fn times_are_in_utc_with_microseconds() {
        for (given, written) in [
            ("2026-02-10T16:00:00+08:00", "2026-02-10T08:00:00.000000Z"),
            ("2026-02-10T08:00:00.1234567Z", "2026-02-10T08:00:00.123456Z"),
        ] {
            assert_eq!(utc_text(given.parse().unwrap()), written);
        }
    }
}

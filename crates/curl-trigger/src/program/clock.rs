//! The monotonic clock and the time of day.

use core::time::Duration;

use crate::sys;

/// A clock that starts with the program.
pub(crate) struct Clock {
    started: Duration,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self { started: sys::time(sys::MONOTONIC) }
    }

    pub(crate) fn now(&self) -> Duration {
        sys::time(sys::MONOTONIC).saturating_sub(self.started)
    }

    /// The time since 1970, UTC.
    #[expect(clippy::unused_self, reason = "callers with a clock use it for both times")]
    pub(crate) fn time_of_day(&self) -> Duration {
        time_of_day()
    }
}

/// The time since 1970, UTC.
pub(crate) fn time_of_day() -> Duration {
    sys::time(sys::REALTIME)
}

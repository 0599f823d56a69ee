//! The monotonic clock and the time of day.

use core::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// A clock that starts with the program.
pub(crate) struct Clock {
    started: Duration,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self { started: read(ClockId::Monotonic) }
    }

    pub(crate) fn now(&self) -> Duration {
        read(ClockId::Monotonic).saturating_sub(self.started)
    }

    /// The time since 1970, UTC.
    #[expect(clippy::unused_self, reason = "callers with a clock use it for both times")]
    pub(crate) fn time_of_day(&self) -> Duration {
        time_of_day()
    }
}

/// The time since 1970, UTC.
pub(crate) fn time_of_day() -> Duration {
    read(ClockId::Realtime)
}

fn read(clock: ClockId) -> Duration {
    let time = clock_gettime(clock);
    let nanoseconds = u32::try_from(time.tv_nsec).unwrap_or_default();
    Duration::new(u64::try_from(time.tv_sec).unwrap_or_default(), nanoseconds)
}

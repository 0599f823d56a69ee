//! The clock of the server.

use std::time::Instant;

use jiff::{SignedDuration, Timestamp};

/// The clock of the server, which decides what expires. It does not follow changes of this machine's clock.
#[derive(Clone, Copy, Debug)]
pub(super) struct ServerClock {
    time: Timestamp,
    read_at: Instant,
}

impl ServerClock {
    /// The clock, which shows this time now.
    pub(super) fn reading(time: Timestamp) -> Self {
        Self { time, read_at: Instant::now() }
    }

    /// The current time.
    pub(super) fn now(&self) -> Timestamp {
        let elapsed = SignedDuration::try_from(self.read_at.elapsed()).unwrap_or(SignedDuration::MAX);
        self.time.saturating_add(elapsed).unwrap_or(Timestamp::MAX)
    }
}

//! Limits how often a message is logged that an outage repeats.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// The interval of a repeated message.
const INTERVAL: Duration = Duration::from_mins(1);

/// Limits how often a message is logged that an outage repeats.
#[derive(Debug, Default)]
pub struct LogInterval(Mutex<Option<Instant>>);

impl LogInterval {
    /// Whether the message is due: it was never logged, or not for a minute. The caller logs it then.
    pub fn is_due(&self) -> bool {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let due = last.is_none_or(|last| last.elapsed() >= INTERVAL);
        if due {
            *last = Some(Instant::now());
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_message_is_due_once_a_minute() {
        let interval = LogInterval::default();
        assert!(interval.is_due() && !interval.is_due());
        tokio::time::advance(INTERVAL / 2).await;
        assert!(!interval.is_due());
        tokio::time::advance(INTERVAL / 2).await;
        assert!(interval.is_due());
    }
}

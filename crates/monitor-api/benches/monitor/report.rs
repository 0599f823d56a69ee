//! Statistics of durations in seconds, and their units.
#![expect(clippy::cast_precision_loss, reason = "rates and sizes need no more than 52 bits")]

use std::time::Duration;

pub(crate) struct Figures {
    pub(crate) median: f64,
    pub(crate) p99: f64,
}

impl Figures {
    pub(crate) fn of(times: &[f64]) -> Self {
        let mut sorted = times.to_vec();
        sorted.sort_by(f64::total_cmp);
        Self { median: sorted[sorted.len() / 2], p99: sorted[sorted.len() * 99 / 100] }
    }
}

pub(crate) fn milliseconds(seconds: f64) -> String {
    let milliseconds = seconds * 1000.0;
    if milliseconds < 10.0 { format!("{milliseconds:.2} ms") } else { format!("{milliseconds:.0} ms") }
}

pub(crate) fn per_second(count: usize, time: Duration) -> String {
    format!("{:.0}", count as f64 / time.as_secs_f64())
}

pub(crate) fn kilobytes(bytes: usize) -> f64 {
    bytes as f64 / 1e3
}

//! The rate of log lines about requests that were not served.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};

/// 100 lines, and then 10 per second.
const RATE: Quota =
    Quota::per_second(NonZeroU32::new(10).unwrap()).allow_burst(NonZeroU32::new(100).unwrap());

/// Limits these lines, because everyone who can connect can cause them. The metrics count every request.
pub(super) struct RefusalLines {
    rate: DefaultDirectRateLimiter,
    omitted: AtomicU64,
}

impl RefusalLines {
    pub(super) fn new() -> Self {
        Self { rate: RateLimiter::direct(RATE), omitted: AtomicU64::new(0) }
    }

    /// Whether to write the line; then the number of lines that were omitted since the last one.
    pub(super) fn admit(&self) -> Option<u64> {
        if self.rate.check().is_ok() {
            return Some(self.omitted.swap(0, Ordering::Relaxed));
        }
        self.omitted.fetch_add(1, Ordering::Relaxed);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::RefusalLines;

    #[test]
    fn a_flood_of_lines_is_limited_and_the_omitted_ones_are_counted() {
        let lines = RefusalLines::new();
        let written = (0..10_000).filter(|_| lines.admit().is_some()).count();
        assert!((100..1_000).contains(&written), "{written}");
        let omitted = loop {
            if let Some(omitted) = lines.admit() {
                break omitted;
            }
            std::thread::yield_now();
        };
        assert!(omitted >= 1, "{omitted}");
    }
}

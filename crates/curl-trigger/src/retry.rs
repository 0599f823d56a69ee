//! Whether and when to retry: `--retry` and related options, with curl's rules.

use core::time::Duration;

use crate::exit::ExitCode;

const FIRST_PAUSE: Duration = Duration::from_secs(1);
const MAX_PAUSE: Duration = Duration::from_mins(10);

/// The options for retries.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct RetryPolicy {
    /// `--retry`: the maximum number of retries.
    pub retries: u32,
    /// `--retry-delay`: a fixed pause; zero doubles the pause each time, starting with one second.
    pub delay: Duration,
    /// `--retry-max-time`: the maximum time between the starts of the first and the last attempt; zero is no limit.
    pub max_time: Duration,
    /// `--retry-connrefused`.
    pub refused: bool,
    /// `--retry-all-errors`.
    pub all_errors: bool,
}

/// The result of an attempt.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Attempt {
    /// The exit code if there were no retry.
    pub code: ExitCode,
    /// The status of its response, if there is one.
    pub status: Option<u16>,
    /// The connection was refused.
    pub refused: bool,
    /// The response's `Retry-After`.
    pub retry_after: Option<Duration>,
}

/// A retry to make.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Retry {
    /// The pause before it.
    pub pause: Duration,
    /// The reason: curl's name for the problem of the last attempt.
    pub reason: &'static str,
    /// The number of retries left after this one.
    pub left: u32,
}

/// The attempts of one request.
#[derive(Clone, Debug)]
pub struct RetrySchedule {
    policy: RetryPolicy,
    left: u32,
    pause: Duration,
    started: Duration,
}

impl RetrySchedule {
    /// Starts with the first attempt, at `now`.
    pub fn new(policy: RetryPolicy, now: Duration) -> Self {
        let pause = if policy.delay.is_zero() { FIRST_PAUSE } else { policy.delay };
        Self { policy, left: policy.retries, pause, started: now }
    }

    /// The number of retries so far.
    pub fn count(&self) -> u32 {
        self.policy.retries - self.left
    }

    /// The retry after this attempt, which ended at `now`; `None` if there is none.
    pub fn next(&mut self, attempt: &Attempt, now: Duration) -> Option<Retry> {
        let elapsed = now.saturating_sub(self.started);
        let in_time = |at: Duration| self.policy.max_time.is_zero() || at < self.policy.max_time;
        if self.left == 0 || !in_time(elapsed) {
            return None;
        }
        let reason = self.reason(attempt)?;
        let pause = match attempt.retry_after.filter(|_| reason == "HTTP error") {
            Some(retry_after) => self.pause.max(retry_after),
            None => self.pause,
        };
        if !self.policy.max_time.is_zero() && elapsed.saturating_add(pause) > self.policy.max_time {
            return None;
        }
        self.left -= 1;
        if self.policy.delay.is_zero() {
            self.pause = (self.pause * 2).min(MAX_PAUSE);
        }
        Some(Retry { pause, reason, left: self.left })
    }

    fn reason(&self, attempt: &Attempt) -> Option<&'static str> {
        match attempt.code {
            ExitCode::Timeout | ExitCode::Resolve => Some("timeout"),
            ExitCode::Connect if attempt.refused && self.policy.refused => Some("connection refused"),
            ExitCode::Ok | ExitCode::HttpStatus
                if matches!(attempt.status, Some(408 | 429 | 500 | 502 | 503 | 504)) =>
            {
                Some("HTTP error")
            }
            ExitCode::Ok => None,
            _ if self.policy.all_errors => Some("(retrying all errors)"),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::vec::Vec;

    const SECOND: Duration = Duration::from_secs(1);

    fn attempt(code: ExitCode, status: Option<u16>) -> Attempt {
        Attempt { code, status, refused: code == ExitCode::Connect, retry_after: None }
    }

    fn retried(policy: RetryPolicy, attempt: &Attempt) -> bool {
        RetrySchedule::new(RetryPolicy { retries: 1, ..policy }, SECOND).next(attempt, SECOND).is_some()
    }

    #[test]
    fn the_same_errors_are_retried_as_by_curl() {
        let plain = RetryPolicy::default();
        for code in [ExitCode::Timeout, ExitCode::Resolve] {
            assert!(retried(plain, &attempt(code, None)), "{code:?}");
        }
        for status in [408, 429, 500, 502, 503, 504] {
            assert!(retried(plain, &attempt(ExitCode::Ok, Some(status))), "{status}");
            assert!(retried(plain, &attempt(ExitCode::HttpStatus, Some(status))), "{status}");
        }
        for status in [200, 202, 302, 400, 401, 403, 404, 409, 501] {
            assert!(!retried(plain, &attempt(ExitCode::Ok, Some(status))), "{status}");
        }
        for code in [ExitCode::Connect, ExitCode::EmptyReply, ExitCode::Receive, ExitCode::PartialBody] {
            assert!(!retried(plain, &attempt(code, None)), "{code:?}");
            assert!(retried(RetryPolicy { all_errors: true, ..plain }, &attempt(code, None)), "{code:?}");
        }
        assert!(retried(RetryPolicy { refused: true, ..plain }, &attempt(ExitCode::Connect, None)));
    }

    #[test]
    fn pauses_double_and_retry_after_extends_one() {
        let mut schedule = RetrySchedule::new(RetryPolicy { retries: 4, ..RetryPolicy::default() }, SECOND);
        let busy = attempt(ExitCode::Ok, Some(503));
        let mut pauses = Vec::new();
        for retry_after in [None, Some(SECOND * 7), None, Some(SECOND)] {
            let retry = schedule.next(&Attempt { retry_after, ..busy }, SECOND).expect("left");
            pauses.push(retry.pause.as_secs());
        }
        assert_eq!(pauses, [1, 7, 4, 8]);
        assert_eq!(schedule.next(&busy, SECOND), None);
        assert_eq!(schedule.count(), 4);
    }

    #[test]
    fn a_pause_beyond_the_time_limit_for_retries_is_not_started() {
        let policy = RetryPolicy { retries: 9, max_time: SECOND * 5, ..RetryPolicy::default() };
        let busy = Attempt { retry_after: Some(SECOND * 6), ..attempt(ExitCode::Ok, Some(503)) };
        assert_eq!(RetrySchedule::new(policy, SECOND).next(&busy, SECOND), None);
    }

    proptest! {
        #[test]
        fn the_number_and_the_time_of_retries_are_limited(retries in 0u32..40, limit in 1u64..2000, requested in proptest::option::of(0u64..9999)) {
            let policy = RetryPolicy { retries, max_time: Duration::from_secs(limit), ..RetryPolicy::default() };
            let mut schedule = RetrySchedule::new(policy, SECOND);
            let mut now = SECOND;
            let mut made = 0;
            let ended = Attempt { retry_after: requested.map(Duration::from_secs), ..attempt(ExitCode::Ok, Some(503)) };
            while let Some(retry) = schedule.next(&ended, now) {
                now += retry.pause;
                made += 1;
            }
            prop_assert!(made <= retries);
            prop_assert!(now <= SECOND + policy.max_time);
        }
    }
}

//! When to try again, and how much later: `--retry` and its relatives with curl's rules.

use core::time::Duration;

use crate::exit::Code;

const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_mins(10);

/// What the options say.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Policy {
    /// `--retry`: how many more attempts there may be.
    pub retries: u32,
    /// `--retry-delay`: a fixed pause; zero doubles the pause from one second on.
    pub delay: Duration,
    /// `--retry-max-time`: no attempt begins later than this after the first; zero is no limit.
    pub max_time: Duration,
    /// `--retry-connrefused`.
    pub refused: bool,
    /// `--retry-all-errors`.
    pub all_errors: bool,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Attempt {
    /// Its exit code, as if it had been the only one.
    pub code: Code,
    /// The status of its answer, if it got one.
    pub status: Option<u16>,
    /// The connection was refused.
    pub refused: bool,
    /// The pause the server asked for by `Retry-After`.
    pub retry_after: Option<Duration>,
}

/// A further attempt to make.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Retry {
    /// The pause before it.
    pub pause: Duration,
    /// What the last attempt suffered from.
    pub reason: &'static str,
    /// How many attempts are left after it.
    pub left: u32,
}

/// The attempts of one request.
#[derive(Clone, Debug)]
pub struct Schedule {
    policy: Policy,
    left: u32,
    pause: Duration,
    started: Duration,
}

impl Schedule {
    /// Begins with the first attempt, at `now`.
    pub fn new(policy: Policy, now: Duration) -> Self {
        let pause = if policy.delay.is_zero() { FIRST_PAUSE } else { policy.delay };
        Self { policy, left: policy.retries, pause, started: now }
    }

    /// How many attempts followed the first.
    pub fn made(&self) -> u32 {
        self.policy.retries - self.left
    }

    /// Whether to try again after this attempt, which ended at `now`.
    pub fn next(&mut self, attempt: &Attempt, now: Duration) -> Option<Retry> {
        let spent = now.saturating_sub(self.started);
        let in_time = |at: Duration| self.policy.max_time.is_zero() || at < self.policy.max_time;
        if self.left == 0 || !in_time(spent) {
            return None;
        }
        let reason = self.reason(attempt)?;
        let pause = match attempt.retry_after.filter(|_| reason == "HTTP error") {
            Some(asked) => self.pause.max(asked),
            None => self.pause,
        };
        if !self.policy.max_time.is_zero() && spent.saturating_add(pause) > self.policy.max_time {
            return None;
        }
        self.left -= 1;
        if self.policy.delay.is_zero() {
            self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        }
        Some(Retry { pause, reason, left: self.left })
    }

    fn reason(&self, attempt: &Attempt) -> Option<&'static str> {
        match attempt.code {
            Code::Timeout | Code::Resolve => Some("timeout"),
            Code::Connect if attempt.refused && self.policy.refused => Some("connection refused"),
            Code::Ok | Code::HttpStatus
                if matches!(attempt.status, Some(408 | 429 | 500 | 502 | 503 | 504)) =>
            {
                Some("HTTP error")
            }
            Code::Ok => None,
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

    fn attempt(code: Code, status: Option<u16>) -> Attempt {
        Attempt { code, status, refused: code == Code::Connect, retry_after: None }
    }

    fn retried(policy: Policy, attempt: &Attempt) -> bool {
        Schedule::new(Policy { retries: 1, ..policy }, SECOND).next(attempt, SECOND).is_some()
    }

    #[test]
    fn what_is_retried_is_what_curl_retries() {
        let plain = Policy::default();
        for code in [Code::Timeout, Code::Resolve] {
            assert!(retried(plain, &attempt(code, None)), "{code:?}");
        }
        for status in [408, 429, 500, 502, 503, 504] {
            assert!(retried(plain, &attempt(Code::Ok, Some(status))), "{status}");
            assert!(retried(plain, &attempt(Code::HttpStatus, Some(status))), "{status}");
        }
        for status in [200, 202, 302, 400, 401, 403, 404, 409, 501] {
            assert!(!retried(plain, &attempt(Code::Ok, Some(status))), "{status}");
        }
        for code in [Code::Connect, Code::EmptyReply, Code::Receive, Code::PartialBody] {
            assert!(!retried(plain, &attempt(code, None)), "{code:?}");
            assert!(retried(Policy { all_errors: true, ..plain }, &attempt(code, None)), "{code:?}");
        }
        assert!(retried(Policy { refused: true, ..plain }, &attempt(Code::Connect, None)));
    }

    #[test]
    fn pauses_double_and_retry_after_lengthens_one() {
        let mut schedule = Schedule::new(Policy { retries: 4, ..Policy::default() }, SECOND);
        let busy = attempt(Code::Ok, Some(503));
        let mut pauses = Vec::new();
        for retry_after in [None, Some(SECOND * 7), None, Some(SECOND)] {
            let retry = schedule.next(&Attempt { retry_after, ..busy }, SECOND).expect("left");
            pauses.push(retry.pause.as_secs());
        }
        assert_eq!(pauses, [1, 7, 4, 8]);
        assert_eq!(schedule.next(&busy, SECOND), None);
        assert_eq!(schedule.made(), 4);
    }

    #[test]
    fn a_pause_past_the_time_for_retries_is_not_begun() {
        let policy = Policy { retries: 9, max_time: SECOND * 5, ..Policy::default() };
        let busy = Attempt { retry_after: Some(SECOND * 6), ..attempt(Code::Ok, Some(503)) };
        assert_eq!(Schedule::new(policy, SECOND).next(&busy, SECOND), None);
    }

    proptest! {
        #[test]
        fn attempts_and_time_are_bounded(retries in 0u32..40, limit in 1u64..2000, asked in proptest::option::of(0u64..9999)) {
            let policy = Policy { retries, max_time: Duration::from_secs(limit), ..Policy::default() };
            let mut schedule = Schedule::new(policy, SECOND);
            let mut now = SECOND;
            let mut made = 0;
            let ended = Attempt { retry_after: asked.map(Duration::from_secs), ..attempt(Code::Ok, Some(503)) };
            while let Some(retry) = schedule.next(&ended, now) {
                now += retry.pause;
                made += 1;
            }
            prop_assert!(made <= retries);
            prop_assert!(now <= SECOND + policy.max_time);
        }
    }
}

//! The pauses between consumers.

use std::time::Duration;

use super::replay::End;

/// A consumer that lived for this long was not one of a series of failures.
const STABLE_AFTER: Duration = Duration::from_secs(30);
/// The pauses between consumers that end early.
pub(super) const MIN_PAUSE: Duration = Duration::from_secs(1);
const MAX_PAUSE: Duration = Duration::from_secs(30);

/// The number of consumers in a row that failed early. An outage is no such failure: counted, it would delay the return of the
/// watch after it.
pub(super) fn failures_after(end: &End, failures: u32, lived: Duration) -> u32 {
    match end {
        End::Lost(_) if lived <= STABLE_AFTER => failures.saturating_add(1),
        End::Differs(_) => failures,
        End::Lost(_) | End::LinkLost | End::Missing | End::Unavailable(_) => 0,
    }
}

/// The pause before the next consumer. A bucket that is missing or does not answer costs one request, so it is tried often; a
/// series of consumers that fail early could overload a server, so their pauses grow. The first failure is repaired at once.
pub(super) fn pause_after(end: &End, failures: u32) -> Duration {
    let pause = match end {
        End::LinkLost | End::Differs(_) => return Duration::ZERO,
        End::Lost(_) if failures <= 1 => return Duration::ZERO,
        End::Missing | End::Unavailable(_) => MIN_PAUSE,
        End::Lost(_) => MIN_PAUSE.saturating_mul(2_u32.saturating_pow(failures - 2)).min(MAX_PAUSE),
    };
    pause.mul_f64(0.75 + fastrand::f64() / 4.0)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{End, MAX_PAUSE, MIN_PAUSE, STABLE_AFTER, failures_after, pause_after};

    const LOST: End = End::Lost("");

    #[test]
    fn only_consumers_that_fail_early_wait_longer_and_longer() {
        assert_eq!(pause_after(&End::LinkLost, 9), Duration::ZERO);
        assert_eq!((pause_after(&LOST, 0), pause_after(&LOST, 1)), (Duration::ZERO, Duration::ZERO));
        assert!(pause_after(&End::Missing, 99) <= MIN_PAUSE);
        assert!(pause_after(&LOST, 2) <= MIN_PAUSE);
        assert!(pause_after(&LOST, 6) >= MIN_PAUSE * 8);
        assert!(pause_after(&LOST, u32::MAX) <= MAX_PAUSE);
    }

    #[test]
    fn an_outage_does_not_delay_the_return_of_the_watch() {
        let outage = End::Unavailable(String::new());
        let failures = (0..9).fold(0, |failures, _| failures_after(&outage, failures, MIN_PAUSE));
        let failures = failures_after(&LOST, failures, MIN_PAUSE);
        assert!(pause_after(&LOST, failures) <= MIN_PAUSE);
        assert_eq!(failures_after(&LOST, 4, MIN_PAUSE), 5);
        assert_eq!(failures_after(&LOST, 4, STABLE_AFTER * 2), 0);
    }

    #[test]
    fn a_bucket_that_is_read_again_because_it_differs_is_no_failure() {
        let differs = End::Differs("");
        assert_eq!((failures_after(&differs, 0, MIN_PAUSE), failures_after(&differs, 3, MIN_PAUSE)), (0, 3));
        assert_eq!(pause_after(&differs, 3), Duration::ZERO);
    }
}

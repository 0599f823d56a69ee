//! Times and durations for people.

use std::time::Duration;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// A time in UTC to the second; empty if there is none.
pub fn moment(time: Option<Timestamp>) -> String {
    time.map(|time| time.strftime("%Y-%m-%d %H:%M:%S").to_string()).unwrap_or_default()
}

/// A duration in its two largest units.
pub fn elapsed(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m{}s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{}h{}m", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{}d{}h", seconds / 86_400, seconds % 86_400 / 3600),
    }
}

/// The time from one moment to another.
pub fn between(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or_default()
}

/// Reads a time, a day, which begins in UTC, or how long ago it was.
pub fn parse(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time);
    }
    if let Ok(day) = text.parse::<Date>()
        && let Ok(midnight) = day.to_zoned(TimeZone::UTC)
    {
        return Ok(midnight.timestamp());
    }
    ago(text)
        .and_then(|ago| now.checked_sub(ago).ok())
        .ok_or_else(|| format!("{text:?} is not a time; use 2026-02-11, 2026-02-11T14:00:00Z, 2h or 7d"))
}

/// A duration, also in days, which are 24 hours here.
fn ago(text: &str) -> Option<SignedDuration> {
    let duration = match text.strip_suffix('d') {
        Some(days) => SignedDuration::from_hours(days.parse::<u16>().ok()?.into()) * 24,
        None => text.parse().ok()?,
    };
    (!duration.is_negative()).then_some(duration)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_absolute_a_day_or_relative_to_now() {
        let now: Timestamp = "2026-11-28T15:30:00Z".parse().expect("a time");
        for (text, expected) in [
            ("2026-02-11T14:00:00+01:00", "2026-02-11 13:00:00"),
            ("2026-02-11", "2026-02-11 00:00:00"),
            ("90m", "2026-11-28 14:00:00"),
            ("7d", "2026-11-21 15:30:00"),
        ] {
            assert_eq!(moment(parse(text, now).ok()), expected, "{text}");
        }
        for wrong in ["", "yesterday", "-2h", "2026-02-30", "d", "99999999999h"] {
            assert!(parse(wrong, now).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_duration_has_its_two_largest_units() {
        let shown = |seconds| elapsed(Duration::from_secs(seconds));
        assert_eq!([shown(0), shown(59), shown(61)], ["0s", "59s", "1m1s"]);
        assert_eq!([shown(3_660), shown(90_000)], ["1h1m", "1d1h"]);
    }
}

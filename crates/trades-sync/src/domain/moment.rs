//! Points in time, as views and documents write them.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use serde::{Serialize, Serializer};

/// A time that is known as an instant, or one that is passed on as the text it came in.
///
/// Text stays text because it is part of a key (`date, kpi, t`): rewriting it would make the same
/// row stored by two producers two rows.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Moment {
    /// Microseconds since 1970-01-01T00:00:00Z, Postgres's own resolution.
    Instant(i64),
    /// A text that reads as a time (see [`Moment::from_text`]).
    Text(Box<str>),
}

impl Moment {
    /// A time of a timestamp or date column, written by Postgres under `DateStyle ISO` and
    /// `TimeZone UTC`. Times without a zone are UTC. None for `infinity` and years past 9999.
    pub fn from_postgres(text: &str) -> Option<Self> {
        let timestamp = Timestamp::from_str(text).ok().or_else(|| {
            let civil = DateTime::from_str(text).ok()?;
            TimeZone::UTC.to_timestamp(civil).ok()
        })?;
        Some(Self::Instant(timestamp.as_microsecond()))
    }

    /// A time that came as text, kept as it is but for white space around it; None unless it reads
    /// `YYYY-MM-DD[(T| )HH:MM[:SS[.fraction]]][zone]` and the day exists.
    pub fn from_text(text: &str) -> Option<Self> {
        let text = text.trim();
        reads_as_time(text).then(|| Self::Text(text.into()))
    }

    /// The current time, to the millisecond.
    pub fn now() -> Self {
        Self::Instant(Timestamp::now().as_millisecond() * 1000)
    }
}

impl fmt::Display for Moment {
    /// Instants in UTC with three decimals, or six where the microseconds say more.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = match self {
            Self::Text(text) => return f.write_str(text),
            Self::Instant(micros) => *micros,
        };
        let timestamp = Timestamp::from_microsecond(micros).map_err(|_| fmt::Error)?;
        if micros % 1000 == 0 { write!(f, "{timestamp:.3}") } else { write!(f, "{timestamp:.6}") }
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => serializer.serialize_str(text),
            Self::Instant(_) => serializer.collect_str(self),
        }
    }
}

fn reads_as_time(text: &str) -> bool {
    let Some((day, rest)) = text.split_at_checked(10) else {
        return false;
    };
    if !is_pattern(day, "dddd-dd-dd") || Date::from_str(day).is_err() {
        return false;
    }
    let Some(rest) = rest.strip_prefix(['T', ' ']) else {
        return rest.is_empty();
    };
    let zone_start = rest.find(['Z', '+', '-']).unwrap_or(rest.len());
    let (clock, zone) = rest.split_at(zone_start);
    is_clock(clock) && is_zone(zone)
}

fn is_clock(text: &str) -> bool {
    let (clock, fraction) = match text.split_once('.') {
        Some((clock, fraction)) => (clock, Some(fraction)),
        None => (text, None),
    };
    let shape = is_pattern(clock, "dd:dd:dd") || (is_pattern(clock, "dd:dd") && fraction.is_none());
    let fraction_fits =
        fraction.is_none_or(|f| (1..=9).contains(&f.len()) && f.bytes().all(|b| b.is_ascii_digit()));
    shape && fraction_fits && &clock[..2] < "24" && clock[3..].split(':').all(|part| part < "60")
}

fn is_zone(text: &str) -> bool {
    if text.is_empty() || text == "Z" {
        return true;
    }
    let offset = &text[1..];
    let shape = ["dd", "dddd", "dd:dd"].iter().any(|pattern| is_pattern(offset, pattern));
    !text.starts_with('Z')
        && shape
        && &offset[..2] < "24"
        && (offset.len() == 2 || &offset[offset.len() - 2..] < "60")
}

/// Whether every `d` of the pattern stands at an ASCII digit and every other byte at itself.
fn is_pattern(text: &str, pattern: &str) -> bool {
    text.len() == pattern.len()
        && text.bytes().zip(pattern.bytes()).all(|(byte, wanted)| match wanted {
            b'd' => byte.is_ascii_digit(),
            other => byte == other,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn postgres_times_become_utc_with_the_precision_they_have() {
        let cases = [
            ("2026-01-28 00:15:00+00", "2026-01-28T00:15:00.000Z"),
            ("2026-01-28 00:15:00.5+00", "2026-01-28T00:15:00.500Z"),
            ("2026-01-28 00:15:00.000001+00", "2026-01-28T00:15:00.000001Z"),
            ("2026-01-28 00:15:00.123", "2026-01-28T00:15:00.123Z"),
            ("2026-01-28", "2026-01-28T00:00:00.000Z"),
            ("1969-12-31 23:59:59.999999+00", "1969-12-31T23:59:59.999999Z"),
        ];
        for (text, expected) in cases {
            assert_eq!(Moment::from_postgres(text).expect(text).to_string(), expected);
        }
        for text in ["infinity", "-infinity", "0044-03-15 12:00:00+00 BC", "", "noon"] {
            assert_eq!(Moment::from_postgres(text), None, "{text:?}");
        }
    }

    #[test]
    fn texts_that_read_as_times_are_kept_as_they_are() {
        for text in [
            "2026-02-11",
            "2026-02-11T09:30",
            "2026-02-11 09:30:00",
            "2026-02-11T09:30:00Z",
            "2026-02-11T09:30:00.123456789+05:30",
            "2026-02-11 09:30:00.1-05",
            "2026-02-11T09:30Z",
            "2024-02-29T23:59:59-0800",
        ] {
            assert_eq!(Moment::from_text(&format!(" {text}\n")), Some(Moment::Text(text.into())));
        }
    }

    #[test]
    fn texts_that_are_no_times_are_not() {
        for text in [
            "",
            "09:30",
            "2026-02-30",
            "2026-2-3",
            "2026-02-11T",
            "2026-02-11T24:00",
            "2026-02-11T09:60",
            "2026-02-11T09:30:60",
            "2026-02-11T09:30.5",
            "2026-02-11T09:30:00.",
            "2026-02-11T09:30:00.1234567890",
            "2026-02-11Z",
            "2026-02-11T09:30:00ZZ",
            "2026-02-11T09:30:00+",
            "2026-02-11T09:30:00+24",
            "2026-02-11x09:30",
            "2026-02-11T09:30:00+05:60",
            "２０２６-02-11",
            "2026-02-11T0é:30",
        ] {
            assert_eq!(Moment::from_text(text), None, "{text:?}");
        }
    }
}

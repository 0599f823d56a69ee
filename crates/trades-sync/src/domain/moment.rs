//! Points in time, in the formats of views and documents.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use serde::{Serialize, Serializer};

/// An instant, or a time that is kept as the text in which it was received.
///
/// A text is not reformatted because it is part of a key (`date, kpi, t`): if one of two producers changed the format,
/// the same row would be stored twice.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Moment {
    /// Microseconds since 1970-01-01T00:00:00Z. Microseconds are the resolution of Postgres.
    Instant(i64),
    /// A text that is a valid time (see [`Moment::from_text`]).
    Text(Box<str>),
}

impl Moment {
    /// A time of a timestamp or date column, as Postgres displays it with `DateStyle` ISO and `TimeZone` UTC. Times
    /// without a zone are in UTC. None for `infinity` and years after 9999.
    pub fn from_postgres(text: &str) -> Option<Self> {
        let timestamp = Timestamp::from_str(text).ok().or_else(|| {
            let civil = DateTime::from_str(text).ok()?;
            TimeZone::UTC.to_timestamp(civil).ok()
        })?;
        Some(Self::Instant(timestamp.as_microsecond()))
    }

    /// A time that was received as text. Only surrounding white space is removed. None unless the text has the format
    /// `YYYY-MM-DD[(T| )HH:MM[:SS[.fraction]]][zone]` and the day exists.
    pub fn from_text(text: &str) -> Option<Self> {
        let text = text.trim();
        is_time(text).then(|| Self::Text(text.into()))
    }

    /// The current time in milliseconds.
    pub fn now() -> Self {
        Self::Instant(Timestamp::now().as_millisecond() * 1000)
    }
}

impl fmt::Display for Moment {
    /// Formats an instant in UTC with three decimals, or with six if it is not a whole millisecond.
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

fn is_time(text: &str) -> bool {
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

/// Whether each `d` of the pattern is an ASCII digit in the text, and every other byte is equal.
fn is_pattern(text: &str, pattern: &str) -> bool {
    text.len() == pattern.len()
        && text.bytes().zip(pattern.bytes()).all(|(byte, expected)| match expected {
            b'd' => byte.is_ascii_digit(),
            other => byte == other,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn postgres_times_are_converted_to_utc_and_keep_their_precision() {
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
    fn texts_that_are_times_are_kept_unchanged() {
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
    fn texts_that_are_not_times_are_rejected() {
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

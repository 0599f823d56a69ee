//! The definitions of a number, an id and a time, for the texts that Postgres displays under the settings of
//! [`crate::begin`]. [`crate::Relation`] has the same definitions as SQL.

use std::borrow::Cow;

use jiff::civil::{Date, date};

use crate::ColumnKind;

/// The maximum absolute value of an id, 2^53. A larger JSON number does not identify exactly one id.
pub(crate) const MAX_ID: i64 = 1 << 53;

/// The maximum length of a text that is read as a number, in bytes.
pub(crate) const MAX_NUMBER_LENGTH: usize = 1000;

/// A finite number: optional sign, digits with an optional point, optional exponent. A number that is too small for a
/// double is 0. Surrounding white space is ignored.
pub fn number(text: &str, kind: ColumnKind) -> Option<f64> {
    let text = text.trim();
    let fits = kind != ColumnKind::Text || text.len() <= MAX_NUMBER_LENGTH;
    // Rust's parser accepts this grammar, and also the names of infinities and NaN, which the filter rejects.
    text.parse().ok().filter(|number: &f64| number.is_finite() && fits)
}

/// A value as it is displayed: trimmed. If the column is numeric and Postgres displays the number with an exponent, it is
/// formatted as JavaScript formats it: `1234567` for `1.234567e+06`.
pub fn displayed(text: &str, kind: ColumnKind) -> Cow<'_, str> {
    let text = text.trim();
    match number(text, kind) {
        Some(number) if kind.is_numeric() && text.contains('e') => {
            Cow::Owned(ryu_js::Buffer::new().format_finite(number).to_owned())
        }
        _ => Cow::Borrowed(text),
    }
}

/// A whole number of at most 2^53, read exactly. `7.0` and `7e2` are whole.
pub fn id(text: &str) -> Option<i64> {
    let text = text.trim();
    let plain = text.parse().ok().filter(|_| text.len() <= MAX_NUMBER_LENGTH);
    let id = plain.or_else(|| decimal_id(text))?;
    (-MAX_ID..=MAX_ID).contains(&id).then_some(id)
}

/// A whole number that is written with a point or an exponent. Parsing it as a double would round it.
fn decimal_id(text: &str) -> Option<i64> {
    number(text, ColumnKind::Text)?;
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let (digits, exponent) = digits.split_once(['e', 'E']).unwrap_or((digits, "0"));
    let (whole, decimals) = digits.split_once('.').unwrap_or((digits, ""));
    let digits = format!("{whole}{decimals}");
    let significant = digits.trim_end_matches('0');
    if significant.is_empty() {
        return Some(0);
    }
    let exponent: i64 = exponent.parse().ok()?;
    // The number of zeros after the significant digits.
    let zeros = exponent + length(&digits) - length(significant) - length(decimals);
    let significant = significant.trim_start_matches('0');
    if zeros < 0 || length(significant) + zeros > 17 {
        return None;
    }
    let significant: i64 = significant.parse().ok()?;
    Some(sign * significant * 10_i64.pow(u32::try_from(zeros).ok()?))
}

fn length(text: &str) -> i64 {
    i64::try_from(text.len()).unwrap_or(i64::MAX)
}

/// A time of a text column, as microseconds since 1970. The format is `YYYY-MM-DD[(T| )HH:MM[:SS[.fraction]]][zone]`,
/// with years from 1 to 9999. A zone is `Z` or an offset of less than 16 hours; a time without a zone is in UTC.
pub fn time(text: &str) -> Option<i64> {
    let (day, rest) = text.trim().split_at_checked(10)?;
    if !is_pattern(day, "dddd-dd-dd") {
        return None;
    }
    let day: Date = day.parse().ok().filter(|day: &Date| day.year() > 0)?;
    let days = i64::from((day - date(1970, 1, 1)).get_days());
    let of_day = match rest.strip_prefix(['T', ' ']) {
        None => rest.is_empty().then_some(0)?,
        Some(rest) => {
            let (clock, zone) = rest.split_at(rest.find(['Z', '+', '-']).unwrap_or(rest.len()));
            clock_time(clock)? - offset(zone)? * MINUTE
        }
    };
    Some(days * 24 * 60 * MINUTE + of_day).filter(|time| (MIN_TIME..=MAX_TIME).contains(time))
}

const SECOND: i64 = 1_000_000;
const MINUTE: i64 = 60 * SECOND;
/// 0001-01-01T00:00:00Z.
const MIN_TIME: i64 = -62_135_596_800 * SECOND;
/// 9999-12-30T22:00:00.999999Z, the last timestamp that jiff can represent.
const MAX_TIME: i64 = 253_402_207_200 * SECOND + 999_999;

/// A time of day, in microseconds since midnight.
fn clock_time(text: &str) -> Option<i64> {
    let (clock, fraction) = match text.split_once('.') {
        Some((clock, fraction)) => (clock, Some(fraction)),
        None => (text, None),
    };
    let has_seconds = is_pattern(clock, "dd:dd:dd");
    if !has_seconds && (fraction.is_some() || !is_pattern(clock, "dd:dd")) {
        return None;
    }
    let part = |at: usize| clock[at..at + 2].parse::<i64>().ok();
    let (hours, minutes) = (part(0)?, part(3)?);
    let seconds = if has_seconds { part(6)? } else { 0 };
    let fits = hours < 24 && minutes < 60 && seconds < 60;
    fits.then_some((hours * 60 + minutes) * MINUTE + seconds * SECOND + microseconds(fraction)?)
}

/// A fraction of a second in microseconds, rounded half to even, as Postgres rounds.
fn microseconds(fraction: Option<&str>) -> Option<i64> {
    let Some(digits) = fraction else { return Some(0) };
    if !(1..=9).contains(&digits.len()) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let nanoseconds: i64 = format!("{digits:0<9}").parse().ok()?;
    let (whole, rest) = (nanoseconds / 1000, nanoseconds % 1000);
    let up = rest > 500 || (rest == 500 && whole % 2 == 1);
    Some(whole + i64::from(up))
}

/// The offset of a zone from UTC, in minutes.
fn offset(zone: &str) -> Option<i64> {
    if zone.is_empty() || zone == "Z" {
        return Some(0);
    }
    let sign = if zone.starts_with('-') { -1 } else { 1 };
    let digits = zone.strip_prefix(['+', '-'])?;
    if !["dd", "dddd", "dd:dd"].iter().any(|pattern| is_pattern(digits, pattern)) {
        return None;
    }
    let hours: i64 = digits[..2].parse().ok()?;
    let minutes: i64 = if digits.len() > 2 { digits[digits.len() - 2..].parse().ok()? } else { 0 };
    (hours < 16 && minutes < 60).then_some(sign * (hours * 60 + minutes))
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
    fn ids_are_whole_and_exact() {
        for (text, expected) in [
            ("7", Some(7)),
            (" +7.0 ", Some(7)),
            ("-7.", Some(-7)),
            ("7e2", Some(700)),
            ("0.07e2", Some(7)),
            ("00700e-2", Some(7)),
            ("9007199254740992", Some(MAX_ID)),
            ("9.007199254740992e+15", Some(MAX_ID)),
            ("-9007199254740992.000", Some(-MAX_ID)),
            ("9007199254740993", None),
            ("9.007199254740993e15", None),
            ("9007199254740992.5", None),
            ("0.5", None),
            ("1e-2", None),
            ("1e300", None),
            ("0e300", Some(0)),
            ("1e99999999999999999999", None),
            ("", None),
            ("7a", None),
            ("0x7", None),
            ("NaN", None),
        ] {
            assert_eq!(id(text), expected, "{text:?}");
        }
    }

    #[test]
    fn numbers_of_numeric_columns_are_displayed_as_javascript_writes_them_and_texts_as_they_are() {
        for (text, kind, expected) in [
            ("1.234567e+06", ColumnKind::Single, "1234567"),
            ("-1.5e+15", ColumnKind::Double, "-1500000000000000"),
            ("1e-05", ColumnKind::Double, "0.00001"),
            ("1e-07", ColumnKind::Double, "1e-7"),
            ("1e+21", ColumnKind::Double, "1e+21"),
            ("0.1", ColumnKind::Single, "0.1"),
            ("72.50", ColumnKind::Numeric, "72.50"),
            ("NaN", ColumnKind::Double, "NaN"),
            (" 1e6 ", ColumnKind::Text, "1e6"),
            ("one", ColumnKind::Text, "one"),
        ] {
            assert_eq!(displayed(text, kind), expected, "{text:?}");
        }
    }

    #[test]
    fn times_are_microseconds_since_1970() {
        for (text, expected) in [
            ("1970-01-01", Some(0)),
            ("1970-01-01T00:00:01Z", Some(SECOND)),
            ("1970-01-01 00:01:00.0000015", Some(MINUTE + 2)),
            ("1970-01-01 00:01:00.0000025", Some(MINUTE + 2)),
            ("1970-01-01 01:30+01:30", Some(0)),
            ("1969-12-31T23:00-0100", Some(0)),
            ("0001-01-01", Some(MIN_TIME)),
            ("9999-12-31", None),
            ("0000-01-01", None),
            ("1970-02-29", None),
            ("1970-01-01T00:00+16:00", None),
        ] {
            assert_eq!(time(text), expected, "{text:?}");
        }
    }
}

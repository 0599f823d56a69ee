//! Dates in headers such as `Retry-After` (RFC 9110 section 5.6.7).

use crate::text::split_once;

/// The seconds since 1970 of an IMF-fixdate such as `Sun, 06 Nov 1994 08:49:37 GMT`; `None` for any other text.
pub fn parse(text: &str) -> Option<u64> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let rest = split_once(text.trim_ascii(), ", ")?.1.strip_suffix(" GMT")?;
    let mut fields = rest.split(' ');
    let day: u64 = fields.next()?.parse().ok()?;
    let name = fields.next()?;
    let month = MONTHS.iter().position(|month| *month == name)?;
    let year: u64 = fields.next()?.parse().ok()?;
    let mut clock = fields.next()?.splitn(3, ':').map(|part| part.parse::<u64>().ok());
    let (hours, minutes, seconds) = (clock.next()??, clock.next()??, clock.next()??);
    let is_valid = (1970..=9999).contains(&year)
        && (1..=31).contains(&day)
        && hours < 24
        && minutes < 60
        && seconds <= 60;
    if !is_valid || fields.next().is_some() {
        return None;
    }
    Some(
        days_since_1970(year, u64::try_from(month).ok()? + 1, day) * 86_400
            + hours * 3_600
            + minutes * 60
            + seconds,
    )
}

/// Days of the proleptic Gregorian calendar. Years start in March here, so that a leap day is a year's last day.
fn days_since_1970(year: u64, month: u64, day: u64) -> u64 {
    let year = if month <= 2 { year - 1 } else { year };
    let month_from_march = (month + 9) % 12;
    let leap_days = year / 4 - year / 100 + year / 400;
    year * 365 + leap_days + (month_from_march * 153 + 2) / 5 + day - 719_469
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn dates_are_counted_from_1970() {
        assert_eq!(parse("Thu, 01 Jan 1970 00:00:00 GMT"), Some(0));
        assert_eq!(parse("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777));
        assert_eq!(parse("Thu, 29 Feb 2024 23:59:59 GMT"), Some(1_709_251_199));
    }

    #[test]
    fn other_texts_are_not_dates() {
        for text in [
            "",
            "120",
            "Sun, 06 Nov 1994 08:49:37 CET",
            "Sun, 06 Foo 1994 08:49:37 GMT",
            "x, 99 Jan 1 1:1:1 GMT",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}

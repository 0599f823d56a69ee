//! The formulas. What is undefined is None: never NaN, never 0.

mod concentration;
mod series;

pub use self::concentration::Concentration;
pub use self::series::{Drawdown, SERIES_NOISE, Scale, SeriesFigures, TRADING_DAYS_A_YEAR};

/// `part` in percent of `whole`; None when either is unknown or `whole` is 0.
pub fn percent(part: Option<f64>, whole: Option<f64>) -> Option<f64> {
    ratio(part.map(|part| 100.0 * part), whole)
}

/// `part / whole`; None when either is unknown or `whole` is 0.
pub fn ratio(part: Option<f64>, whole: Option<f64>) -> Option<f64> {
    let whole = whole.filter(|whole| *whole != 0.0)?;
    finite(part? / whole)
}

/// `now - before`; None when either is unknown.
pub fn change(now: Option<f64>, before: Option<f64>) -> Option<f64> {
    finite(now? - before?)
}

/// The number of a KPI as the dashboard displays it: an optional sign and dollar sign, digits in groups, decimals.
///
/// `$4,028.00` is 4028, `-$85,980.00` is -85980; anything else, such as `—` or a percentage, is None.
pub fn displayed_number(text: &str) -> Option<f64> {
    let text = text.trim();
    let (sign, rest) = match text.strip_prefix(['-', '\u{2212}']) {
        Some(rest) => (-1.0, rest),
        None => (1.0, text.strip_prefix('+').unwrap_or(text)),
    };
    let digits = rest.strip_prefix('$').unwrap_or(rest).trim_start();
    let plain = digits.starts_with(|first: char| first.is_ascii_digit() || first == '.')
        && digits.chars().all(|c| c.is_ascii_digit() || c == ',' || c == '.');
    let number: f64 = if plain { digits.replace(',', "").parse().ok()? } else { return None };
    finite(sign * number)
}

/// The number, unless it left the range of finite numbers.
pub(crate) fn finite(number: f64) -> Option<f64> {
    // Minus zero is a zero that JSON would show as "-0.0".
    number.is_finite().then_some(number + 0.0)
}

/// A count as a number to compute with.
pub(crate) fn count(count: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "counts of rows are far below 2^53")]
    let number = count as f64;
    number
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn displayed_numbers_are_read_as_the_dashboard_writes_them() {
        for (text, number) in [
            ("$4,028.00", 4028.0),
            ("-$85,980.00", -85_980.0),
            (" \u{2212}$1.50 ", -1.5),
            ("+12", 12.0),
            ("0.68", 0.68),
            ("1,634,200", 1_634_200.0),
        ] {
            assert_eq!(displayed_number(text), Some(number), "{text:?}");
        }
        for text in ["—", "", "$", "-", "61.21%", "10s", "NaN", "inf", "1e5", "1.2.3", "$-5x", ","] {
            assert_eq!(displayed_number(text), None, "{text:?}");
        }
    }

    #[test]
    fn ratios_of_what_is_unknown_or_of_zero_are_unknown() {
        assert_eq!(ratio(Some(1.0), Some(4.0)), Some(0.25));
        assert_eq!(percent(Some(-1.0), Some(4.0)), Some(-25.0));
        assert_eq!(ratio(Some(1.0), Some(0.0)), None);
        assert_eq!(ratio(None, Some(1.0)), None);
        assert_eq!(ratio(Some(1.0), None), None);
        assert_eq!(ratio(Some(1e100), Some(1e-300)), None);
        assert_eq!(change(Some(1.0), Some(3.0)), Some(-2.0));
        assert_eq!(change(None, Some(3.0)), None);
        assert!(ratio(Some(0.0), Some(-4.0)).is_some_and(f64::is_sign_positive));
    }
}

//! The number in a KPI as the dashboard displays it.

use super::arithmetic::finite;

/// Parses an amount: an optional sign, an optional dollar sign, digits in groups, decimals.
///
/// `$4,028.00` is 4028, `-$85,980.00` is -85980; anything else, such as `—` or a percentage, is None.
pub(crate) fn displayed_number(text: &str) -> Option<f64> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_parsed_in_the_format_of_the_dashboard() {
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
}

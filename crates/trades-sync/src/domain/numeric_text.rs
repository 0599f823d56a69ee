//! Numbers that are received as text: some database drivers send BIGINT and NUMERIC in this form.

use super::MAX_ID;

/// Whether this is the text of a floating-point value that JSON numbers can't represent.
pub(super) fn is_not_finite(text: &str) -> bool {
    matches!(text, "NaN" | "Infinity" | "-Infinity")
}

/// The finite number in a trimmed text.
pub(super) fn number(text: &str) -> Option<f64> {
    Decimal::of(text)?;
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

/// The whole number of at most 2^53 in a text. It is read digit by digit, because a double would round it.
pub(super) fn whole(text: &str) -> Option<i64> {
    let Decimal { negative, whole, decimals, exponent } = Decimal::of(text)?;
    let digits = format!("{whole}{decimals}");
    let significant = digits.trim_start_matches('0').trim_end_matches('0');
    if significant.is_empty() {
        return Some(0);
    }
    let trailing_zeros = digits.len() - digits.trim_end_matches('0').len();
    let scale = i64::try_from(trailing_zeros).ok()? - i64::try_from(decimals.len()).ok()?;
    let scale = u32::try_from(exponent?.checked_add(scale)?).ok()?;
    let size = significant.parse::<i64>().ok()?.checked_mul(10_i64.checked_pow(scale)?)?;
    (size <= MAX_ID).then_some(if negative { -size } else { size })
}

/// Whether two numbers are equal after one was stored by SQLite.
///
/// SQLite reads the decimals of a document exactly between 1e-80 and 1e115. Outside this range it can be wrong by a few
/// units in the last place, which does not count as a difference.
pub(super) fn equals_stored(expected: f64, stored: f64) -> bool {
    let is_exact = (1e-80..1e115).contains(&expected.abs());
    #[expect(clippy::float_cmp, reason = "within the range, the stored number is exact")]
    let equal = expected == stored;
    equal || !is_exact && (expected - stored).abs() <= 4.0 * f64::EPSILON * expected.abs()
}

/// The components of a text of the form `[+-]?(digits[.[digits]]|.digits)[(e|E)[+-]?digits]`.
struct Decimal<'a> {
    negative: bool,
    whole: &'a str,
    decimals: &'a str,
    /// None if the exponent does not fit an `i64`.
    exponent: Option<i64>,
}

impl<'a> Decimal<'a> {
    fn of(text: &'a str) -> Option<Self> {
        let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
        let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, Some(exponent)),
            None => (unsigned, None),
        };
        let (whole, decimals) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        let has_digits = digits(whole) && digits(decimals) && whole.len() + decimals.len() > 0;
        let exponent_fits = exponent.is_none_or(|exponent| {
            let unsigned = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
            !unsigned.is_empty() && digits(unsigned)
        });
        (has_digits && exponent_fits).then(|| Self {
            negative: text.starts_with('-'),
            whole,
            decimals,
            exponent: exponent.map_or(Some(0), |exponent| exponent.parse().ok()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numeric_texts_are_numbers_and_other_texts_are_not() {
        let cases = [
            ("110.5", 110.5),
            ("-42", -42.0),
            ("+7", 7.0),
            ("5.", 5.0),
            (".5", 0.5),
            ("1e3", 1000.0),
            ("1.5E-7", 1.5e-7),
            ("00012", 12.0),
            ("1e-400", 0.0),
        ];
        for (text, expected) in cases {
            assert_eq!(number(text), Some(expected), "{text:?}");
        }
        let others = ["", "x", "0x1", "1,000", "1e", "1e+", ".", "+", "--1", "1 2", "1_000", "inf", "nan"];
        for text in others.into_iter().chain(["NaN", "Infinity", "1e400", "-1e400", " 1", "１"]) {
            assert_eq!(number(text), None, "{text:?}");
        }
    }

    #[test]
    fn ids_as_texts_are_whole_and_at_most_2_to_the_53_exactly() {
        let cases = [
            ("832902", 832_902),
            ("-5", -5),
            ("9007199254740992", MAX_ID),
            ("-9007199254740992", -MAX_ID),
            ("12.00", 12),
            ("1.5e1", 15),
            ("1200e-2", 12),
            ("0.000e99999999999999999999", 0),
            ("0007", 7),
            ("9007199254740992.0", MAX_ID),
        ];
        for (text, expected) in cases {
            assert_eq!(whole(text), Some(expected), "{text:?}");
        }
        let others = ["9007199254740993", "-9007199254740993", "9007199254740992.5", "1.5", "1e-1", "1e17"];
        for text in others.into_iter().chain(["1e99999999999999999999", "1e-99999999999999999999", "NaN", ""])
        {
            assert_eq!(whole(text), None, "{text:?}");
        }
    }

    #[test]
    fn stored_numbers_may_differ_in_the_last_places_only_outside_the_exact_range_of_sqlite() {
        let next = |number: f64| f64::from_bits(number.to_bits() + 1);
        for number in [1e-81, 2.5e-300, 1.5e115, 1e308] {
            assert!(equals_stored(number, next(number)), "{number}");
            assert!(!equals_stored(number, number * 1.001), "{number}");
        }
        for number in [0.1, 1e-79, 1e114, 42.0] {
            assert!(equals_stored(number, number) && !equals_stored(number, next(number)), "{number}");
        }
        assert!(equals_stored(0.0, -0.0) && !equals_stored(0.0, f64::MIN_POSITIVE));
    }
}

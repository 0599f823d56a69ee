//! Arithmetic on figures that can be unknown. An undefined result is None: never NaN, never 0.

/// `part` in percent of `whole`; None when either is unknown or `whole` is 0.
pub(crate) fn percent(part: Option<f64>, whole: Option<f64>) -> Option<f64> {
    ratio(part.map(|part| 100.0 * part), whole)
}

/// `part / whole`; None when either is unknown or `whole` is 0.
pub(crate) fn ratio(part: Option<f64>, whole: Option<f64>) -> Option<f64> {
    let whole = whole.filter(|whole| *whole != 0.0)?;
    finite(part? / whole)
}

/// `now - before`; None when either is unknown.
pub(crate) fn change(now: Option<f64>, before: Option<f64>) -> Option<f64> {
    finite(now? - before?)
}

/// The number, if it is finite.
pub(crate) fn finite(number: f64) -> Option<f64> {
    // Adding 0 turns -0.0 into 0.0, because JSON would show the sign.
    number.is_finite().then_some(number + 0.0)
}

/// A count as a floating-point number.
pub(crate) fn count(count: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "counts of rows are far below 2^53")]
    let number = count as f64;
    number
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_of_an_unknown_number_or_to_zero_is_unknown() {
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

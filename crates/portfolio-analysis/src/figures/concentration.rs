//! The concentration of a whole in its parts.

use serde::{Deserialize, Serialize};

use super::arithmetic::{finite, percent, ratio};

/// Concentration of amounts by their absolute shares, `s = |x| / sum of |x|`.
///
/// The index is that of Herfindahl and Hirschman as in the Merger Guidelines of the US Department of Justice, section
/// 2.1, but with shares as fractions: it is between 1/n, if n amounts are equal, and 1, if there is only one.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Concentration {
    /// Herfindahl-Hirschman index, the sum of s²; a fraction. The guidelines multiply it by 10,000.
    pub hhi: Option<f64>,
    /// 1 / index: the number of equal amounts with the same index.
    pub effective_number: Option<f64>,
    /// The largest s, in percent.
    pub largest_share_pct: Option<f64>,
}

impl Concentration {
    /// The concentration of amounts, computed from the sum of their absolute values, the sum of their squares, and the
    /// largest absolute value.
    pub(crate) fn of_sums(sum: Option<f64>, squares: Option<f64>, largest: Option<f64>) -> Self {
        let sum = sum.filter(|sum| *sum > 0.0);
        let hhi = ratio(squares, sum.map(|sum| sum * sum));
        Self { hhi, effective_number: ratio(Some(1.0), hhi), largest_share_pct: percent(largest, sum) }
    }

    /// The concentration of these amounts.
    pub(crate) fn of(amounts: impl IntoIterator<Item = f64>) -> Self {
        let (sum, squares, largest) =
            amounts.into_iter().map(f64::abs).fold((0.0, 0.0, 0.0_f64), |(sum, squares, largest), amount| {
                (sum + amount, squares + amount * amount, largest.max(amount))
            });
        Self::of_sums(finite(sum), finite(squares), finite(largest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_effective_number_of_equal_amounts_is_their_count_whatever_their_signs() {
        let even = Concentration::of([5.0, -5.0, 5.0, -5.0]);
        assert_eq!(even.hhi, Some(0.25));
        assert_eq!(even.effective_number, Some(4.0));
        assert_eq!(even.largest_share_pct, Some(25.0));
    }

    #[test]
    fn the_effective_number_of_unequal_amounts_is_less_than_their_count() {
        // Shares 0.5, 0.3 and 0.2.
        let uneven = Concentration::of([50.0, -30.0, 20.0]);
        assert_eq!(uneven.hhi, Some(0.38));
        assert_eq!(uneven.largest_share_pct, Some(50.0));
        assert!((uneven.effective_number.expect("defined") - 2.631_578_947_368_421).abs() < 1e-15);
    }

    #[test]
    fn the_concentration_of_no_amounts_and_of_zeros_is_unknown() {
        assert_eq!(Concentration::of([]), Concentration::default());
        assert_eq!(Concentration::of([0.0, 0.0]), Concentration::default());
    }
}

//! How much of a whole stands in few hands.

use serde::{Deserialize, Serialize};

use super::{finite, percent, ratio};

/// Concentration of amounts by their absolute shares, `s = |x| / sum of |x|`.
///
/// The index is the one of Herfindahl and Hirschman as the US Department of Justice uses it (Merger Guidelines,
/// section 2.1), but with shares as fractions: it goes from 1/n, when n amounts are equal, to 1, when there is one.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Concentration {
    /// Herfindahl-Hirschman index, the sum of s²; a fraction. The Department of Justice's points are 10,000 times it.
    pub hhi: Option<f64>,
    /// 1 / index: how many equal amounts would be as concentrated.
    pub effective_number: Option<f64>,
    /// The largest s, in percent.
    pub largest_share_pct: Option<f64>,
}

impl Concentration {
    /// Of amounts of which only the sum of absolute values, the sum of squares, and the largest absolute value are known.
    pub fn of_sums(sum: Option<f64>, squares: Option<f64>, largest: Option<f64>) -> Self {
        let sum = sum.filter(|sum| *sum > 0.0);
        let hhi = ratio(squares, sum.map(|sum| sum * sum));
        Self { hhi, effective_number: ratio(Some(1.0), hhi), largest_share_pct: percent(largest, sum) }
    }

    /// Of these amounts.
    pub fn of(amounts: impl IntoIterator<Item = f64>) -> Self {
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
    fn four_equal_amounts_are_as_concentrated_as_four_whatever_their_signs() {
        let even = Concentration::of([5.0, -5.0, 5.0, -5.0]);
        assert_eq!(even.hhi, Some(0.25));
        assert_eq!(even.effective_number, Some(4.0));
        assert_eq!(even.largest_share_pct, Some(25.0));
    }

    #[test]
    fn unequal_amounts_are_as_concentrated_as_fewer() {
        // Shares 0.5, 0.3 and 0.2.
        let uneven = Concentration::of([50.0, -30.0, 20.0]);
        assert_eq!(uneven.hhi, Some(0.38));
        assert_eq!(uneven.largest_share_pct, Some(50.0));
        assert!((uneven.effective_number.expect("defined") - 2.631_578_947_368_421).abs() < 1e-15);
    }

    #[test]
    fn nothing_and_zeros_have_no_concentration() {
        assert_eq!(Concentration::of([]), Concentration::default());
        assert_eq!(Concentration::of([0.0, 0.0]), Concentration::default());
    }
}

//! What a series of P&L values gives. The only implementation: for points of a day and for days alike.

use serde::{Deserialize, Serialize};

use super::{count, finite, ratio};

/// Trading days of a year, by which figures of a day are annualized.
pub const TRADING_DAYS_A_YEAR: f64 = 252.0;

/// Deviations smaller than this part of the largest absolute value are rounding, not movement, and count as 0.
pub const SERIES_NOISE: f64 = 1e-12;

/// What the steps of a series are.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Scale {
    /// From one trading day to the next: the Sharpe ratio is annualized.
    Days,
    /// Within a day, at irregular times: it is not.
    Intraday,
}

/// Figures of a series of P&L values, in the values' unit (USD).
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct SeriesFigures {
    /// How many values there are.
    pub points: u64,
    /// The first value.
    pub first: Option<f64>,
    /// The last value.
    pub last: Option<f64>,
    /// The lowest value.
    pub low: Option<f64>,
    /// The highest value.
    pub high: Option<f64>,
    /// The deepest fall below an earlier high.
    pub max_drawdown: Option<Drawdown>,
    /// Mean of the changes from value to value; of at least two changes.
    pub mean_change: Option<f64>,
    /// Sample standard deviation (n - 1) of the changes from value to value; of at least two changes.
    pub volatility: Option<f64>,
    /// Mean of the changes / their standard deviation, times the square root of 252 when they are daily.
    ///
    /// William F. Sharpe, "The Sharpe Ratio", Journal of Portfolio Management, 1994: the ex post ratio, with no
    /// benchmark to differ from. None for fewer than two changes, and when all changes are equal.
    pub sharpe_ratio: Option<f64>,
}

/// A maximum drawdown: the largest, over all t, of (highest value up to t) - (value at t).
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Drawdown {
    /// How deep it is, in the values' unit; 0 for a series that never falls.
    pub amount: f64,
    /// Where the high was that it fell from, the first time it was reached; None when the series never falls.
    pub peak_at: Option<String>,
    /// Where it was deepest, the first time; None when the series never falls.
    pub trough_at: Option<String>,
}

impl SeriesFigures {
    /// The figures of values in the order of time, each with where it stands.
    pub fn of(points: &[(String, f64)], scale: Scale) -> Self {
        let values = || points.iter().map(|(_, value)| *value);
        let moves = Moves::of(&values().collect::<Vec<_>>());
        let year = match scale {
            Scale::Days => TRADING_DAYS_A_YEAR.sqrt(),
            Scale::Intraday => 1.0,
        };
        Self {
            points: points.len() as u64,
            first: values().next(),
            last: values().next_back(),
            low: values().reduce(f64::min),
            high: values().reduce(f64::max),
            max_drawdown: max_drawdown(points),
            mean_change: moves.as_ref().and_then(|moves| finite(moves.mean)),
            volatility: moves.as_ref().and_then(|moves| finite(moves.deviation)),
            sharpe_ratio: moves
                .and_then(|moves| ratio(finite(moves.mean), finite(moves.deviation)))
                .and_then(|ratio| finite(ratio * year)),
        }
    }
}

/// Mean and deviation of the changes of a series.
struct Moves {
    mean: f64,
    deviation: f64,
}

impl Moves {
    /// None for fewer than two changes.
    fn of(values: &[f64]) -> Option<Self> {
        let changes: Vec<f64> = values.windows(2).map(|pair| pair[1] - pair[0]).collect();
        if changes.len() < 2 {
            return None;
        }
        let number = count(changes.len() as u64);
        let mean = changes.iter().sum::<f64>() / number;
        let squares: f64 = changes.iter().map(|change| (change - mean).powi(2)).sum();
        let deviation = (squares / (number - 1.0)).sqrt();
        let largest = values.iter().fold(0.0_f64, |largest, value| largest.max(value.abs()));
        Some(Self { mean, deviation: if deviation <= SERIES_NOISE * largest { 0.0 } else { deviation } })
    }
}

fn max_drawdown(points: &[(String, f64)]) -> Option<Drawdown> {
    let mut peak = points.first()?;
    let mut deepest = Drawdown::default();
    for point in points {
        if point.1 > peak.1 {
            peak = point;
        }
        let fall = peak.1 - point.1;
        if fall > deepest.amount {
            deepest =
                Drawdown { amount: fall, peak_at: Some(peak.0.clone()), trough_at: Some(point.0.clone()) };
        }
    }
    // The difference of two finite values may be too large to be a number.
    deepest.amount.is_finite().then_some(deepest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(values: &[f64]) -> Vec<(String, f64)> {
        values.iter().enumerate().map(|(place, value)| (place.to_string(), *value)).collect()
    }

    #[test]
    fn a_deviation_that_no_number_can_hold_leaves_the_ratio_unknown() {
        for values in [[1.0, -1e200, 1e200], [1.7e308, 1.7e308, -1.0]] {
            let figures = SeriesFigures::of(&series(&values), Scale::Intraday);
            assert_eq!((figures.volatility, figures.sharpe_ratio), (None, None), "{values:?}");
        }
    }

    #[test]
    fn figures_of_a_short_series_are_those_of_a_calculation_by_hand() {
        // Changes 30, -50, 10, 20, -40: mean -6, squares 1296 + 1936 + 256 + 676 + 1156 = 5320, / 4 = 1330.
        let figures = SeriesFigures::of(&series(&[100.0, 130.0, 80.0, 90.0, 110.0, 70.0]), Scale::Intraday);
        assert_eq!(figures.points, 6);
        assert_eq!((figures.first, figures.last), (Some(100.0), Some(70.0)));
        assert_eq!((figures.low, figures.high), (Some(70.0), Some(130.0)));
        let drawdown = Drawdown { amount: 60.0, peak_at: Some("1".into()), trough_at: Some("5".into()) };
        assert_eq!(figures.max_drawdown, Some(drawdown));
        assert_eq!(figures.mean_change, Some(-6.0));
        assert_eq!(figures.volatility, Some(1330.0_f64.sqrt()));
        assert_eq!(figures.sharpe_ratio, Some(-6.0 / 1330.0_f64.sqrt()));
    }

    #[test]
    fn the_ratio_of_days_is_annualized_and_nothing_else() {
        let values = series(&[1.0, 2.0, 4.0]);
        let (day, days) =
            (SeriesFigures::of(&values, Scale::Intraday), SeriesFigures::of(&values, Scale::Days));
        // Changes 1 and 2: mean 1.5, deviation the root of 0.5.
        assert_eq!(day.sharpe_ratio, Some(1.5 / 0.5_f64.sqrt()));
        assert_eq!(days.sharpe_ratio, Some(1.5 / 0.5_f64.sqrt() * 252.0_f64.sqrt()));
        assert_eq!(SeriesFigures { sharpe_ratio: None, ..day }, SeriesFigures { sharpe_ratio: None, ..days });
    }

    #[test]
    fn what_needs_more_values_is_unknown() {
        assert_eq!(SeriesFigures::of(&[], Scale::Days), SeriesFigures::default());
        let one = SeriesFigures::of(&series(&[-5.0]), Scale::Days);
        assert_eq!((one.points, one.first, one.last), (1, Some(-5.0), Some(-5.0)));
        assert_eq!(one.max_drawdown, Some(Drawdown::default()));
        assert_eq!((one.mean_change, one.volatility, one.sharpe_ratio), (None, None, None));
        assert_eq!(SeriesFigures::of(&series(&[1.0, 2.0]), Scale::Days).volatility, None);
    }

    #[test]
    fn equal_steps_have_no_deviation_and_no_ratio_though_floating_point_sees_one() {
        let figures = SeriesFigures::of(&series(&[0.1, 0.2, 0.3, 0.4]), Scale::Days);
        assert_eq!(figures.volatility, Some(0.0));
        assert_eq!(figures.sharpe_ratio, None);
        assert_eq!(SeriesFigures::of(&series(&[7.0; 5]), Scale::Days).sharpe_ratio, None);
    }

    #[test]
    fn the_drawdown_is_between_the_first_high_and_the_first_low_that_make_it() {
        let figures = SeriesFigures::of(&series(&[5.0, 9.0, 9.0, 4.0, 4.0, 9.0, 4.0]), Scale::Days);
        let drawdown = figures.max_drawdown.expect("it falls");
        assert_eq!(
            drawdown,
            Drawdown { amount: 5.0, peak_at: Some("1".into()), trough_at: Some("3".into()) }
        );
        assert_eq!(
            SeriesFigures::of(&series(&[1.0, 2.0, 2.0]), Scale::Days).max_drawdown,
            Some(Drawdown::default())
        );
    }
}

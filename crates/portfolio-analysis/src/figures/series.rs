//! The figures of a series of P&L values: of the points of a day, or of days.

use serde::{Deserialize, Serialize};

use super::arithmetic::{count, finite, ratio};

/// Trading days in a year. They annualize the Sharpe ratio of days.
const TRADING_DAYS_PER_YEAR: f64 = 252.0;

/// Deviations below this fraction of the largest absolute value are rounding errors and count as 0.
const SERIES_NOISE: f64 = 1e-12;

/// The distance between the values of a series.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Scale {
    /// From one trading day to the next: the Sharpe ratio is annualized.
    Days,
    /// Irregular times within a day: the Sharpe ratio is not annualized.
    Intraday,
}

/// Figures of a series of P&L values, in the values' unit (USD).
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct SeriesFigures {
    /// The number of values.
    pub points: u64,
    /// The first value.
    pub first: Option<f64>,
    /// The last value.
    pub last: Option<f64>,
    /// The lowest value.
    pub low: Option<f64>,
    /// The highest value.
    pub high: Option<f64>,
    /// The maximum drawdown; None if it is not finite or there are no values.
    pub max_drawdown: Option<Drawdown>,
    /// Mean of the changes from value to value; None for fewer than two changes.
    pub mean_change: Option<f64>,
    /// Sample standard deviation (n - 1) of the changes from value to value; None for fewer than two changes.
    pub volatility: Option<f64>,
    /// Mean of the changes / their standard deviation, times the square root of 252 if they are daily.
    ///
    /// William F. Sharpe, "The Sharpe Ratio", Journal of Portfolio Management, 1994: the ex post ratio,
    /// without a benchmark. None for fewer than two changes, and if all changes are equal.
    pub sharpe_ratio: Option<f64>,
}

/// A maximum drawdown: the largest, over all t, of (highest value up to t) - (value at t).
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Drawdown {
    /// The difference, in the values' unit; 0 for a series that never falls.
    pub amount: f64,
    /// Time or day of the high before it, where it was first reached; None if the series never falls.
    pub peak_at: Option<String>,
    /// Time or day of the low, where it was first reached; None if the series never falls.
    pub trough_at: Option<String>,
}

impl SeriesFigures {
    /// The figures of values in the order of time, each with its time or day.
    pub(crate) fn of(points: &[(String, f64)], scale: Scale) -> Self {
        let values = || points.iter().map(|(_, value)| *value);
        let changes = ChangeStatistics::of(&values().collect::<Vec<_>>());
        let year = match scale {
            Scale::Days => TRADING_DAYS_PER_YEAR.sqrt(),
            Scale::Intraday => 1.0,
        };
        Self {
            points: points.len() as u64,
            first: values().next(),
            last: values().next_back(),
            low: values().reduce(f64::min),
            high: values().reduce(f64::max),
            max_drawdown: max_drawdown(points),
            mean_change: changes.as_ref().and_then(|changes| finite(changes.mean)),
            volatility: changes.as_ref().and_then(|changes| finite(changes.deviation)),
            sharpe_ratio: changes
                .and_then(|changes| ratio(finite(changes.mean), finite(changes.deviation)))
                .and_then(|ratio| finite(ratio * year)),
        }
    }
}

/// Mean and standard deviation of the changes of a series.
struct ChangeStatistics {
    mean: f64,
    deviation: f64,
}

impl ChangeStatistics {
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
    let mut maximum = Drawdown::default();
    for point in points {
        if point.1 > peak.1 {
            peak = point;
        }
        let fall = peak.1 - point.1;
        if fall > maximum.amount {
            maximum =
                Drawdown { amount: fall, peak_at: Some(peak.0.clone()), trough_at: Some(point.0.clone()) };
        }
    }
    // The difference of two finite values can be infinite.
    maximum.amount.is_finite().then_some(maximum)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(values: &[f64]) -> Vec<(String, f64)> {
        values.iter().enumerate().map(|(place, value)| (place.to_string(), *value)).collect()
    }

    #[test]
    fn a_deviation_that_is_not_finite_leaves_the_ratio_unknown() {
        for values in [[1.0, -1e200, 1e200], [1.7e308, 1.7e308, -1.0]] {
            let figures = SeriesFigures::of(&series(&values), Scale::Intraday);
            assert_eq!((figures.volatility, figures.sharpe_ratio), (None, None), "{values:?}");
        }
    }

    #[test]
    fn the_figures_of_a_short_series_equal_a_calculation_by_hand() {
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
    fn only_the_ratio_of_days_is_annualized() {
        let values = series(&[1.0, 2.0, 4.0]);
        let (day, days) =
            (SeriesFigures::of(&values, Scale::Intraday), SeriesFigures::of(&values, Scale::Days));
        // Changes 1 and 2: mean 1.5, deviation the root of 0.5.
        assert_eq!(day.sharpe_ratio, Some(1.5 / 0.5_f64.sqrt()));
        assert_eq!(days.sharpe_ratio, Some(1.5 / 0.5_f64.sqrt() * 252.0_f64.sqrt()));
        assert_eq!(SeriesFigures { sharpe_ratio: None, ..day }, SeriesFigures { sharpe_ratio: None, ..days });
    }

    #[test]
    fn figures_that_need_more_values_are_unknown() {
        assert_eq!(SeriesFigures::of(&[], Scale::Days), SeriesFigures::default());
        let one = SeriesFigures::of(&series(&[-5.0]), Scale::Days);
        assert_eq!((one.points, one.first, one.last), (1, Some(-5.0), Some(-5.0)));
        assert_eq!(one.max_drawdown, Some(Drawdown::default()));
        assert_eq!((one.mean_change, one.volatility, one.sharpe_ratio), (None, None, None));
        assert_eq!(SeriesFigures::of(&series(&[1.0, 2.0]), Scale::Days).volatility, None);
    }

    #[test]
    fn equal_steps_have_no_deviation_and_no_ratio_despite_rounding_errors() {
        let figures = SeriesFigures::of(&series(&[0.1, 0.2, 0.3, 0.4]), Scale::Days);
        assert_eq!(figures.volatility, Some(0.0));
        assert_eq!(figures.sharpe_ratio, None);
        assert_eq!(SeriesFigures::of(&series(&[7.0; 5]), Scale::Days).sharpe_ratio, None);
    }

    #[test]
    fn the_drawdown_is_between_the_first_high_and_the_first_low() {
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

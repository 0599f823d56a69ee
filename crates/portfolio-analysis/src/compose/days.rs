//! The days of the window: the displayed KPI, the series and the sums of each.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;

use crate::figures::{Scale, SeriesFigures, displayed_number};
use crate::report::DayReport;
use crate::source::{DisplayedRow, Drops, GroupRow, PointRow};

/// The displayed KPI by day. Of two rows of a day, the later one is used. Days with an empty value are skipped.
pub(super) fn displayed_by_day<'r>(rows: &'r [DisplayedRow], drops: &mut Drops) -> HashMap<&'r str, &'r str> {
    let mut days = HashMap::new();
    for row in rows {
        drops.add("kpis", "not_finite", row.not_finite.into());
        let text = row.displayed.as_deref().map(str::trim).unwrap_or_default();
        let repeated = days.insert(row.day.as_str(), text).is_some();
        drops.add("kpis", "repeated", repeated.into());
    }
    days.retain(|_, text| !text.is_empty());
    days
}

/// The points by day, in the order of time. Of two points at one time, the later row is used.
pub(super) fn series_by_day(rows: &[PointRow], drops: &mut Drops) -> HashMap<String, Vec<(String, f64)>> {
    let mut days: HashMap<String, BTreeMap<i64, f64>> = HashMap::new();
    for row in rows {
        match (row.at, row.value) {
            (None, _) => drops.add("series", "no_time", 1),
            (_, None) if row.absent => drops.add("series", "no_value", 1),
            (_, None) => drops.add("series", "not_finite", 1),
            (Some(at), Some(value)) => {
                let repeated = days.entry(row.day.clone()).or_default().insert(at, value).is_some();
                drops.add("series", "repeated", repeated.into());
            }
        }
    }
    let series = |points: BTreeMap<i64, f64>| {
        points.into_iter().filter_map(|(at, value)| Some((timestamp(at)?, value))).collect()
    };
    days.into_iter().map(|(day, points)| (day, series(points))).collect()
}

/// Microseconds since 1970 as RFC 3339 in UTC, with six decimals if the last three are not zero, otherwise with three.
fn timestamp(microseconds: i64) -> Option<String> {
    let timestamp = Timestamp::from_microsecond(microseconds).ok()?;
    let whole = microseconds % 1000 == 0;
    Some(if whole { format!("{timestamp:.3}") } else { format!("{timestamp:.6}") })
}

/// The report of a day of the window.
pub(super) fn day_report(
    day: &str,
    displayed: Option<&&str>,
    points: Option<&Vec<(String, f64)>>,
    sums: Option<&GroupRow>,
) -> DayReport {
    let intraday = SeriesFigures::of(points.map_or(&[], Vec::as_slice), Scale::Intraday);
    DayReport {
        date: day.to_owned(),
        displayed: displayed.map(|text| (*text).to_owned()),
        displayed_pnl: displayed.and_then(|text| displayed_number(text)),
        pnl: sums.and_then(|row| row.pnl),
        cost_basis: sums.and_then(|row| row.cost_basis),
        gross_cost_basis: sums.and_then(|row| row.gross_cost_basis),
        positions: sums.map_or(0, |row| row.positions.unsigned_abs()),
        priced: sums.map_or(0, |row| row.priced.unsigned_abs()),
        intraday_points: intraday.points,
        intraday_drawdown: intraday.max_drawdown.map(|drawdown| drawdown.amount),
        intraday_volatility: intraday.volatility,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn displayed(day: &str, text: Option<&str>) -> DisplayedRow {
        DisplayedRow { day: day.to_owned(), displayed: text.map(str::to_owned), not_finite: false }
    }

    fn point(at: Option<i64>, value: Option<f64>, absent: bool) -> PointRow {
        PointRow { day: "2026-02-11".to_owned(), at, value, absent }
    }

    #[test]
    fn the_later_of_two_displayed_values_is_used_and_an_empty_one_is_skipped() {
        let rows = [
            displayed("2026-02-10", Some("$1.00")),
            displayed("2026-02-10", Some(" $2.00 ")),
            displayed("2026-02-11", Some("$3.00")),
            displayed("2026-02-11", None),
        ];
        let mut drops = Drops::default();
        let days = displayed_by_day(&rows, &mut drops);
        assert_eq!(days.into_iter().collect::<Vec<_>>(), [("2026-02-10", "$2.00")]);
        assert_eq!(drops.iter().collect::<Vec<_>>(), [("kpis", "repeated", 2)]);
    }

    #[test]
    fn points_are_ordered_by_time_and_unusable_ones_are_counted_by_reason() {
        let rows = [
            point(Some(2_000_001), Some(5.0), false),
            point(Some(1_000_000), Some(3.0), false),
            point(Some(1_000_000), Some(4.0), false),
            point(None, Some(1.0), false),
            point(Some(3), None, true),
            point(Some(4), None, false),
        ];
        let mut drops = Drops::default();
        let series = series_by_day(&rows, &mut drops);
        let expected =
            [("1970-01-01T00:00:01.000Z".to_owned(), 4.0), ("1970-01-01T00:00:02.000001Z".to_owned(), 5.0)];
        assert_eq!(series["2026-02-11"], expected);
        let reasons = ["no_time", "no_value", "not_finite", "repeated"].map(|reason| ("series", reason, 1));
        assert_eq!(drops.iter().collect::<Vec<_>>(), reasons);
    }
}

//! What each day of the window shows: its KPI, its series, its sums.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;

use super::super::figures::{Scale, SeriesFigures, displayed_number};
use super::super::report::DayReport;
use super::super::source::{DisplayedRow, Drops, GroupRow, PointRow};

/// The displayed KPI by day. Of two on a day the later row wins, and a day without a value has none.
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

/// The points by day, in the order of time. Of two at one time the later row wins.
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
        points.into_iter().filter_map(|(at, value)| Some((moment(at)?, value))).collect()
    };
    days.into_iter().map(|(day, points)| (day, series(points))).collect()
}

/// Microseconds since 1970 as RFC 3339 in UTC, with three decimals, or six where they say more.
fn moment(microseconds: i64) -> Option<String> {
    let timestamp = Timestamp::from_microsecond(microseconds).ok()?;
    let whole = microseconds % 1000 == 0;
    Some(if whole { format!("{timestamp:.3}") } else { format!("{timestamp:.6}") })
}

/// A day of the window.
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

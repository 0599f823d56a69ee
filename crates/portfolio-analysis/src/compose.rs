//! Computes the report from the rows that were read.

mod change;
mod days;
mod groups;
mod notes;
mod positions;
mod symbols;

use self::groups::{Groups, PositionFilter};
use super::figures::{Scale, SeriesFigures, count, percent};
use super::report::{Coverage, DropCount, GroupFigures, KIND, Point, Report, Series, VERSION, Window};
use super::source::{Drops, HoldingRow, SourceRows};

/// The report on the last day of the rows. `requested` is the number of days that the request covers.
pub(crate) fn report(rows: SourceRows, requested: usize) -> Report {
    let days: Vec<String> = rows.days.iter().map(ToString::to_string).collect();
    let date = days.last().cloned().unwrap_or_default();
    let previous_date = days.iter().rev().nth(1).cloned();
    let window = &days[days.len().saturating_sub(requested)..];
    let mut drops = rows.drops;
    let groups = Groups::from_rows(rows.groups, &mut drops);
    let mut series_by_day = days::series_by_day(&rows.points, &mut drops);
    let displayed = days::displayed_by_day(&rows.displayed, &mut drops);
    let day_reports = window
        .iter()
        .map(|day| {
            let (displayed, series) = (displayed.get(day.as_str()), series_by_day.get(day.as_str()));
            days::day_report(day, displayed, series, groups.total(day))
        })
        .collect();
    let (held, not_held): (Vec<HoldingRow>, Vec<HoldingRow>) =
        rows.holdings.into_iter().partition(|row| row.is_held);
    let (now, before): (Vec<HoldingRow>, Vec<HoldingRow>) = held.into_iter().partition(|row| row.day == date);
    let total = groups.total(&date).map(groups::figures).unwrap_or_default();
    let symbols = symbols::reports(&groups, window, &date, previous_date.as_deref());
    let too_large: Vec<(&str, u64)> = days
        .iter()
        .filter_map(|day| Some((day.as_str(), groups.total(day)?.too_large.unsigned_abs())))
        .filter(|(_, positions)| *positions > 0)
        .collect();
    let change = previous_date.as_deref().map(|from| change::since(from, &date, &groups, &now, &before));
    let not_held = not_held.iter().filter(|row| row.day == date).count() as u64;
    let mut report = Report {
        kind: KIND.to_owned(),
        version: VERSION,
        window: Window {
            first: window.first().cloned().unwrap_or_default(),
            last: date.clone(),
            days: window.len() as u64,
            requested: requested as u64,
        },
        notes: Vec::new(),
        coverage: coverage(&total, groups.total(&date).map_or(0, |row| row.listed), not_held, &drops),
        symbol_concentration: symbols::concentration(&symbols, &total),
        intraday: series(series_by_day.remove(date.as_str()).unwrap_or_default(), Scale::Intraday),
        book: series(groups.pnl_by_day(PositionFilter::All, window), Scale::Days),
        days: day_reports,
        winners: positions::winners(&now),
        losers: positions::losers(&now),
        total,
        symbols,
        change,
        date,
        previous_date,
    };
    report.notes = notes::of(&report, &too_large);
    report
}

fn coverage(total: &GroupFigures, listed: i64, not_held: u64, drops: &Drops) -> Coverage {
    let drop_count = |(view, reason, count): (&str, &str, u64)| DropCount {
        view: view.into(),
        reason: reason.into(),
        count,
    };
    Coverage {
        positions: total.positions,
        listed: listed.unsigned_abs(),
        priced: total.priced,
        priced_pct: percent(Some(count(total.priced)), Some(count(total.positions))),
        not_held,
        dropped: drops.iter().map(drop_count).collect(),
    }
}

fn series(points: Vec<(String, f64)>, scale: Scale) -> Series {
    let figures = SeriesFigures::of(&points, scale);
    Series { points: points.into_iter().map(|(at, value)| Point { at, value }).collect(), figures }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;
    use crate::source::GroupRow;

    #[test]
    fn the_day_before_the_window_is_compared_and_not_part_of_the_window() {
        let total = |day: &str, pnl| GroupRow {
            day: day.to_owned(),
            is_total: true,
            positions: 1,
            priced: 1,
            pnl: Some(pnl),
            ..GroupRow::default()
        };
        let rows = SourceRows {
            days: vec![date(2026, 2, 10), date(2026, 2, 11)],
            groups: vec![total("2026-02-10", 3.0), total("2026-02-11", 5.0)],
            ..SourceRows::default()
        };
        let report = report(rows, 1);
        assert_eq!(
            (report.date.as_str(), report.previous_date.as_deref()),
            ("2026-02-11", Some("2026-02-10"))
        );
        assert_eq!((report.window.first.as_str(), report.window.days), ("2026-02-11", 1));
        assert_eq!(report.book.points, [Point { at: "2026-02-11".to_owned(), value: 5.0 }]);
        assert_eq!(report.change.expect("there is a day before").pnl, Some(2.0));
        assert_eq!(report.coverage.priced_pct, Some(100.0));
    }
}

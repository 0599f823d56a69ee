//! The notes at the top of a report.

use crate::plural::counted;
use crate::report::Report;

/// Sentences about missing data and about unusual figures. `too_large` has the days on which positions have an amount
/// that can't be summed, with the number of these positions.
pub(super) fn of(report: &Report, too_large: &[(&str, u64)]) -> Vec<String> {
    let large = too_large.iter().map(|(day, positions)| {
        let verb = if *positions == 1 { "has" } else { "have" };
        let positions = counted(*positions, "position");
        format!("On {day}, {positions} {verb} an amount beyond 1e100; the sums that include it are unknown.")
    });
    pnl_coverage(report)
        .into_iter()
        .chain(large)
        .chain(daily_pnl(report))
        .chain(positions(report))
        .chain(window(report))
        .collect()
}

fn pnl_coverage(report: &Report) -> Option<String> {
    let coverage = &report.coverage;
    if coverage.positions == 0 {
        return Some(format!(
            "The views have no positions for {}, so the figures of positions are empty.",
            report.date
        ));
    }
    if coverage.priced == 0 {
        let positions = counted(coverage.positions, "position");
        return Some(format!("The P&L of none of {positions} is known, so the P&L figures are empty."));
    }
    (coverage.priced < coverage.positions).then(|| {
        format!(
            "The P&L of {} of {} ({:.1} %) is known; sums include only known amounts.",
            coverage.priced,
            counted(coverage.positions, "position"),
            coverage.priced_pct.unwrap_or_default()
        )
    })
}

fn daily_pnl(report: &Report) -> Vec<String> {
    let date = &report.date;
    let mut notes = Vec::new();
    if report.intraday.points.is_empty() {
        notes.push(format!("The views have no series of Daily PnL for {date}."));
    }
    let displayed = report.days.last().and_then(|day| day.displayed_pnl);
    if displayed.is_none() {
        notes.push(format!("The dashboard displays no amount as Daily PnL for {date}."));
    }
    let is_positive = report.intraday.figures.low.is_some_and(|low| low >= 0.0);
    if displayed.is_some_and(|shown| shown < 0.0) && is_positive {
        notes.push(
            "The displayed Daily PnL is negative, but no point of its series is: the points are probably absolute \
             values, so the figures of the series are unreliable."
                .to_owned(),
        );
    }
    notes
}

fn positions(report: &Report) -> Vec<String> {
    let (coverage, total) = (&report.coverage, &report.total);
    let mut notes = Vec::new();
    if let Some(change) = report
        .change
        .as_ref()
        .filter(|change| change.positions > 0 && i64::try_from(total.positions) == Ok(change.positions))
    {
        notes.push(format!(
            "The views have no positions for the day before, {}, so all positions count as opened.",
            change.from
        ));
    }
    if total.cost_basis.zip(total.gross_cost_basis).is_some_and(|(net, gross)| net < gross) {
        notes.push(
            "Some positions are short: their cost basis is negative, so net and gross cost basis differ."
                .to_owned(),
        );
    }
    match coverage.not_held {
        0 => {}
        1 => notes.push("1 contract has figures but is not held; its figures are dropped.".to_owned()),
        count => {
            notes
                .push(format!("{count} contracts have figures but are not held; their figures are dropped."));
        }
    }
    notes
}

fn window(report: &Report) -> Vec<String> {
    let mut notes = Vec::new();
    if report.window.days < report.window.requested {
        notes.push(format!(
            "The views have {} of the {} requested trading days.",
            report.window.days, report.window.requested
        ));
    }
    if report.previous_date.is_none() {
        notes.push("There is no earlier day to compare with.".to_owned());
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::SeriesFigures;
    use crate::report::{Change, Coverage, DayReport, GroupFigures, Point, Series, Window};

    type Edit = fn(&mut Report);

    /// A report without notes.
    fn complete() -> Report {
        Report {
            date: "2026-02-11".to_owned(),
            previous_date: Some("2026-02-10".to_owned()),
            window: Window { days: 2, requested: 2, ..Window::default() },
            coverage: Coverage { positions: 2, priced: 2, ..Coverage::default() },
            total: GroupFigures { positions: 2, ..GroupFigures::default() },
            intraday: Series {
                points: vec![Point { at: "2026-02-11T15:00:00.000Z".to_owned(), value: 5.0 }],
                figures: SeriesFigures { low: Some(5.0), ..SeriesFigures::default() },
            },
            days: vec![DayReport { displayed_pnl: Some(5.0), ..DayReport::default() }],
            ..Report::default()
        }
    }

    #[test]
    fn a_complete_report_has_no_notes_and_each_gap_has_one() {
        assert_eq!(of(&complete(), &[]), Vec::<String>::new());
        let gaps: [(Edit, &str); 10] = [
            (|report| report.coverage.positions = 0, "no positions for 2026-02-11, so"),
            (|report| report.coverage.priced = 0, "none of 2 positions is known"),
            (|report| report.coverage.priced = 1, "The P&L of 1 of 2 positions (0.0 %) is known"),
            (|report| report.intraday.points.clear(), "no series of Daily PnL for 2026-02-11"),
            (|report| report.days[0].displayed_pnl = None, "displays no amount"),
            (|report| report.days[0].displayed_pnl = Some(-5.0), "probably absolute values"),
            (
                |report| {
                    report.change =
                        Some(Change { positions: 2, from: "2026-02-10".to_owned(), ..Change::default() });
                },
                "all positions count as opened",
            ),
            (|report| report.coverage.not_held = 1, "1 contract has figures but is not held"),
            (|report| report.window.requested = 30, "2 of the 30 requested trading days"),
            (|report| report.previous_date = None, "no earlier day"),
        ];
        for (edit, words) in gaps {
            let mut report = complete();
            edit(&mut report);
            let notes = of(&report, &[]);
            assert!(notes.len() == 1 && notes[0].contains(words), "{words:?}: {notes:?}");
        }
    }

    #[test]
    fn days_with_amounts_that_can_not_be_summed_are_listed() {
        let notes = of(&complete(), &[("2026-02-10", 1), ("2026-02-11", 3)]);
        assert!(notes[0].starts_with("On 2026-02-10, 1 position has an amount"), "{notes:?}");
        assert!(notes[1].starts_with("On 2026-02-11, 3 positions have an amount"), "{notes:?}");
    }
}

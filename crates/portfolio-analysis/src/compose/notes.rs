//! What a reader should know before the figures.

use super::super::report::Report;

/// Sentences on what is missing and what is unusual about the day. `too_large` has the days on which positions have an
/// amount that can't be summed, and how many positions.
pub(super) fn of(report: &Report, too_large: &[(&str, i64)]) -> Vec<String> {
    let (date, coverage, total) = (&report.date, &report.coverage, &report.total);
    let mut notes = Vec::new();
    if coverage.positions == 0 {
        notes.push(format!("The views hold no positions for {date}: figures of positions are empty."));
    } else if coverage.priced == 0 {
        notes.push(format!(
            "None of the {} positions has a P&L: figures of P&L are empty.",
            coverage.positions
        ));
    } else if coverage.priced < coverage.positions {
        notes.push(format!(
            "Figures are known for {} of {} positions ({:.1} %): sums are those of the known ones.",
            coverage.priced,
            coverage.positions,
            coverage.priced_pct.unwrap_or_default()
        ));
    }
    for (day, positions) in too_large {
        notes.push(format!(
            "Positions of {day} with an amount beyond 1e100: {positions}. Sums with it are unknown."
        ));
    }
    if report.intraday.points.is_empty() {
        notes.push(format!("The views hold no series of Daily PnL for {date}."));
    }
    let displayed = report.days.last().and_then(|day| day.displayed_pnl);
    if displayed.is_none() {
        notes.push(format!("The dashboard shows no amount as Daily PnL for {date}."));
    }
    if displayed.is_some_and(|shown| shown < 0.0) && report.intraday.figures.low.is_some_and(|low| low >= 0.0)
    {
        notes.push(
            "The displayed Daily PnL is negative, and no point of its series is: the points seem to be sizes without \
             a sign, so the figures of the series say little."
                .to_owned(),
        );
    }
    if let Some(change) = report
        .change
        .as_ref()
        .filter(|change| change.positions > 0 && i64::try_from(total.positions) == Ok(change.positions))
    {
        notes.push(format!(
            "The views hold no positions for the day before, {}: all count as opened.",
            change.from
        ));
    }
    if total.cost_basis.zip(total.gross_cost_basis).is_some_and(|(net, gross)| net < gross) {
        notes.push(
            "Some positions are short: their cost basis is negative, so net and gross cost basis differ."
                .to_owned(),
        );
    }
    if coverage.not_held > 0 {
        notes.push(format!(
            "{} contracts have figures and are not held; they are left out.",
            coverage.not_held
        ));
    }
    if report.window.days < report.window.requested {
        notes.push(format!(
            "The views have {} of the {} trading days that were asked for.",
            report.window.days, report.window.requested
        ));
    }
    if report.previous_date.is_none() {
        notes.push("There is no earlier day to compare with.".to_owned());
    }
    notes
}

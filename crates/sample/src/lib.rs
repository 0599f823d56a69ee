//! Sample trading days: the four materialized views, and days to fill them with.
//!
//! A day is made up but true to the shape of real ones: 26 KPIs in their displayed spelling, a series for
//! each (a random walk every fifteen minutes, or every five during market hours), 18 to 20 KPIs with
//! extremes, 50 to 200 option contracts held, most of them from one day to the next, at prices that move. The same date
//! always gives the same day. Some rows are wrong on purpose, because real views have such rows too: values that
//! are NULL or NaN, a repeated point, a name with white space around it, a contract without a name.

mod contracts;
mod kpis;
mod sql;

use fastrand::Rng;
use jiff::civil::Date;

use crate::contracts::Contract;
use crate::sql::Insert;

/// SQL that makes the schema, a base table for each view, and the four views over them.
pub const SCHEMA: &str = include_str!("schema.sql");

/// SQL that brings the views up to date with their base tables.
pub const REFRESH: &str = "
REFRESH MATERIALIZED VIEW utils_statistics.trades_kpi_summary_mv;
REFRESH MATERIALIZED VIEW utils_statistics.trades_kpi_series_mv;
REFRESH MATERIALIZED VIEW utils_statistics.trades_contract_extremes_by_kpi_mv;
REFRESH MATERIALIZED VIEW utils_statistics.trades_portfolio_assets_mv;
";

/// SQL that puts the sample day of a date into the base tables; [`REFRESH`] makes the views show it.
pub fn day(date: Date) -> String {
    let mut rng = Rng::with_seed(contracts::day_number(date).unsigned_abs().into());
    let contracts = contracts::portfolio(date);
    let mut summary = Insert::into("trades_kpi_summary", date);
    let mut series = Insert::into("trades_kpi_series", date);
    for (order, kpi) in (1..).zip(&kpis::KPIS) {
        let walk = kpi.walk(&mut rng);
        summary.row(&[
            sql::text(kpi.name),
            sql::text(&kpi.displayed(&walk, contracts.len())),
            order.to_string(),
        ]);
        for (minute, value) in &walk {
            let at = format!("'{date} {:02}:{:02}:00+00'", minute / 60, minute % 60);
            series.row(&[sql::text(kpi.name), at, sql::number(*value), sql::text(kpi.source())]);
        }
    }
    odd_points(&mut series, date);
    let mut extremes = Insert::into("trades_contract_extremes", date);
    for kpi in kpis::with_extremes(&mut rng) {
        extremes_of(&mut extremes, kpi, &contracts, &mut rng);
    }
    let mut assets = Insert::into("trades_portfolio_assets", date);
    for contract in &contracts {
        assets.row(&contract.asset());
    }
    assets.row(&["1".to_owned(), sql::text("NONE"), "NULL".to_owned()]);
    [summary, series, extremes, assets].map(Insert::finish).concat()
}

/// Points that can't be stored as they are, and two within one millisecond that can.
fn odd_points(series: &mut Insert, date: Date) {
    let point = |kpi: &str, time: &str, value: &str| {
        [sql::text(kpi), format!("'{date} {time}+00'"), value.to_owned(), sql::text("real")]
    };
    series.row(&point("Delta", "20:59:59", "NULL"));
    series.row(&point("Gamma", "20:59:59", "'NaN'"));
    series.row(&point(" Vega ", "20:59:59.000001", "6.5"));
    series.row(&point("Vega", "20:59:59.000002", "6.5"));
    series.row(&point("Theta", "20:59:59", "-1.25"));
    series.row(&point("Theta", "20:59:59", "-1.5"));
}

/// The ten highest and the ten lowest contracts by a metric drawn for each.
fn extremes_of(extremes: &mut Insert, kpi: &str, contracts: &[Contract], rng: &mut Rng) {
    let mut by_metric: Vec<(f64, &Contract)> =
        contracts.iter().map(|contract| (contract.metric(kpi, rng), contract)).collect();
    by_metric.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    let listed = by_metric.len().min(10);
    for (rank, (metric, contract)) in (1..).zip(&by_metric[..listed]) {
        extremes.row(&contract.extreme(kpi, "hi", rank, *metric));
    }
    for (rank, (metric, contract)) in (1..).zip(by_metric.iter().rev().take(listed)) {
        extremes.row(&contract.extreme(kpi, "lo", rank, *metric));
    }
}

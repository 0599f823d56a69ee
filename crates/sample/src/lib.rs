//! Sample trading days: the schema of the four materialized views, and generated days for them.
//!
//! A day has the shape of a real one: 26 KPIs with displayed values, a series for each (a random walk with a point every
//! fifteen minutes, or every five minutes during market hours), 18 to 20 KPIs with extremes, and 50 to 200 option
//! contracts, most of which are held over several days at changing prices. The same date always gives the same day.
//! Some rows are faulty on purpose, because real views contain such rows: values that are NULL or NaN, a repeated point,
//! a name with surrounding white space, a contract without a name.
//!
//! Tests can also use real days, if there are any: see [`real_days_folder`].

mod contracts;
mod kpis;
mod real_days;
mod sql;

use fastrand::Rng;
use jiff::civil::Date;

use crate::contracts::Contract;
use crate::sql::Insert;

pub use self::real_days::real_days_folder;

/// SQL that creates the schema, a base table for each view, and the four views.
pub const SCHEMA: &str = include_str!("schema.sql");

/// SQL that refreshes the views.
pub const REFRESH: &str = "
REFRESH MATERIALIZED VIEW utils_statistics.trades_kpi_summary_mv;
REFRESH MATERIALIZED VIEW utils_statistics.trades_kpi_series_mv;
REFRESH MATERIALIZED VIEW utils_statistics.trades_contract_extremes_by_kpi_mv;
REFRESH MATERIALIZED VIEW utils_statistics.trades_portfolio_assets_mv;
";

/// SQL that inserts the sample day of a date into the base tables. The views contain it after [`REFRESH`].
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
    insert_faulty_points(&mut series, date);
    let mut extremes = Insert::into("trades_contract_extremes", date);
    for kpi in kpis::with_extremes(&mut rng) {
        insert_extremes(&mut extremes, kpi, &contracts, &mut rng);
    }
    let mut assets = Insert::into("trades_portfolio_assets", date);
    for contract in &contracts {
        assets.row(&contract.asset());
    }
    assets.row(&["1".to_owned(), sql::text("NONE"), "NULL".to_owned()]);
    [summary, series, extremes, assets].map(Insert::finish).concat()
}

/// Inserts points that can't be stored unchanged, and two valid points within one millisecond.
fn insert_faulty_points(series: &mut Insert, date: Date) {
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

/// Inserts the ten highest and the ten lowest contracts by the KPI's metric.
fn insert_extremes(extremes: &mut Insert, kpi: &str, contracts: &[Contract], rng: &mut Rng) {
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

//! Columns of different types, and values that are not numbers, times or days.

use serde_json::{Value, json};

use super::support::{DAY, dropped, report, report_on, views_of, views_with};

#[tokio::test]
async fn numbers_days_and_times_come_from_columns_of_any_type() {
    let plain = views_with(&[DAY]).await;
    let expected = report_on(&plain, DAY).await;
    for (number, day, time) in [
        ("numeric", "date", "timestamptz"),
        ("double precision", "timestamp", "timestamp"),
        ("text", "text", "text"),
        ("varchar(60)", "timestamptz", "text"),
    ] {
        let database = views_with(&[DAY]).await;
        database.execute(&retyped(number, day, time)).await;
        let report = report_on(&database, DAY).await;
        assert_eq!(report["total"], expected["total"], "{number}, {day}, {time}");
        assert_eq!(report["intraday"], expected["intraday"], "{number}, {day}, {time}");
        assert_eq!(report["losers"], expected["losers"], "{number}, {day}, {time}");
        assert_eq!(report["coverage"], expected["coverage"], "{number}, {day}, {time}");
    }
}

/// SQL that replaces the views by ones with columns of other types.
fn retyped(number: &str, day: &str, time: &str) -> String {
    format!(
        "SET timezone = 'UTC';
         CREATE SCHEMA other;
         CREATE MATERIALIZED VIEW other.series AS SELECT kpi_name, ts::{time} AS ts, value::{number} AS value, report_date::{day} AS report_date
           FROM utils_statistics.trades_kpi_series;
         CREATE MATERIALIZED VIEW other.extremes AS SELECT kpi_name, side, rank::{number} AS rank, trade_id::{number} AS trade_id, contract_name,
             mid_ts::{time} AS mid_ts, qty::{number} AS qty, cost_basis::{number} AS cost_basis, individual_pnl::{number} AS individual_pnl,
             bid_price::{number} AS bid_price, ask_price::{number} AS ask_price, mid_price::{number} AS mid_price,
             mid_mark_pnl::{number} AS mid_mark_pnl, liquidity_drag::{number} AS liquidity_drag, report_date::{day} AS report_date
           FROM utils_statistics.trades_contract_extremes;
         CREATE MATERIALIZED VIEW other.portfolio AS SELECT trade_id::{number} AS trade_id, symbol::char(8) AS symbol, contract_name::name AS contract_name,
             report_date::{day} AS report_date FROM utils_statistics.trades_portfolio_assets;
         DROP MATERIALIZED VIEW utils_statistics.trades_kpi_series_mv, utils_statistics.trades_contract_extremes_by_kpi_mv,
           utils_statistics.trades_portfolio_assets_mv;
         ALTER MATERIALIZED VIEW other.series RENAME TO trades_kpi_series_mv;
         ALTER MATERIALIZED VIEW other.extremes RENAME TO trades_contract_extremes_by_kpi_mv;
         ALTER MATERIALIZED VIEW other.portfolio RENAME TO trades_portfolio_assets_mv;
         ALTER MATERIALIZED VIEW other.trades_kpi_series_mv SET SCHEMA utils_statistics;
         ALTER MATERIALIZED VIEW other.trades_contract_extremes_by_kpi_mv SET SCHEMA utils_statistics;
         ALTER MATERIALIZED VIEW other.trades_portfolio_assets_mv SET SCHEMA utils_statistics"
    )
}

#[tokio::test]
async fn integers_and_single_floats_have_the_value_that_postgres_displays() {
    for (kind, value, shown) in [
        ("integer", "-2147483648", -2_147_483_648.0),
        ("smallint", "-32768", -32_768.0),
        ("bigint", "9007199254740993", 9_007_199_254_740_992.0),
        ("real", "0.1", 0.1),
        ("numeric", "1e-300", 1e-300),
        ("numeric", "1e-400", 0.0),
        ("numeric", "1.7976931348623157e308", f64::MAX),
    ] {
        let database = series_of(&format!("'{value}'::{kind}"), "timestamptz '2026-02-11 15:00+00'").await;
        let report = report_on(&database, DAY).await;
        assert_eq!(report["intraday"]["points"][0]["value"].as_f64(), Some(shown), "{kind}");
    }
}

#[tokio::test]
async fn values_that_are_not_amounts_are_dropped_and_counted() {
    for (value, reason) in [
        ("'NaN'::float8", "not_finite"),
        ("'NaN'::numeric", "not_finite"),
        ("'-Infinity'::real", "not_finite"),
        ("1e309", "not_finite"),
        ("'1e999'::numeric", "not_finite"),
        ("'n/a'::text", "not_finite"),
        ("'0x10'::text", "not_finite"),
        ("''::text", "not_finite"),
        ("NULL::numeric", "no_value"),
        ("NULL::text", "no_value"),
    ] {
        let database = series_of(value, "timestamptz '2026-02-11 15:00+00'").await;
        let report = report_on(&database, DAY).await;
        assert_eq!(dropped(&report, "series", reason), 1, "{value}: {}", report["coverage"]);
        assert_eq!(report["intraday"]["figures"]["points"], 0, "{value}");
    }
}

#[tokio::test]
async fn times_of_any_format_are_instants_and_points_without_a_time_are_dropped_and_counted() {
    for (time, shown) in [
        ("text ' 2026-02-11T09:30:00.5+05:30 '", Some("2026-02-11T04:00:00.500Z")),
        ("text '2026-02-11 09:30'", Some("2026-02-11T09:30:00.000Z")),
        ("text '2026-02-11'", Some("2026-02-11T00:00:00.000Z")),
        ("timestamp '2026-02-11 09:30:00.000001'", Some("2026-02-11T09:30:00.000001Z")),
        ("date '2026-02-11'", Some("2026-02-11T00:00:00.000Z")),
        ("text '2026-02-30T09:30:00Z'", None),
        ("text '2026-04-31'", None),
        ("text 'noon'", None),
        ("text '0000-01-01'", None),
        ("text 'infinity'", None),
        ("timestamptz '-infinity'", None),
        ("timestamptz '0044-03-15 12:00 BC'", None),
        ("NULL::timestamptz", None),
    ] {
        let report = report_on(&series_of("1.5", time).await, DAY).await;
        assert_eq!(report["intraday"]["points"][0]["at"], json!(shown), "{time}");
        assert_eq!(dropped(&report, "series", "no_time"), u64::from(shown.is_none()), "{time}");
    }
}

/// A database whose series consists of one point.
async fn series_of(value: &str, time: &str) -> testkit::postgres::Database {
    let database = views_of("").await;
    database
        .execute(&format!(
            "DROP MATERIALIZED VIEW utils_statistics.trades_kpi_series_mv;
             CREATE MATERIALIZED VIEW utils_statistics.trades_kpi_series_mv AS
               SELECT E'\\u00a0Daily PnL\\t' AS kpi_name, {time} AS ts, {value} AS value, date '2026-02-11' AS report_date"
        ))
        .await;
    database
}

#[tokio::test]
async fn rows_whose_report_date_is_not_a_day_are_ignored() {
    for (kind, others) in [
        ("text", vec!["n/a", "2026-02-30", "20260211", "2026-2-11", "", "0000-00-00"]),
        ("timestamp", vec!["infinity", "-infinity", "0044-03-15 BC"]),
        ("date", vec!["infinity", "-infinity", "0044-03-15 BC"]),
    ] {
        let database = views_of("").await;
        let rows =
            others.iter().map(|day| format!(" UNION ALL SELECT 'Daily PnL', '$2.00', '{day}'::{kind}"));
        database
            .execute(&format!(
                "DROP MATERIALIZED VIEW utils_statistics.trades_kpi_summary_mv;
                 CREATE MATERIALIZED VIEW utils_statistics.trades_kpi_summary_mv AS
                   SELECT 'Daily PnL' AS kpi_name, '$1.00' AS display_value, '2026-02-11'::{kind} AS report_date {}",
                rows.collect::<String>()
            ))
            .await;
        let report = report(&database, json!({})).await;
        assert_eq!(report["date"], "2026-02-11", "{kind}");
        assert_eq!(report["days"], json!([report["days"][0]]), "{kind}: {}", report["days"]);
        assert_eq!(report["days"][0]["displayed_pnl"], 1.0, "{kind}");
    }
}

#[tokio::test]
async fn rows_of_any_time_of_a_day_belong_to_the_day() {
    let plain = views_with(&[DAY.yesterday().expect("a day before"), DAY]).await;
    let expected = report(&plain, json!({})).await;
    for report_date in [
        "day + time '21:30'",
        "day + length(kept::text) % 24 * interval '1 h'",
        "(day + time '23:59:59.999999') AT TIME ZONE 'UTC'",
        "' ' || day::text || 'T21:30:00-05:00'",
    ] {
        let database = views_with(&[DAY.yesterday().expect("a day before"), DAY]).await;
        database.execute(&redated(report_date)).await;
        let latest = report(&database, json!({})).await;
        let bounded = report_on(&database, DAY).await;
        for part in ["date", "days", "total", "change", "intraday", "losers", "coverage"] {
            assert_eq!(latest[part], expected[part], "{part}, {report_date}");
            assert_eq!(bounded[part], expected[part], "{part}, {report_date}");
        }
    }
}

/// SQL that replaces the `report_date` of the views by an expression over the column `day`.
fn redated(report_date: &str) -> String {
    let views = ["kpi_summary", "kpi_series", "contract_extremes_by_kpi", "portfolio_assets"];
    let redated = views.map(|view| {
        format!(
            "ALTER MATERIALIZED VIEW utils_statistics.trades_{view}_mv RENAME COLUMN report_date TO day;
             ALTER MATERIALIZED VIEW utils_statistics.trades_{view}_mv RENAME TO {view};
             CREATE VIEW utils_statistics.trades_{view}_mv AS
               SELECT *, {report_date} AS report_date FROM utils_statistics.{view} AS kept;"
        )
    });
    redated.concat()
}

#[tokio::test]
async fn a_displayed_value_can_be_null_and_is_a_text_unless_its_column_is_numeric() {
    for (column, displayed, drops) in [
        ("NULL::text", Value::Null, 0),
        ("'NaN'::text", json!("NaN"), 0),
        ("'NaN'::numeric", Value::Null, 1),
        ("'-Infinity'::float8", Value::Null, 1),
        ("4028.5::numeric", json!("4028.5"), 0),
        ("1234567::real", json!("1234567"), 0),
        ("'1e6'::text", json!("1e6"), 0),
    ] {
        let database = views_of("").await;
        database
            .execute(&format!(
                "DROP MATERIALIZED VIEW utils_statistics.trades_kpi_summary_mv;
                 CREATE MATERIALIZED VIEW utils_statistics.trades_kpi_summary_mv AS
                   SELECT 'Daily PnL' AS kpi_name, {column} AS display_value, date '2026-02-11' AS report_date"
            ))
            .await;
        let report = report_on(&database, DAY).await;
        assert_eq!(report["days"][0]["displayed"], displayed, "{column}");
        assert_eq!(dropped(&report, "kpis", "not_finite"), drops, "{column}");
        assert_eq!(dropped(&report, "kpis", "no_value"), 0, "{column}");
    }
}

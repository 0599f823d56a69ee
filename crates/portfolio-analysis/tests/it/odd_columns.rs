//! What the views may hold, column by column, on a real Postgres.

use serde_json::{Value, json};
use trigger_core::task::Task;

use super::support::{DAY, left_out, report_on, task, views, views_of, views_with};

/// An item of the extremes: what names it, then what counts.
fn item(kpi: &str, side: &str, trade: i64, rest: &str) -> String {
    format!("('2026-02-11', '{kpi}', '{side}', 1, {trade}, 'A', 'C{trade}', {rest})")
}

const ITEM: &str = "INSERT INTO utils_statistics.trades_contract_extremes
  (report_date, kpi_name, side, rank, trade_id, symbol, contract_name, individual_pnl, cost_basis, qty, mid_mark_pnl, liquidity_drag, mid_ts) VALUES ";

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

/// SQL that makes the views anew with other types.
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
async fn numbers_may_be_integers_and_single_floats_and_mean_what_they_show() {
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
async fn values_that_are_no_amounts_are_left_out_and_counted() {
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
        assert_eq!(left_out(&report, "series", reason), 1, "{value}: {}", report["coverage"]);
        assert_eq!(report["intraday"]["figures"]["points"], 0, "{value}");
    }
}

#[tokio::test]
async fn times_are_instants_whatever_their_spelling_and_others_are_left_out_and_counted() {
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
        assert_eq!(left_out(&report, "series", "no_time"), u64::from(shown.is_none()), "{time}");
    }
}

/// A database whose series is one point.
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
async fn rows_whose_report_date_is_no_day_are_not_there() {
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
        let report = super::support::report(&database, json!({})).await;
        assert_eq!(report["date"], "2026-02-11", "{kind}");
        assert_eq!(report["days"], json!([report["days"][0]]), "{kind}: {}", report["days"]);
        assert_eq!(report["days"][0]["displayed_pnl"], 1.0, "{kind}");
    }
}

#[tokio::test]
async fn rows_of_any_time_of_a_day_count_for_the_day() {
    let plain = views_with(&[DAY.yesterday().expect("a day before"), DAY]).await;
    let expected = super::support::report(&plain, json!({})).await;
    for report_date in [
        "day + time '21:30'",
        "day + length(kept::text) % 24 * interval '1 h'",
        "(day + time '23:59:59.999999') AT TIME ZONE 'UTC'",
        "' ' || day::text || 'T21:30:00-05:00'",
    ] {
        let database = views_with(&[DAY.yesterday().expect("a day before"), DAY]).await;
        database.execute(&redated(report_date)).await;
        let latest = super::support::report(&database, json!({})).await;
        let bounded = report_on(&database, DAY).await;
        for part in ["date", "days", "total", "change", "intraday", "losers", "coverage"] {
            assert_eq!(latest[part], expected[part], "{part}, {report_date}");
            assert_eq!(bounded[part], expected[part], "{part}, {report_date}");
        }
    }
}

/// SQL that gives the views another `report_date`, computed from the `day` of a row.
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
async fn of_the_rows_of_one_contract_the_newest_is_taken_and_ties_fall_to_the_first_name() {
    let rows = [
        item("Delta", "hi", 1, "1, 10, 1, 1, 0, '2026-02-11 20:00+00'"),
        item("Alpha", "hi", 1, "2, 10, 1, 1, 0, NULL"),
        item("Zeta", "lo", 1, "3, 10, 1, 1, 0, '2026-02-11 20:01+00'"),
        item("Gamma", "lo", 2, "5, 10, 1, 1, 0, NULL"),
        item("Beta", "lo", 2, "6, 10, 1, 1, 0, NULL"),
        item("Beta", "hi", 2, "7, 10, 1, 1, 0, NULL"),
    ];
    let database = views_of(&format!(
        "{ITEM}{}; INSERT INTO utils_statistics.trades_portfolio_assets VALUES ('2026-02-11', 1, 'A', 'C1'), ('2026-02-11', 2, 'B', 'C2')",
        rows.join(",")
    ))
    .await;
    let report = report_on(&database, DAY).await;
    assert_eq!(report["symbols"][0]["figures"]["pnl"], 3.0);
    assert_eq!(report["symbols"][1]["figures"]["pnl"], 7.0);
}

#[tokio::test]
async fn a_number_that_is_missing_takes_only_what_needs_it_along() {
    let rows = [
        item("K", "hi", 1, "10, 100, 1, 11, -1, NULL"),
        item("K", "hi", 2, "-4, NULL, 2, -3, -1, NULL"),
        item("K", "hi", 3, "'NaN', -50, NULL, NULL, NULL, NULL"),
    ];
    let holdings = "('2026-02-11', 1, 'A', 'C1'), ('2026-02-11', 2, 'A', 'C2'), ('2026-02-11', 3, 'A', ' C3 '), ('2026-02-11', 4, 'A', 'C4')";
    let database = views_of(&format!(
        "{ITEM}{}; INSERT INTO utils_statistics.trades_portfolio_assets VALUES {holdings}",
        rows.join(",")
    ))
    .await;
    let report = report_on(&database, DAY).await;
    let total = &report["total"];
    let figures = |names: &[&str]| names.iter().map(|name| total[*name].clone()).collect::<Vec<Value>>();
    assert_eq!(
        figures(&["positions", "priced", "winners", "losers", "flat"]),
        [4, 2, 1, 1, 0].map(Value::from)
    );
    assert_eq!(
        figures(&["pnl", "cost_basis", "gross_cost_basis", "quantity"]),
        [6.0, 50.0, 150.0, 3.0].map(Value::from)
    );
    // Of the first position alone: the others lack one or the other.
    assert_eq!(
        figures(&["return_pct", "liquidity_drag", "liquidity_drag_pct"]),
        [10.0, -2.0, -1.0].map(Value::from)
    );
    assert_eq!(left_out(&report, "extremes", "not_finite"), 1);
    // A number that is absent is no loss.
    assert_eq!(left_out(&report, "extremes", "no_value"), 0);
    assert_eq!(report["losers"][0]["return_pct"], Value::Null);
}

#[tokio::test]
async fn a_day_with_a_displayed_value_alone_gives_a_report_that_says_so() {
    let database = views_of(
        "INSERT INTO utils_statistics.trades_kpi_summary VALUES ('2026-02-11', 'Daily PnL', '—', 1)",
    )
    .await;
    let report = report_on(&database, DAY).await;
    let notes = report["notes"].to_string();
    for words in [
        "hold no positions for 2026-02-11",
        "no series of Daily PnL",
        "shows no amount",
        "no earlier day",
        "1 of the 30",
    ] {
        assert!(notes.contains(words), "{words:?} is not in {notes}");
    }
    assert_eq!(report["total"]["pnl"], Value::Null);
    assert_eq!(report["total"]["positions"], 0);
    assert_eq!(report["days"][0]["displayed"], "—");
    assert_eq!(report["change"], Value::Null);
}

#[tokio::test]
async fn a_series_without_signs_and_a_day_before_without_positions_are_told() {
    let database = views_of(
        "INSERT INTO utils_statistics.trades_kpi_summary VALUES ('2026-02-11', 'Daily PnL', '-$5.00', 1), ('2026-02-10', 'Daily PnL', '—', 1);
         INSERT INTO utils_statistics.trades_kpi_series VALUES ('2026-02-11', 'Daily PnL', '2026-02-11 15:00+00', 5, NULL);
         INSERT INTO utils_statistics.trades_portfolio_assets VALUES ('2026-02-11', 1, 'A', 'C')",
    )
    .await;
    let notes = |report: &Value| report["notes"].to_string();
    let told = notes(&report_on(&database, DAY).await);
    assert!(told.contains("sizes without a sign") && told.contains("all count as opened"), "{told}");
    database
        .execute(
            "UPDATE utils_statistics.trades_kpi_series SET value = -5;
             INSERT INTO utils_statistics.trades_portfolio_assets VALUES ('2026-02-10', 2, 'A', 'C')",
        )
        .await;
    database.execute(sample::REFRESH).await;
    let told = notes(&report_on(&database, DAY).await);
    assert!(!told.contains("sizes without a sign") && !told.contains("all count as opened"), "{told}");
}

#[tokio::test]
async fn names_of_every_kind_stay_as_they_are() {
    let database = views().await;
    let names = ["日本語", "it's \"quoted\" \\", "__proto__", "<script>", "{first}", "😀"];
    let rows: Vec<String> =
        (1..).zip(names).map(|(id, name)| format!("('2026-02-11', {id}, $n$ {name} $n$, 'C')")).collect();
    database
        .execute(&format!("INSERT INTO utils_statistics.trades_portfolio_assets VALUES {}", rows.join(",")))
        .await;
    database.execute(sample::REFRESH).await;
    let report = report_on(&database, DAY).await;
    let mut symbols: Vec<&str> = report["symbols"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|symbol| symbol["symbol"].as_str())
        .collect();
    let mut expected = names.to_vec();
    symbols.sort_unstable();
    expected.sort_unstable();
    assert_eq!(symbols, expected);
}

#[tokio::test]
async fn positions_without_a_symbol_are_a_group_of_their_own() {
    let rows = [
        item("K", "hi", 1, "10, 100, 1, 11, -1, NULL"),
        item("K", "hi", 2, "-4, 300, 2, -3, -1, NULL"),
        item("K", "lo", 3, "-6, 100, 3, -5, -1, NULL"),
    ];
    let database = views_of(&format!(
        "{ITEM}{}; INSERT INTO utils_statistics.trades_portfolio_assets VALUES ('2026-02-11', 1, 'A', 'C1'),
           ('2026-02-11', 2, NULL, 'C2'), ('2026-02-11', 3, '  ', 'C3'), ('2026-02-11', 1, NULL, 'C1'), ('2026-02-10', 2, NULL, 'C2')",
        rows.join(",")
    ))
    .await;
    let report = report_on(&database, DAY).await;
    let symbols: Vec<&Value> =
        report["symbols"].as_array().expect("a list").iter().map(|group| &group["symbol"]).collect();
    assert_eq!(symbols, [&json!("A"), &Value::Null]);
    let group = &report["symbols"][1];
    assert_eq!(group["figures"]["positions"], 2);
    assert_eq!(group["figures"]["pnl"], -10.0);
    assert_eq!(group["cost_basis_share_pct"], 80.0);
    assert_eq!((&report["total"]["positions"], &report["total"]["pnl"]), (&json!(3), &json!(0.0)));
    assert_eq!((&report["change"]["opened"], &report["change"]["held"]), (&json!(2), &json!(1)));
    assert_eq!(report["losers"][0]["symbol"], Value::Null);
    assert_eq!(left_out(&report, "portfolio", "no_name"), 0);
    assert_eq!(left_out(&report, "portfolio", "repeated"), 1, "the one with a symbol is kept");
    let page = task("").page(&report).expect("it is a report");
    assert!(page.contains(">no symbol</th>") && page.contains("1 symbols"), "{page}");
}

#[tokio::test]
async fn a_displayed_value_may_be_absent_and_is_a_text_unless_its_column_is_numeric() {
    for (column, displayed, lost) in [
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
        assert_eq!(left_out(&report, "kpis", "not_finite"), lost, "{column}");
        assert_eq!(left_out(&report, "kpis", "no_value"), 0, "{column}");
    }
}

#[tokio::test]
async fn values_at_the_limits_of_doubles_neither_fail_a_statement_nor_give_a_figure_that_is_none() {
    let database = views_of(
        "INSERT INTO utils_statistics.trades_kpi_series VALUES ('2026-02-11', 'Daily PnL', '2026-02-11 15:00+00', 1.7e308, NULL),
           ('2026-02-11', 'Daily PnL', '2026-02-11 15:05+00', -1.7e308, NULL), ('2026-02-11', 'Daily PnL', '2026-02-11 15:10+00', 4.9e-324, NULL);
         INSERT INTO utils_statistics.trades_portfolio_assets VALUES ('2026-02-11', 1, 'A', 'C1'), ('2026-02-11', 2, 'B', 'C2')",
    )
    .await;
    let rows = [
        item("K", "hi", 1, "1.7e308, -1.7e308, 1, 1e200, 1e-320, NULL"),
        item("K", "hi", 2, "5, 10, 2, 1e-200, 1e-300, NULL"),
    ];
    database.execute(&format!("{ITEM}{}", rows.join(","))).await;
    database.execute(sample::REFRESH).await;
    let report = report_on(&database, DAY).await;
    assert_eq!(report["intraday"]["figures"]["high"], 1.7e308);
    assert_eq!(report["intraday"]["figures"]["max_drawdown"], Value::Null, "it is no finite number");
    assert_eq!(report["winners"][0]["pnl"], 1.7e308);
    assert_eq!(report["symbols"][1]["figures"]["pnl"], 5.0, "the sums of the other symbol are known");
    assert_eq!(
        [&report["total"]["pnl"], &report["total"]["cost_basis"], &report["total"]["mid_mark_pnl"]],
        [&Value::Null; 3]
    );
    assert_eq!(report["total"]["liquidity_drag"], 0.0);
    assert_eq!(report["total"]["winners"], 2);
    assert_eq!(report["symbol_concentration"]["pnl"]["hhi"], Value::Null);
    let page = task("").page(&report).expect("it is a report");
    assert!(page.contains("too large to plot"), "{page}");
}

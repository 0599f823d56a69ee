//! Rows, their keys and their names.

use serde_json::{Value, json};

use super::{column, ship, shipped};
use crate::support::{SyncCommand, views};

#[tokio::test]
async fn the_later_of_two_rows_with_one_key_is_stored_and_the_earlier_is_counted() {
    let (stored, outcome) = shipped(
        "INSERT INTO utils_statistics.trades_kpi_summary VALUES
           ('2026-02-11', 'Delta', '1', 1), ('2026-02-11', 'Gamma', '5', 2), ('2026-02-11', ' Delta ', '2', 3);
         INSERT INTO utils_statistics.trades_kpi_series VALUES
           ('2026-02-11', 'Delta', '2026-02-11 09:31+00', 1, 'a'), ('2026-02-11', 'Delta', '2026-02-11 09:30+00', 2, 'a'),
           ('2026-02-11', 'Delta', '2026-02-11 09:31+00', 3, 'b'), ('2026-02-11', ' Delta', '2026-02-11 09:31+00', 4, 'c');
         INSERT INTO utils_statistics.trades_portfolio_assets VALUES
           ('2026-02-11', 7, 'A', 'C'), ('2026-02-11', 7, 'B', 'C'), ('2026-02-11', 7, 'A', 'D')",
    )
    .await;
    assert_eq!(column(&stored["metrics_kpi_values"], "value_text"), ["2", "5"].map(Value::from));
    assert_eq!(column(&stored["metrics_series_points"], "v"), [2.0, 4.0].map(Value::from));
    assert_eq!(column(&stored["metrics_portfolio_assets"], "symbol"), ["B", "A"].map(Value::from));
    let warnings = outcome.warnings().join("\n");
    assert!(warnings.contains("dropped 2 series rows: a repeated key, the later row is kept"), "{warnings}");
    assert!(warnings.contains("dropped 1 KPI row: a repeated key, the later row is kept"), "{warnings}");
}

#[tokio::test]
async fn unicode_quotes_and_javascript_names_are_stored_unchanged() {
    let names = ["Gewinn — täglich", "日本語", "it's \"quoted\" \\ here", "__proto__", "123", "$.a[0]", "😀"];
    let rows: Vec<String> =
        names.iter().map(|name| format!("('2026-02-11', $n${name}$n$, 'x', 1)")).collect();
    let points: Vec<String> = names
        .iter()
        .map(|name| format!("('2026-02-11', $n${name}$n$, '2026-02-11', 1, $n${name}$n$)"))
        .collect();
    let (stored, _) = shipped(&format!(
        "INSERT INTO utils_statistics.trades_kpi_summary VALUES {};
         INSERT INTO utils_statistics.trades_kpi_series VALUES {}",
        rows.join(","),
        points.join(",")
    ))
    .await;
    let mut expected = names.map(Value::from).to_vec();
    expected.sort_by(|a, b| a.as_str().cmp(&b.as_str()));
    assert_eq!(column(&stored["metrics_kpi_values"], "kpi"), expected);
    assert_eq!(column(&stored["metrics_series_points"], "kpi"), expected);
    assert_eq!(column(&stored["metrics_series_points"], "src"), expected);
}

#[tokio::test]
async fn extremes_are_ranked_by_position_and_other_sides_are_dropped() {
    let (stored, outcome) = shipped(
        "INSERT INTO utils_statistics.trades_contract_extremes (report_date, kpi_name, side, rank, trade_id, symbol, contract_name, mid_ts)
           VALUES ('2026-02-11', 'K', 'hi', 20, 2, 'A', 'second', NULL), ('2026-02-11', 'K', 'hi', 10, 1, 'A', 'first', '2026-02-11 20:00:00.25+00'),
             ('2026-02-11', 'K', 'hi', 20, 3, 'A', 'third', NULL), ('2026-02-11', 'K', 'hi', NULL, 4, 'A', 'last', NULL),
             ('2026-02-11', 'K', 'lo', 1, 5, ' A ', ' low ', NULL), ('2026-02-11', 'K', 'mid', 1, 6, 'A', 'nowhere', NULL)",
    )
    .await;
    let items = &stored["metrics_extremes_items"];
    let contracts = ["first", "second", "third", "last", "low"];
    assert_eq!(column(items, "contract_name"), contracts.map(Value::from));
    assert_eq!(column(items, "rank"), [1.0, 2.0, 3.0, 4.0, 1.0].map(Value::from));
    assert_eq!(items[0]["mid_ts"], "2026-02-11T20:00:00.250Z");
    assert_eq!(items[4]["symbol"], "A");
    let warnings = outcome.warnings().join("\n");
    assert!(warnings.contains("a side other than hi and lo; first: K, side mid"), "{warnings}");
}

#[tokio::test]
async fn columns_can_be_enums_domains_and_bounded_texts() {
    let database = views().await;
    database
        .execute(
            "CREATE TYPE side AS ENUM ('lo', 'hi'); CREATE DOMAIN money_amount AS numeric(12, 2) CHECK (VALUE < 1e9);
             DROP MATERIALIZED VIEW utils_statistics.trades_contract_extremes_by_kpi_mv;
             CREATE MATERIALIZED VIEW utils_statistics.trades_contract_extremes_by_kpi_mv AS
               SELECT 'K'::varchar(20) AS kpi_name, s::side AS side, 1::smallint AS rank, 7::numeric AS trade_id,
                 'A'::char(4) AS symbol, 'C'::name AS contract_name, 12.5::money_amount AS metric_raw, 1::real AS metric_abs,
                 NULL::numeric AS individual_pnl, NULL::numeric AS abs_individual_pnl, NULL::numeric AS percent_change,
                 NULL::numeric AS cost_basis, NULL::numeric AS qty, NULL::numeric AS bid_price, NULL::numeric AS ask_price,
                 NULL::numeric AS mid_price, NULL::timestamptz AS mid_ts, NULL::numeric AS mid_mark_pnl,
                 NULL::numeric AS liquidity_drag, date '2026-02-11' AS report_date
               FROM unnest('{hi,lo}'::text[]) AS s",
        )
        .await;
    let (stored, _) = ship(&database).await;
    let items = &stored["metrics_extremes_items"];
    assert_eq!(column(items, "side"), ["hi", "lo"].map(Value::from));
    assert_eq!(column(items, "symbol"), ["A", "A"].map(Value::from));
    assert_eq!(column(items, "metric_raw"), [12.5, 12.5].map(Value::from));
    assert_eq!(column(items, "trade_id"), [7.0, 7.0].map(Value::from));
}

#[tokio::test]
async fn rows_with_null_in_every_optional_column_are_stored() {
    let (stored, outcome) = shipped(
        "INSERT INTO utils_statistics.trades_kpi_summary VALUES ('2026-02-11', 'K', NULL, NULL);
         INSERT INTO utils_statistics.trades_kpi_series VALUES ('2026-02-11', 'K', '2026-02-11 10:00+00', 1, NULL);
         INSERT INTO utils_statistics.trades_contract_extremes (report_date, kpi_name, side, trade_id, contract_name)
           VALUES ('2026-02-11', 'K', 'lo', 7, 'C');
         INSERT INTO utils_statistics.trades_portfolio_assets VALUES ('2026-02-11', 7, NULL, 'C')",
    )
    .await;
    for table in
        ["metrics_kpi_values", "metrics_series_points", "metrics_extremes_items", "metrics_portfolio_assets"]
    {
        assert_eq!(stored[table].as_array().map(Vec::len), Some(1), "{table}: {stored}");
    }
    assert_eq!(outcome.summary()["dropped"], json!(0), "{outcome:#?}");
    assert!(!outcome.stderr.contains("dropped 1"), "{outcome:#?}");
}

#[tokio::test]
async fn a_day_without_storable_rows_is_reported_differently_from_a_day_without_rows() {
    let database = views().await;
    database
        .execute(
            "INSERT INTO utils_statistics.trades_kpi_series VALUES ('2026-02-11', 'K', NULL, 1, 'real');
             REFRESH MATERIALIZED VIEW utils_statistics.trades_kpi_series_mv;",
        )
        .await;
    let call = SyncCommand::run(&["--sink", "sqlite"]).database(&database);
    call.fails(4, &["the only row that the views have for 2026-02-11", "the stored day is unchanged"]).await;
}

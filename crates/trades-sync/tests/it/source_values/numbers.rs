//! Numbers and ids.

use serde_json::{Value, json};

use super::{column, ship, shipped};
use crate::support::views;

#[tokio::test]
async fn numbers_come_from_numeric_float_integer_and_text_columns() {
    for kind in ["numeric", "double precision", "real", "bigint", "integer", "text"] {
        let database = views().await;
        database
            .execute(&format!(
                "DROP MATERIALIZED VIEW utils_statistics.trades_kpi_series_mv;
                 CREATE MATERIALIZED VIEW utils_statistics.trades_kpi_series_mv AS
                   SELECT 'Delta' AS kpi_name, timestamptz '2026-02-11 09:30+00' AS ts, '-42'::{kind} AS value,
                     'live' AS source, date '2026-02-11' AS report_date"
            ))
            .await;
        let (stored, _) = ship(&database).await;
        assert_eq!(column(&stored["metrics_series_points"], "v"), [json!(-42.0)], "{kind}");
    }
}

#[tokio::test]
async fn every_digit_of_a_double_is_stored() {
    let (stored, _) = shipped(
        "INSERT INTO utils_statistics.trades_kpi_series
           SELECT '2026-02-11', 'K', '2026-02-11'::timestamptz + i * interval '1 s', v::float8, NULL
           FROM unnest(ARRAY['0.1', '129.57981212950529', '1e-79', '1.2345678901234567e114',
             '-0.30000000000000004', '123456789012345680', '4503599627370497.5']) WITH ORDINALITY AS x(v, i)",
    )
    .await;
    let expected = [
        0.1,
        129.579_812_129_505_29,
        1e-79,
        1.234_567_890_123_456_7e114,
        -0.300_000_000_000_000_04,
        123_456_789_012_345_680.0,
        4_503_599_627_370_497.5,
    ];
    assert_eq!(column(&stored["metrics_series_points"], "v"), expected.map(Value::from));
}

#[tokio::test]
async fn points_without_a_number_are_dropped_and_counted_and_nulls_of_optional_columns_are_not() {
    let (stored, outcome) = shipped(
        "INSERT INTO utils_statistics.trades_kpi_series VALUES
           ('2026-02-11', 'K', '2026-02-11 10:00+00', NULL, 'a'), ('2026-02-11', 'K', '2026-02-11 10:01+00', 'NaN', 'a'),
           ('2026-02-11', 'K', '2026-02-11 10:02+00', 'Infinity', 'a'), ('2026-02-11', 'K', '2026-02-11 10:03+00', '-Infinity', 'a'),
           ('2026-02-11', 'K', '2026-02-11 10:04+00', 0, 'a');
         INSERT INTO utils_statistics.trades_kpi_summary VALUES ('2026-02-11', 'No value', NULL, 1), ('2026-02-11', 'Value', '—', 2);
         INSERT INTO utils_statistics.trades_contract_extremes (report_date, kpi_name, side, rank, trade_id, contract_name, metric_raw, metric_abs, qty)
           VALUES ('2026-02-11', 'K', 'hi', 1, 7, 'C', 'NaN', 1.5, NULL)",
    )
    .await;
    assert_eq!(column(&stored["metrics_series_points"], "v"), [json!(0.0)]);
    assert_eq!(column(&stored["metrics_kpi_values"], "kpi"), ["No value", "Value"].map(Value::from));
    assert_eq!(column(&stored["metrics_kpi_values"], "value_text"), ["", "—"].map(Value::from));
    let item = &stored["metrics_extremes_items"][0];
    assert_eq!(item["item_json"], json!({ "trade_id": 7.0, "contract_name": "C", "metric_abs": 1.5 }));
    assert_eq!(
        (&item["metric_raw"], &item["qty"], &item["symbol"]),
        (&Value::Null, &Value::Null, &Value::Null)
    );
    let warnings = outcome.warnings().join("\n");
    for line in [
        "dropped 3 series rows: not a finite number; first: K at 2026-02-11T10:01:00.000Z",
        "dropped 1 series row: no value; first: K at 2026-02-11T10:00:00.000Z",
        "dropped 1 extremes number: not a finite number; first: K, trade 7, metric_raw",
    ] {
        assert!(warnings.contains(line), "{line}: {warnings}");
    }
    assert!(!warnings.contains("KPI"), "{warnings}");
    assert_eq!(outcome.summary()["dropped"], json!(5), "{warnings}");
}

#[tokio::test]
async fn ids_up_to_2_to_the_53_are_kept_and_others_are_dropped_by_name() {
    let (stored, outcome) = shipped(
        "INSERT INTO utils_statistics.trades_portfolio_assets VALUES
           ('2026-02-11', 9007199254740992, 'A', 'at the limit'), ('2026-02-11', 9007199254740993, 'A', 'past the limit'),
           ('2026-02-11', -9007199254740992, 'A', 'at the other limit'), ('2026-02-11', NULL, 'A', 'no id'),
           ('2026-02-11', 5, NULL, 'no symbol'), ('2026-02-11', 6, 'A', '  ')",
    )
    .await;
    let ids = [-9_007_199_254_740_992.0, 5.0, 9_007_199_254_740_992.0].map(Value::from);
    assert_eq!(column(&stored["metrics_portfolio_assets"], "trade_id"), ids);
    assert_eq!(column(&stored["metrics_portfolio_assets"], "symbol"), [json!("A"), Value::Null, json!("A")]);
    let warnings = outcome.warnings().join("\n");
    assert!(warnings.contains("above 2^53; first: past the limit, trade 9007199254740993"), "{warnings}");
    assert!(warnings.contains("dropped 1 portfolio row: no name"), "{warnings}");
    assert_eq!(outcome.summary()["dropped"], json!(3), "{warnings}");
}

#[tokio::test]
async fn an_invalid_time_and_a_metric_that_is_not_finite_are_dropped_from_a_stored_item() {
    let (stored, outcome) = shipped(
        "INSERT INTO utils_statistics.trades_contract_extremes (report_date, kpi_name, side, trade_id, contract_name, mid_ts, qty, metric_raw)
           VALUES ('2026-02-11', 'K', 'lo', 7, 'C', 'infinity', 3, 'NaN')",
    )
    .await;
    let item = &stored["metrics_extremes_items"][0];
    assert_eq!(
        (&item["qty"], &item["mid_ts"], &item["metric_raw"]),
        (&json!(3.0), &Value::Null, &Value::Null)
    );
    assert_eq!(outcome.summary()["dropped"], json!(2), "{outcome:#?}");
}

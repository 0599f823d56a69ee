//! The displayed values of KPIs.

use serde_json::{Value, json};

use super::{column, ship};
use crate::support::views;

#[tokio::test]
async fn a_displayed_float_keeps_its_number_whatever_format_postgres_displays() {
    for (value, text, number) in [
        ("1234567::real", "1234567", json!(1_234_567.0)),
        ("1.5e15::double precision", "1500000000000000", json!(1.5e15)),
        ("0.00005::double precision", "0.00005", json!(0.00005)),
        ("1234567::price", "1234567", json!(1_234_567.0)),
        ("'1e6'::text", "1e6", Value::Null),
    ] {
        let database = views().await;
        database
            .execute(&format!(
                "CREATE DOMAIN amount AS real; CREATE DOMAIN price AS amount;
                 DROP MATERIALIZED VIEW utils_statistics.trades_kpi_summary_mv;
                 CREATE MATERIALIZED VIEW utils_statistics.trades_kpi_summary_mv AS
                   SELECT 'K' AS kpi_name, {value} AS display_value, NULL::integer AS sort_order, date '2026-02-11' AS report_date"
            ))
            .await;
        let (stored, _) = ship(&database).await;
        assert_eq!(column(&stored["metrics_kpi_values"], "value_text"), [json!(text)], "{value}");
        assert_eq!(column(&stored["metrics_kpi_values"], "value_num"), [number], "{value}");
    }
}

#[tokio::test]
async fn a_displayed_value_is_a_text_unless_its_column_is_numeric() {
    for (value, text, dropped) in [
        ("'NaN'::text", "NaN", 0),
        ("'NaN'::numeric", "", 1),
        ("'-Infinity'::double precision", "", 1),
        ("NULL::numeric", "", 0),
        ("NULL::text", "", 0),
        ("72.50::numeric", "72.50", 0),
    ] {
        let database = views().await;
        database
            .execute(&format!(
                "DROP MATERIALIZED VIEW utils_statistics.trades_kpi_summary_mv;
                 CREATE MATERIALIZED VIEW utils_statistics.trades_kpi_summary_mv AS
                   SELECT 'K' AS kpi_name, {value} AS display_value, NULL::integer AS sort_order, date '2026-02-11' AS report_date"
            ))
            .await;
        let (stored, outcome) = ship(&database).await;
        assert_eq!(column(&stored["metrics_kpi_values"], "value_text"), [json!(text)], "{value}");
        assert_eq!(outcome.summary()["dropped"], json!(dropped), "{value}: {outcome:#?}");
    }
}

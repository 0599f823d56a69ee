//! Times, and the day that a row belongs to.

use serde_json::{Value, json};

use super::{column, ship, shipped};
use crate::support::{SyncCommand, views};

#[tokio::test]
async fn points_within_one_millisecond_are_distinct() {
    let (stored, _) = shipped(
        "INSERT INTO utils_statistics.trades_kpi_series VALUES
           ('2026-02-11', 'K', '2026-02-11 09:30:00.000002+00', 2, 'a'), ('2026-02-11', 'K', '2026-02-11 09:30:00.000001+00', 1, 'a'),
           ('2026-02-11', 'K', '2026-02-11 09:30:00+00', 0, 'a'), ('2026-02-11', 'K', '2026-02-11 09:30:00.001+00', 3, 'a')",
    )
    .await;
    let times = [
        "2026-02-11T09:30:00.000001Z",
        "2026-02-11T09:30:00.000002Z",
        "2026-02-11T09:30:00.000Z",
        "2026-02-11T09:30:00.001Z",
    ];
    assert_eq!(column(&stored["metrics_series_points"], "t"), times.map(Value::from));
    let archived = &stored["metrics_daily"][0]["overlay_json"]["seriesByKpi"]["K"];
    assert_eq!(column(archived, "v"), [0.0, 1.0, 2.0, 3.0].map(Value::from), "points are sorted by time");
}

#[tokio::test]
async fn times_are_stored_in_utc_whatever_their_zone_and_that_of_the_server() {
    let database = views().await;
    database
        .execute(&format!(
            "ALTER DATABASE {} SET timezone = 'Asia/Kathmandu'; ALTER DATABASE {} SET datestyle = 'German';
             INSERT INTO utils_statistics.trades_kpi_series VALUES
               ('2026-02-11', 'K', '2026-02-11 04:30:00-05', 1, 'a'), ('2026-02-11', 'K', '2026-02-11 15:16:00+05:45', 2, 'a')",
            database.name, database.name
        ))
        .await;
    database.execute(sample::REFRESH).await;
    let (stored, _) = ship(&database).await;
    let times = ["2026-02-11T09:30:00.000Z", "2026-02-11T09:31:00.000Z"];
    assert_eq!(column(&stored["metrics_series_points"], "t"), times.map(Value::from));
}

#[tokio::test]
async fn times_without_a_zone_are_in_utc_and_text_times_are_stored_unchanged() {
    let cases = [
        ("timestamp '2026-02-11 09:30:00.5'", Some("2026-02-11T09:30:00.500Z")),
        ("date '2026-02-11'", Some("2026-02-11T00:00:00.000Z")),
        ("text '2026-02-11T09:30:00Z'", Some("2026-02-11T09:30:00Z")),
        ("text '2026-02-11 09:30:00.123456+05:30 '", Some("2026-02-11 09:30:00.123456+05:30")),
        ("text 'half past nine'", None),
        ("timestamptz 'infinity'", None),
        ("NULL::timestamptz", None),
    ];
    for (ts, expected) in cases {
        let database = views().await;
        database
            .execute(&format!(
                "INSERT INTO utils_statistics.trades_kpi_summary VALUES ('2026-02-11', 'K', '1', 1);
                 REFRESH MATERIALIZED VIEW utils_statistics.trades_kpi_summary_mv;
                 DROP MATERIALIZED VIEW utils_statistics.trades_kpi_series_mv;
                 CREATE VIEW utils_statistics.trades_kpi_series_mv AS
                   SELECT 'K' AS kpi_name, {ts} AS ts, 1.5 AS value, NULL::text AS source, date '2026-02-11' AS report_date"
            ))
            .await;
        let (stored, outcome) = ship(&database).await;
        assert_eq!(
            column(&stored["metrics_series_points"], "t"),
            expected.map(Value::from).as_slice(),
            "{ts}"
        );
        let is_reported = outcome.warnings().iter().any(|line| line.contains(": no readable time"));
        assert_eq!(is_reported, expected.is_none(), "{ts}: {outcome:#?}");
    }
}

#[tokio::test]
async fn a_row_belongs_to_the_day_of_its_timestamp_or_at_the_beginning_of_its_text() {
    for (kind, on_the_day, others) in [
        ("date", &["2026-02-11"][..], &["2026-02-10", "2026-02-12"][..]),
        (
            "timestamp",
            &["2026-02-11", "2026-02-11 21:30", "2026-02-11 23:59:59.999999"],
            &["2026-02-10 23:59:59.999999", "2026-02-12"],
        ),
        (
            "timestamptz",
            &["2026-02-11 00:00+00", "2026-02-11 21:30+00", "2026-02-12 01:00+05"],
            &["2026-02-11 21:30-05", "2026-02-11 01:00+05"],
        ),
        (
            "text",
            &["2026-02-11", " 2026-02-11", "2026-02-11T21:30:00Z"],
            &["20260211", "2026-2-11", "2026-02-12"],
        ),
    ] {
        let database = views().await;
        let rows = on_the_day.iter().chain(others).enumerate();
        let rows: Vec<String> =
            rows.map(|(place, day)| format!("('K{place}', {place}, {place}, '{day}'::{kind})")).collect();
        database
            .execute(&format!(
                "DROP MATERIALIZED VIEW utils_statistics.trades_kpi_summary_mv;
                 CREATE MATERIALIZED VIEW utils_statistics.trades_kpi_summary_mv AS
                   SELECT * FROM (VALUES {}) AS v (kpi_name, display_value, sort_order, report_date)",
                rows.join(", ")
            ))
            .await;
        let (stored, outcome) = ship(&database).await;
        let expected: Vec<Value> = (0..on_the_day.len()).map(|place| json!(format!("K{place}"))).collect();
        assert_eq!(column(&stored["metrics_kpi_values"], "kpi"), expected, "{kind}");
        assert_eq!(outcome.summary()["dropped"], json!(0), "{kind}");
        let check = SyncCommand::new(&["check", "--sink", "sqlite"]).database(&database).succeeds().await;
        let named = check.stdout.contains(&format!("; its report_date is of type {kind}, not date"));
        assert_eq!(named, kind != "date", "{check:#?}");
    }
}

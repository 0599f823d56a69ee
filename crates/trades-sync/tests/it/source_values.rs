//! What the views may hold, column by column, on a real Postgres.

use serde_json::{Value, json};
use testkit::postgres::Database;

use crate::support::{Outcome, Sync, views};

/// Ships what the statements put into the base tables; gives the stored tables and the run.
async fn shipped(statements: &str) -> (Value, Outcome) {
    let database = views().await;
    database.execute(statements).await;
    database.execute(sample::REFRESH).await;
    ship(&database).await
}

async fn ship(database: &Database) -> (Value, Outcome) {
    let call = Sync::run(&["--sink", "sqlite"]).database(database);
    let outcome = call.succeeds().await;
    (call.stored().await, outcome)
}

fn column(table: &Value, name: &str) -> Vec<Value> {
    table.as_array().expect("a table").iter().map(|row| row[name].clone()).collect()
}

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
async fn every_digit_of_a_double_arrives() {
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
async fn points_without_a_number_are_dropped_and_counted_and_nulls_of_optional_columns_are_no_loss() {
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
async fn microseconds_within_one_millisecond_stay_apart() {
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
    assert_eq!(
        column(archived, "v"),
        [0.0, 1.0, 2.0, 3.0].map(Value::from),
        "points are in the order of time"
    );
}

#[tokio::test]
async fn times_are_utc_whatever_zone_they_were_written_in_or_the_server_is_set_to() {
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
async fn times_without_a_zone_are_utc_and_text_times_stay_as_they_are() {
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
        let told = outcome.warnings().iter().any(|line| line.contains(": no readable time"));
        assert_eq!(told, expected.is_none(), "{ts}: {outcome:#?}");
    }
}

#[tokio::test]
async fn the_later_of_two_rows_with_one_key_wins_and_the_earlier_is_counted() {
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
    assert!(
        warnings.contains("dropped 2 series rows: a repeated key, of which the later row is kept"),
        "{warnings}"
    );
    assert!(
        warnings.contains("dropped 1 KPI row: a repeated key, of which the later row is kept"),
        "{warnings}"
    );
}

#[tokio::test]
async fn unicode_quotes_and_javascript_names_survive() {
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
    assert!(warnings.contains("past 2^53; first: past the limit, trade 9007199254740993"), "{warnings}");
    assert!(warnings.contains("dropped 1 portfolio row: no name"), "{warnings}");
    assert_eq!(outcome.summary()["dropped"], json!(3), "{warnings}");
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
async fn a_row_belongs_to_the_day_of_its_timestamp_or_the_one_its_text_begins_with() {
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
        let check = Sync::new(&["check", "--sink", "sqlite"]).database(&database).succeeds().await;
        let named = check.stdout.contains(&format!("; its report_date is of type {kind}, not date"));
        assert_eq!(named, kind != "date", "{check:#?}");
    }
}

#[tokio::test]
async fn a_displayed_float_keeps_its_number_however_postgres_shows_it() {
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
async fn columns_may_be_enums_domains_and_bounded_texts() {
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

#[tokio::test]
async fn what_is_optional_may_be_null_in_every_column_and_every_row_is_stored() {
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
async fn an_unreadable_price_time_and_a_metric_that_is_no_number_are_lost_numbers_of_a_stored_item() {
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

#[tokio::test]
async fn a_day_of_which_nothing_can_be_stored_is_told_from_a_day_without_rows() {
    let database = views().await;
    database
        .execute(
            "INSERT INTO utils_statistics.trades_kpi_series VALUES ('2026-02-11', 'K', NULL, 1, 'real');
             REFRESH MATERIALIZED VIEW utils_statistics.trades_kpi_series_mv;",
        )
        .await;
    let call = Sync::run(&["--sink", "sqlite"]).database(&database);
    call.fails(4, &["none of the 1 rows", "2026-02-11", "what is stored stays"]).await;
}

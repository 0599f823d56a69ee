//! Generated days: SQL stores the expected rows, and a document is read as it was written.

use std::path::Path;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use trades_sync::domain::{Snapshot, body_json, differences, normalize, tables};
use trades_sync::sink::{Sink, SinkReader, SqliteSink};

/// Names of any characters. Some are likely to be repeated.
fn name() -> impl Strategy<Value = String> + Clone {
    prop_oneof![3 => "[a-c]", 2 => "[\\PC&&\\S]{1,6}", 1 => "\\PC{0,3}[\"'\\\\$.\\[\\]0-9 ]{0,3}x"]
}

/// Numbers in the range that SQLite reads exactly (ADR 1).
fn number() -> impl Strategy<Value = f64> + Clone {
    let any = any::<f64>().prop_filter("in range", |number| (1e-80..1e115).contains(&number.abs()));
    prop_oneof![Just(0.0), (-1_000_000..1_000_000_i32).prop_map(f64::from), -1e6..1e6, any]
}

fn moment() -> impl Strategy<Value = String> + Clone {
    (1..=28_u8, 0..24_u8, 0..60_u8, option::of(0..1_000_000_u32)).prop_map(|(day, hour, minute, micros)| {
        match micros {
            Some(micros) => format!("2026-02-{day:02}T{hour:02}:{minute:02}:00.{micros:06}Z"),
            None => format!("2026-02-{day:02} {hour:02}:{minute:02}"),
        }
    })
}

fn rows() -> impl Strategy<Value = Value> {
    let value = prop_oneof![
        number().prop_map(Value::from),
        "[-+$]?[0-9]{1,3}(,[0-9]{3}){0,2}(\\.[0-9]+)?%?".prop_map(Value::from),
        name().prop_map(Value::from)
    ];
    vec((name(), value), 1..6)
        .prop_map(|rows| rows.into_iter().map(|(kpi, value)| json!({ "kpi": kpi, "value": value })).collect())
}

fn keyed(value: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
    vec((name(), value), 0..4).prop_map(|entries| Value::Object(entries.into_iter().collect::<Map<_, _>>()))
}

fn points() -> impl Strategy<Value = Value> {
    let point = (moment(), number(), option::of(name()))
        .prop_map(|(t, v, src)| json!({ "t": t, "v": v, "src": src }));
    vec(point, 0..5).prop_map(Value::from)
}

fn extremes() -> impl Strategy<Value = Value> {
    let item = (0..9_i64, name(), option::of(number()), option::of(number()), option::of(moment())).prop_map(
        |(trade_id, contract_name, metric_raw, qty, mid_ts)| {
            json!({ "trade_id": trade_id, "contract_name": contract_name, "metric_raw": metric_raw, "qty": qty, "mid_ts": mid_ts, "day": "Wed" })
        },
    );
    (vec(item.clone(), 0..4), vec(item, 0..4)).prop_map(|(hi, lo)| json!({ "hi": hi, "lo": lo }))
}

fn assets() -> impl Strategy<Value = Value> {
    let id = prop_oneof![0..4_i64, Just(1 << 53), Just(-(1 << 53))];
    let asset = (id, option::of(name()), name());
    vec(asset, 0..4).prop_map(|assets| {
        assets.into_iter().map(|(id, symbol, contract)| json!({ "trade_id": id, "symbol": symbol, "contract_name": contract })).collect()
    })
}

fn document() -> impl Strategy<Value = Value> {
    (rows(), keyed(points()), keyed(extremes()), assets()).prop_map(|(rows, series, extremes, assets)| {
        json!({
            "date": "2026-02-11", "updated_at": "2026-02-11T14:00:00.000Z", "rows": rows,
            "overlay": { "seriesByKpi": series, "extremes": { "byKpi": extremes }, "portfolioAssets": assets },
        })
    })
}

async fn stored_differences(path: &Path, snapshot: &Snapshot) -> Vec<String> {
    let sink = || SqliteSink::new(path);
    Sink::Sqlite(sink()).store(snapshot).await.expect("a day of this size is stored");
    let stored = SinkReader::Sqlite(sink()).stored(snapshot.date).await.expect("it can be read");
    let tables = tables(snapshot);
    tables.iter().zip(&stored).flat_map(|(expected, stored)| differences(expected, stored).lines).collect()
}

#[test]
fn sql_stores_the_expected_rows_and_documents_are_read_as_they_were_written() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let folder = tempfile::tempdir().expect("a folder");
    // Each day replaces the previous one, so that rows that are not deleted are found.
    let file = folder.path().join("trades.sqlite");
    proptest!(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() }, |(document in document())| {
        let snapshot = normalize(document.to_string().as_bytes()).expect("it follows the contract").snapshot;
        prop_assert_eq!(runtime.block_on(stored_differences(&file, &snapshot)), Vec::<String>::new());
        let again = normalize(&body_json(&snapshot)).expect("a written document can be read").snapshot;
        prop_assert_eq!(again, snapshot);
    });
}

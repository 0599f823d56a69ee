//! Real trading days, loaded into the views: what is stored is what the contract's rules give.

use std::path::PathBuf;

use jiff::civil::Date;
use serde_json::{Map, Value, json};
use testkit::postgres::Database;

use crate::support::{Sync, doubles, start_worker, stored_in_d1, stored_in_sqlite, views};

const NUMBERS: [&str; 12] = [
    "metric_raw",
    "metric_abs",
    "individual_pnl",
    "abs_individual_pnl",
    "percent_change",
    "cost_basis",
    "qty",
    "bid_price",
    "ask_price",
    "mid_price",
    "mid_mark_pnl",
    "liquidity_drag",
];

#[tokio::test]
async fn real_days_are_stored_as_the_contract_says() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/snapshots");
    let Ok(entries) = std::fs::read_dir(&folder) else {
        println!("no real days beside the checkout ({}): the sample days stand for them", folder.display());
        return;
    };
    let worker = start_worker().await;
    let mut days = 0;
    for entry in entries {
        let path = entry.expect("the folder can be read").path();
        let document: Value =
            serde_json::from_slice(&std::fs::read(&path).expect("it can be read")).expect("it is JSON");
        let date: Date = document["date"].as_str().expect("a date").parse().expect("a day");
        let database = loaded(&document).await;
        let call = Sync::new(&["run", "--date", &date.to_string()])
            .database(&database)
            .d1(&worker.access, &worker.access.d1_api);
        let call = call.api(&worker.access, &worker.access.worker);
        call.args(&["--sink", "api"]).succeeds().await;
        let call = Sync::new(&["run", "--sink", "sqlite", "--date", &date.to_string()]).database(&database);
        call.succeeds().await;
        let stored = stored_in_sqlite(&call.sqlite_path(), date).await;
        for (table, rows) in expected(&document) {
            assert_eq!(sorted(&stored[&table]), sorted(&rows), "{table} of {date}");
        }
        assert_eq!(stored_in_d1(&worker.access, date).await, stored, "{date}");
        days += 1;
    }
    assert!(days > 0, "{} is empty", folder.display());
}

/// A database whose views hold the document's day.
async fn loaded(document: &Value) -> Database {
    let database = views().await;
    let date = document["date"].as_str().expect("a date");
    let overlay = &document["overlay"];
    let mut connection = database.connect().await;
    for (sql, parameter) in [
        (
            "INSERT INTO utils_statistics.trades_kpi_summary
               SELECT $1::text::date, row ->> 'kpi', row ->> 'value', place
               FROM jsonb_array_elements($2::text::jsonb) WITH ORDINALITY AS rows(row, place)",
            document["rows"].clone(),
        ),
        (
            "INSERT INTO utils_statistics.trades_kpi_series
               SELECT $1::text::date, kpi, (p ->> 't')::timestamptz, (p ->> 'v')::float8, p ->> 'src'
               FROM jsonb_each($2::text::jsonb) AS series(kpi, points), jsonb_array_elements(points) AS p",
            overlay["seriesByKpi"].clone(),
        ),
        (
            "INSERT INTO utils_statistics.trades_contract_extremes
               SELECT item.* FROM jsonb_each($2::text::jsonb) AS by_kpi(kpi, sides), unnest('{hi,lo}'::text[]) AS side,
                 jsonb_array_elements(sides -> side) AS i,
                 jsonb_populate_record(NULL::utils_statistics.trades_contract_extremes,
                   i || jsonb_build_object('report_date', $1::text, 'kpi_name', kpi, 'side', side)) AS item",
            overlay["extremes"].get("byKpi").cloned().unwrap_or_else(|| json!({})),
        ),
        (
            "INSERT INTO utils_statistics.trades_portfolio_assets
               SELECT $1::text::date, (a ->> 'trade_id')::bigint, a ->> 'symbol', a ->> 'contract_name'
               FROM jsonb_array_elements($2::text::jsonb) AS a",
            overlay["portfolioAssets"].clone(),
        ),
    ] {
        sqlx::query(sql).bind(date).bind(parameter.to_string()).execute(&mut connection).await.expect(sql);
    }
    database.execute(sample::REFRESH).await;
    database
}

/// The derived tables by the contract's rules, read off the document itself.
fn expected(document: &Value) -> Vec<(String, Value)> {
    let date = &document["date"];
    let overlay = &document["overlay"];
    let kpis = array(&document["rows"]).iter().map(|row| {
        let (text, kind, number) = reading(row["value"].as_str().expect("a text"));
        json!({ "date": date, "kpi": row["kpi"], "value_text": text, "value_kind": kind, "value_num": number })
    });
    let series = object(&overlay["seriesByKpi"]).iter().flat_map(|(kpi, points)| {
        array(points).iter().map(move |point| {
            json!({ "date": date, "kpi": kpi, "t": point["t"], "v": point["v"], "src": point["src"] })
        })
    });
    let mut extremes = Vec::new();
    for (kpi, sides) in overlay["extremes"]["byKpi"].as_object().into_iter().flatten() {
        for side in ["hi", "lo"] {
            for (place, item) in array(&sides[side]).iter().enumerate() {
                extremes.push(extremes_row(date, kpi, side, place + 1, item));
            }
        }
    }
    let assets = array(&overlay["portfolioAssets"]).iter().map(|asset| {
        json!({ "date": date, "trade_id": asset["trade_id"], "symbol": asset["symbol"], "contract_name": asset["contract_name"] })
    });
    vec![
        ("metrics_kpi_values".to_owned(), doubles(kpis.collect())),
        ("metrics_series_points".to_owned(), doubles(series.collect())),
        ("metrics_extremes_items".to_owned(), doubles(extremes.into())),
        ("metrics_portfolio_assets".to_owned(), doubles(assets.collect())),
    ]
}

fn extremes_row(date: &Value, kpi: &str, side: &str, rank: usize, item: &Value) -> Value {
    let known = ["trade_id", "symbol", "contract_name", "mid_ts"].into_iter().chain(NUMBERS);
    let mut row: Map<String, Value> = known.map(|column| (column.to_owned(), item[column].clone())).collect();
    let document = row.clone().into_iter().filter(|(_, value)| !value.is_null()).collect();
    row.insert("item_json".to_owned(), Value::Object(document));
    row.insert("date".to_owned(), date.clone());
    row.insert("kpi".to_owned(), kpi.into());
    row.insert("side".to_owned(), side.into());
    row.insert("rank".to_owned(), rank.into());
    row.into()
}

/// A value's kind and number, written down once more from the contract's words.
fn reading(text: &str) -> (&str, &'static str, Option<f64>) {
    let number = |text: &str| {
        let plain = !text.is_empty() && text.chars().all(|c| c.is_ascii_digit() || "+-,.".contains(c));
        plain.then(|| text.replace(',', "").parse::<f64>().ok()).flatten()
    };
    match text.strip_suffix('%') {
        Some(before) => (text, "percent", number(before)),
        None if number(text).is_some() => (text, "number", number(text)),
        None => (text, "text", None),
    }
}

fn array(value: &Value) -> &Vec<Value> {
    value.as_array().expect("an array")
}

fn object(value: &Value) -> &Map<String, Value> {
    value.as_object().expect("an object")
}

/// Rows as texts with sorted keys, in order: sets to be compared.
fn sorted(rows: &Value) -> Vec<String> {
    let text = |row: &Value| {
        let mut cells: Vec<String> =
            object(row).iter().map(|(name, cell)| format!("{name}={}", canonical(cell))).collect();
        cells.sort();
        cells.join(" ")
    };
    let mut rows: Vec<String> = array(rows).iter().map(text).collect();
    rows.sort();
    rows
}

fn canonical(value: &Value) -> String {
    match value {
        Value::Object(entries) => {
            let mut entries: Vec<String> =
                entries.iter().map(|(key, value)| format!("{key}:{}", canonical(value))).collect();
            entries.sort();
            entries.join(",")
        }
        other => other.to_string(),
    }
}

//! Real trading days, loaded into the views: the stored rows follow the rules of the contract.

use jiff::civil::Date;
use serde_json::{Map, Value, json};
use testkit::postgres::Database;
use testkit::trading_days::{load, real_days};

use crate::support::{SyncCommand, doubles, start_worker, stored_in_d1, stored_in_sqlite, views};

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
async fn every_row_of_a_real_day_is_stored_in_every_sink_and_verified() {
    let Some(mut documents) = real_days() else {
        println!("skipped: there are no real days; sample days are tested by the other tests");
        return;
    };
    remove_a_third_of_the_symbols(&mut documents[0]);
    let (api, d1) = (start_worker().await, start_worker().await);
    for document in documents {
        let date: Date = document["date"].as_str().expect("a date").parse().expect("a day");
        let database = loaded(&document).await;
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("trades.sqlite");
        let call = |command: &str, sink: &str| {
            let call =
                SyncCommand::new(&[command, "--date", &date.to_string(), "--sink", sink]).database(&database);
            let call = call.api(&api.access, &api.access.worker).d1(&d1.access, &d1.access.d1_api);
            call.env("SQLITE_PATH", &file.display().to_string())
        };
        for sink in ["api", "d1", "sqlite"] {
            let outcome = call("run", sink).succeeds().await;
            assert_eq!(outcome.summary()["dropped"], 0, "{sink}, {date}: {outcome:#?}");
            assert_eq!(outcome.warnings(), Vec::<String>::new(), "{sink}, {date}");
            let outcome = call("verify", sink).succeeds().await;
            assert_eq!(outcome.stdout.matches(": equal").count(), 5, "{sink}, {date}: {outcome:#?}");
        }
        let stored = stored_in_sqlite(&file, date).await;
        for (table, rows) in expected(&document) {
            assert_eq!(sorted(&stored[&table]), sorted(&rows), "{table} of {date}");
        }
        assert_eq!(stored_in_d1(&api.access, date).await, stored, "{date}");
        assert_eq!(stored_in_d1(&d1.access, date).await, stored, "{date}");
    }
}

/// Removes the symbol of every third holding and item, because on other real days some have none.
fn remove_a_third_of_the_symbols(document: &mut Value) {
    let overlay = &mut document["overlay"];
    let mut holders: Vec<&mut Value> = Vec::new();
    let Value::Object(overlay) = overlay else { panic!("an overlay is an object") };
    for (field, part) in overlay {
        match field.as_str() {
            "portfolioAssets" => holders.extend(part.as_array_mut().into_iter().flatten()),
            "extremes" => holders.extend(
                part["byKpi"]
                    .as_object_mut()
                    .into_iter()
                    .flat_map(|by_kpi| by_kpi.values_mut())
                    .filter_map(Value::as_object_mut)
                    .flat_map(|sides| sides.values_mut())
                    .filter_map(Value::as_array_mut)
                    .flatten(),
            ),
            _ => {}
        }
    }
    assert!(holders.len() > 100, "only {} holdings and items", holders.len());
    for holder in holders.into_iter().step_by(3) {
        holder["symbol"] = Value::Null;
    }
}

/// A database whose views contain the document's day.
async fn loaded(document: &Value) -> Database {
    let database = views().await;
    load(&database, document).await;
    database.execute(sample::REFRESH).await;
    database
}

/// The derived tables, computed from the document by the contract's rules.
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

/// A value's kind and number, implemented a second time from the contract's rules.
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

/// Rows as sorted texts with sorted keys, so that tables are compared as sets.
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

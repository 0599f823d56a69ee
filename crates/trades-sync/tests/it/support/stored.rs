//! Reads the stored tables.

use std::path::Path;

use jiff::civil::Date;
use serde_json::{Map, Value, json};
use sqlx::sqlite::{SqliteConnectOptions, SqliteRow};
use sqlx::{AssertSqlSafe, Column, ConnectOptions, Row, TypeInfo, ValueRef};
use testkit::worker::Access;

/// The tables of a day, and the columns that order their rows.
pub(crate) const TABLES: [(&str, &str); 5] = [
    ("metrics_daily", "date"),
    ("metrics_kpi_values", "kpi"),
    ("metrics_series_points", "kpi, t"),
    ("metrics_extremes_items", "kpi, side, rank"),
    ("metrics_portfolio_assets", "trade_id, contract_name"),
];

/// The five tables of a day in a SQLite file, as `{table: [row, ...]}`; without `updated_at`.
pub(crate) async fn stored_in_sqlite(path: &Path, day: Date) -> Value {
    let mut file = SqliteConnectOptions::new().filename(path).connect().await.expect("the file exists");
    let mut tables = Map::new();
    for (table, order) in TABLES {
        let query = AssertSqlSafe(select(table, order));
        let rows =
            sqlx::query(query).bind(day.to_string()).fetch_all(&mut file).await.expect("the table exists");
        tables.insert(table.to_owned(), rows.iter().map(|row| comparable(sqlite_row(row))).collect());
    }
    Value::Object(tables)
}

/// The same tables in D1.
pub(crate) async fn stored_in_d1(access: &Access, day: Date) -> Value {
    let query = |(table, order)| json!({ "sql": select(table, order), "params": [day.to_string()] });
    let results = query_d1(access, TABLES.into_iter().map(query).collect()).await;
    let rows = |result: &Value| -> Value {
        let rows = result["results"].as_array().expect("a result has rows");
        rows.iter().map(|row| comparable(row.as_object().expect("a row is an object").clone())).collect()
    };
    TABLES
        .iter()
        .zip(&results)
        .map(|((table, _), result)| ((*table).to_owned(), rows(result)))
        .collect::<Map<_, _>>()
        .into()
}

/// Runs a batch of `{"sql", "params"}` in D1.
pub(crate) async fn query_d1(access: &Access, batch: Value) -> Vec<Value> {
    let url =
        format!("{}/accounts/{}/d1/database/{}/query", access.d1_api, access.account_id, access.database_id);
    let request = http().post(url).bearer_auth(&access.api_token).body(json!({ "batch": batch }).to_string());
    let answer = request.send().await.expect("the API answers").text().await.expect("the answer is complete");
    let answer: Value = serde_json::from_str(&answer).expect("the answer is JSON");
    answer["result"]
        .as_array()
        .filter(|_| answer["success"] == true)
        .unwrap_or_else(|| panic!("{answer}"))
        .clone()
}

/// A client. It requires a TLS provider, although the tests use http only.
pub(crate) fn http() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::new()
}

fn select(table: &str, order: &str) -> String {
    format!("SELECT * FROM {table} WHERE date = ?1 ORDER BY {order}")
}

fn sqlite_row(row: &SqliteRow) -> Map<String, Value> {
    let cell = |column: usize| {
        let value = row.try_get_raw(column).expect("the column exists");
        match value.type_info().name() {
            _ if value.is_null() => Value::Null,
            "INTEGER" | "REAL" => row.get_unchecked::<f64, _>(column).into(),
            _ => row.get_unchecked::<String, _>(column).into(),
        }
    };
    row.columns().iter().enumerate().map(|(index, column)| (column.name().to_owned(), cell(index))).collect()
}

/// A row with numbers as doubles and documents as JSON values.
pub(crate) fn comparable(row: Map<String, Value>) -> Value {
    let cell = |(name, value): (String, Value)| match value {
        Value::String(text) if name.ends_with("_json") => {
            (name, doubles(serde_json::from_str(&text).expect("a document column holds JSON")))
        }
        value => (name, doubles(value)),
    };
    row.into_iter().filter(|(name, _)| name != "updated_at").map(cell).collect::<Map<_, _>>().into()
}

/// All numbers as doubles, so that 110 equals 110.0.
pub(crate) fn doubles(value: Value) -> Value {
    match value {
        Value::Number(number) => number.as_f64().into(),
        Value::Array(items) => items.into_iter().map(doubles).collect(),
        Value::Object(entries) => {
            entries.into_iter().map(|(key, value)| (key, doubles(value))).collect::<Map<_, _>>().into()
        }
        other => other,
    }
}

//! The contract's cases in `deploy/worker/fixtures`. The Worker's tests run the same cases.

use std::path::Path;

use serde_json::Value;
use testkit::worker::worker_folder;

use crate::support::{CommandOutput, SyncCommand, TABLES, comparable, stored_in_sqlite};

#[tokio::test]
async fn every_case_of_the_contract_gives_its_rows_or_its_error() {
    let mut cases = 0;
    for entry in std::fs::read_dir(worker_folder().join("fixtures")).expect("the fixtures exist") {
        let path = entry.expect("the folder can be read").path();
        if path.extension().is_some_and(|ending| ending == "json") {
            run(&path).await;
            cases += 1;
        }
    }
    assert!(cases > 100, "only {cases} cases");
}

async fn run(path: &Path) {
    let case: Value =
        serde_json::from_slice(&std::fs::read(path).expect("it can be read")).expect("it is JSON");
    let name = format!("{}: {}", path.display(), case["name"]);
    let document = match case["raw"].as_str() {
        Some(raw) => raw.to_owned(),
        None => case["body"].to_string(),
    };
    let call = SyncCommand::new(&["run", "--sink", "sqlite"]);
    let file = call.file("document.json", document.as_bytes()).display().to_string();
    let call = call.args(&["--input", &file]);
    let outcome = call.outcome().await;
    let expect = &case["expect"];
    if expect["refused"].is_object() {
        let message = outcome.summary()["message"].as_str().unwrap_or_default().to_owned();
        let empty = expect["refused"]["code"] == "empty_day";
        assert_eq!(outcome.code, Some(if empty { 4 } else { 2 }), "{name}: {outcome:#?}");
        // serde_json reports a number beyond the range of a double while it parses, when the field is not known yet.
        let field = expect["refused"]["field"].as_str().filter(|_| !message.contains("number out of range"));
        let place = field.map_or(String::new(), |field| format!(": {field}: "));
        assert!(message.contains(&place), "{name}: {message}");
        return;
    }
    assert_eq!(outcome.code, Some(0), "{name}: {outcome:#?}");
    assert_eq!(stored(&call, &expect["stored"]).await, expected(&expect["stored"]), "{name}");
    assert_eq!(dropped(&outcome), expect["stored"]["dropped"].as_u64().unwrap_or(0), "{name}: {outcome:#?}");
}

/// The number of dropped points and numbers. trades-sync also counts repeats, which the contract's answer does not.
fn dropped(outcome: &CommandOutput) -> u64 {
    let repeats = outcome
        .warnings()
        .into_iter()
        .filter(|line| line.contains(": a repeated key, the later row is kept"));
    let count = |line: String| line.split(' ').nth(1).and_then(|count| count.parse::<u64>().ok());
    let repeats: u64 = repeats.map(|line| count(line).expect("a warning has its count")).sum();
    outcome.summary()["dropped"].as_u64().expect("it is counted") - repeats
}

async fn stored(call: &SyncCommand, expect: &Value) -> Value {
    let date = expect["metrics_daily"]["date"].as_str().expect("a case has its date");
    stored_in_sqlite(&call.sqlite_path(), date.parse().expect("it is a day")).await
}

/// The tables of the case, with rows in the order in which they are read.
fn expected(expect: &Value) -> Value {
    let table = |(name, order): (&str, &str)| {
        let rows = match &expect[name] {
            Value::Array(rows) => rows.clone(),
            row => vec![row.clone()],
        };
        let mut rows: Vec<Value> = rows.into_iter().map(with_document_texts).collect();
        rows.sort_by_cached_key(|row| {
            order.split(", ").map(|column| sort_key(&row[column])).collect::<Vec<_>>()
        });
        (name.to_owned(), Value::Array(rows))
    };
    Value::Object(TABLES.into_iter().map(table).collect())
}

/// A row whose documents are texts, as in a table.
fn with_document_texts(row: Value) -> Value {
    let Value::Object(row) = row else { panic!("a row is an object") };
    let cell = |(name, value): (String, Value)| match value {
        document @ (Value::Object(_) | Value::Array(_)) => (name, document.to_string().into()),
        value => (name, value),
    };
    comparable(row.into_iter().map(cell).collect())
}

/// A sort key with SQLite's order: numbers by value, texts by bytes.
fn sort_key(value: &Value) -> (i64, String) {
    #[expect(clippy::cast_possible_truncation, reason = "ids and ranks are whole")]
    let number = value.as_f64().map_or(0, |number| number as i64);
    (number, value.as_str().unwrap_or_default().to_owned())
}

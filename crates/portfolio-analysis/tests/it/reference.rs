//! Compares every number of a report with the same figure computed by pandas from the raw rows.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use jiff::civil::Date;
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;
use testkit::postgres::Database;
use testkit::trading_days::{load, real_days};

use super::support::{DAY, days_up_to, report, views, views_with};

/// The maximum relative difference of two numbers.
const TOLERANCE: f64 = 1e-9;
/// The maximum absolute difference in USD. Rounding errors of amounts that cancel out are not relative to their sum.
const ABSOLUTE_TOLERANCE: f64 = 1e-9;

#[tokio::test]
async fn sample_days_equal_pandas() {
    let database = views_with(&days_up_to(DAY, 9)).await;
    for days in [1, 2, 6, 30] {
        compare(&database, DAY, days).await;
    }
    compare(&database, DAY.saturating_sub(jiff::Span::new().days(8)), 5).await;
}

#[tokio::test]
async fn unusable_rows_are_dropped_as_in_pandas() {
    let database = views_with(&days_up_to(DAY, 4)).await;
    database.execute(include_str!("unusable_rows.sql")).await;
    database.execute(sample::REFRESH).await;
    let compared = compare(&database, DAY, 4).await;
    let reasons = ["not_finite", "no_value", "no_name", "no_side", "no_id", "repeated"];
    for reason in reasons {
        let text = compared["coverage"]["left_out"].to_string();
        assert!(text.contains(reason), "the unusable rows have no {reason}: {text}");
    }
    let last = compared["symbols"].as_array().and_then(|symbols| symbols.last()).expect("there are symbols");
    assert_eq!(last["symbol"], Value::Null, "{last}");
    assert!(last["figures"]["positions"].as_u64() > Some(10), "{last}");
    assert!(last["figures"]["pnl"].is_number() && last["pnl_change"].is_number(), "{last}");
}

#[tokio::test]
async fn amounts_that_are_too_large_leave_the_sums_unknown_as_in_pandas() {
    let database = views_with(&days_up_to(DAY, 3)).await;
    for (column, value) in [("individual_pnl", "-1e200"), ("cost_basis", "1e308")] {
        database
            .execute(&format!(
                "UPDATE utils_statistics.trades_contract_extremes SET {column} = {value} WHERE trade_id =
                   (SELECT min(trade_id) FROM utils_statistics.trades_contract_extremes WHERE report_date = '{DAY}')"
            ))
            .await;
        database.execute(sample::REFRESH).await;
        let report = compare(&database, DAY, 3).await;
        let notes = report["notes"].to_string();
        // The statement changes the trade on the other days too.
        let days = notes
            .matches("1 position has an amount beyond 1e100; the sums that include it are unknown")
            .count();
        assert!(notes.contains(&format!("On {DAY}, 1 position")) && days > 1, "{notes}");
        assert_eq!(report["total"]["pnl"], Value::Null);
    }
}

#[tokio::test]
async fn real_days_equal_pandas() {
    let Some(documents) = real_days() else {
        println!("there are no real days: skipped");
        return;
    };
    let database = views().await;
    let mut days: Vec<Date> = Vec::new();
    for document in documents {
        days.push(document["date"].as_str().expect("a date").parse().expect("a day"));
        load(&database, &document).await;
    }
    database.execute(sample::REFRESH).await;
    for day in days {
        compare(&database, day, 30).await;
    }
}

/// Compares the report on a day with pandas and returns it.
async fn compare(database: &Database, day: Date, days: u64) -> Value {
    let actual = report(database, json!({ "date": day.to_string(), "days": days })).await;
    let request = json!({
        "date": day.to_string(),
        "days": days,
        "kpis": rows(database, "trades_kpi_summary_mv").await,
        "series": rows(database, "trades_kpi_series_mv").await,
        "extremes": rows(database, "trades_contract_extremes_by_kpi_mv").await,
        "portfolio": rows(database, "trades_portfolio_assets_mv").await,
    });
    let expected = tokio::task::spawn_blocking(move || pandas(&request)).await.expect("it does not panic");
    let mut numbers = 0;
    let mut differences = Vec::new();
    differ("", &actual, &expected, &mut numbers, &mut differences);
    // The script does not write these fields.
    differences.retain(|difference| {
        ![".kind", ".version", ".notes"]
            .iter()
            .any(|field| difference.starts_with(&format!("{field}: only actual")))
    });
    assert!(differences.is_empty(), "{day}, {days} days: {differences:#?}");
    assert!(numbers > 30, "{day}: only {numbers} numbers were compared");
    actual
}

/// The rows of a view as JSON, in the order in which they are stored.
async fn rows(database: &Database, view: &str) -> Value {
    let sql = format!("SELECT coalesce(json_agg(v), '[]')::text FROM utils_statistics.{view} AS v");
    let mut connection = database.connect().await;
    let text: String =
        sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut connection).await.expect("a view");
    serde_json::from_str(&text).expect("Postgres writes JSON")
}

fn pandas(request: &Value) -> Value {
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/it/reference.py");
    let mut python = Command::new(testkit::python::interpreter());
    let mut child = python
        .args(["-W", "error"])
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("Python can be run");
    let mut stdin = child.stdin.take().expect("it is piped");
    stdin.write_all(request.to_string().as_bytes()).expect("Python reads it");
    drop(stdin);
    let output = child.wait_with_output().expect("Python ends");
    assert!(output.status.success(), "the reference calculation failed; the output above has the reason");
    serde_json::from_slice(&output.stdout).expect("it writes JSON")
}

/// Lists the differences of two documents, and counts the numbers that were compared.
fn differ(place: &str, actual: &Value, expected: &Value, numbers: &mut usize, differences: &mut Vec<String>) {
    match (actual, expected) {
        (Value::Object(actual), Value::Object(expected)) => {
            for (key, value) in actual {
                match expected.get(key) {
                    Some(expected) => {
                        differ(&format!("{place}.{key}"), value, expected, numbers, differences);
                    }
                    None => differences.push(format!("{place}.{key}: only actual: {value}")),
                }
            }
            let missing = expected.keys().filter(|key| !actual.contains_key(*key));
            differences.extend(missing.map(|key| format!("{place}.{key}: only expected")));
        }
        (Value::Array(actual), Value::Array(expected)) if actual.len() == expected.len() => {
            for (index, (actual, expected)) in actual.iter().zip(expected).enumerate() {
                differ(&format!("{place}[{index}]"), actual, expected, numbers, differences);
            }
        }
        (Value::Number(a), Value::Number(b)) => {
            *numbers += 1;
            let (a, b) = (a.as_f64().expect("a double"), b.as_f64().expect("a double"));
            if (a - b).abs() > (TOLERANCE * a.abs().max(b.abs())).max(ABSOLUTE_TOLERANCE) {
                differences.push(format!("{place}: {a} is not {b}"));
            }
        }
        _ if actual == expected => {}
        _ => differences.push(format!("{place}: {actual} is not {expected}")),
    }
}

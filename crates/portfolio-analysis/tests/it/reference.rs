//! Every number of a report against the same figures worked out in pandas from the raw rows.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use jiff::civil::Date;
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;
use testkit::postgres::Database;
use testkit::trading_days::{load, real_days};

use super::support::{DAY, days_up_to, report, views, views_with};

/// How far two numbers may lie apart, as a part of the larger one.
const TOLERANCE: f64 = 1e-9;
/// Sums that cancel out leave rounding of their parts, which no part of the result can bound; in USD.
const ROUNDING: f64 = 1e-9;

#[tokio::test]
async fn sample_days_give_what_pandas_gives() {
    let database = views_with(&days_up_to(DAY, 9)).await;
    for days in [1, 2, 6, 30] {
        compare(&database, DAY, days).await;
    }
    compare(&database, DAY.saturating_sub(jiff::Span::new().days(8)), 5).await;
}

#[tokio::test]
async fn rows_that_can_not_be_used_are_left_out_as_pandas_leaves_them_out() {
    let database = views_with(&days_up_to(DAY, 4)).await;
    database.execute(include_str!("spoiled.sql")).await;
    database.execute(sample::REFRESH).await;
    let compared = compare(&database, DAY, 4).await;
    let reasons = ["not_finite", "no_value", "no_name", "no_side", "no_id", "repeated"];
    for reason in reasons {
        let text = compared["coverage"]["left_out"].to_string();
        assert!(text.contains(reason), "the spoiled rows have no {reason}: {text}");
    }
    let last = compared["symbols"].as_array().and_then(|symbols| symbols.last()).expect("there are symbols");
    assert_eq!(last["symbol"], Value::Null, "{last}");
    assert!(last["figures"]["positions"].as_u64() > Some(10), "{last}");
    assert!(last["figures"]["pnl"].is_number() && last["pnl_change"].is_number(), "{last}");
}

#[tokio::test]
async fn amounts_too_large_to_be_summed_leave_the_sums_unknown_as_in_pandas() {
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
        // The trade is held on the other days too, and was changed there as well.
        let days = notes.matches("with an amount beyond 1e100: 1. Sums with it are unknown").count();
        assert!(notes.contains(&format!("Positions of {DAY} with")) && days > 1, "{notes}");
        assert_eq!(report["total"]["pnl"], Value::Null);
    }
}

#[tokio::test]
async fn real_days_give_what_pandas_gives() {
    let Some(documents) = real_days() else {
        println!("no real days beside the checkout: the sample days stand for them");
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

/// Compares the report on a day, and gives it.
async fn compare(database: &Database, day: Date, days: u64) -> Value {
    let ours = report(database, json!({ "date": day.to_string(), "days": days })).await;
    let request = json!({
        "date": day.to_string(),
        "days": days,
        "kpis": rows(database, "trades_kpi_summary_mv").await,
        "series": rows(database, "trades_kpi_series_mv").await,
        "extremes": rows(database, "trades_contract_extremes_by_kpi_mv").await,
        "portfolio": rows(database, "trades_portfolio_assets_mv").await,
    });
    let theirs = tokio::task::spawn_blocking(move || pandas(&request)).await.expect("it does not panic");
    let mut numbers = 0;
    let mut differences = Vec::new();
    differ("", &ours, &theirs, &mut numbers, &mut differences);
    // What pandas has no words for.
    differences.retain(|difference| {
        ![".kind", ".version", ".notes"].iter().any(|field| difference.starts_with(&format!("{field}: only")))
    });
    assert!(differences.is_empty(), "{day}, {days} days: {differences:#?}");
    assert!(numbers > 30, "{day}: only {numbers} numbers were compared");
    ours
}

/// A view's rows as Postgres writes them, in the order they are stored.
async fn rows(database: &Database, view: &str) -> Value {
    let sql = format!("SELECT coalesce(json_agg(v), '[]')::text FROM utils_statistics.{view} AS v");
    let mut connection = database.connect().await;
    let text: String =
        sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut connection).await.expect("a view");
    serde_json::from_str(&text).expect("Postgres writes JSON")
}

fn pandas(request: &Value) -> Value {
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/it/portfolio_analysis/reference.py");
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
    assert!(output.status.success(), "the reference calculation failed; Python says above why");
    serde_json::from_slice(&output.stdout).expect("it writes JSON")
}

/// Lists where two documents differ, and counts the numbers that were compared.
fn differ(place: &str, ours: &Value, theirs: &Value, numbers: &mut usize, differences: &mut Vec<String>) {
    match (ours, theirs) {
        (Value::Object(ours), Value::Object(theirs)) => {
            for (key, value) in ours {
                match theirs.get(key) {
                    Some(their) => differ(&format!("{place}.{key}"), value, their, numbers, differences),
                    None => differences.push(format!("{place}.{key}: only ours: {value}")),
                }
            }
            let only = theirs.keys().filter(|key| !ours.contains_key(*key));
            differences.extend(only.map(|key| format!("{place}.{key}: only theirs")));
        }
        (Value::Array(ours), Value::Array(theirs)) if ours.len() == theirs.len() => {
            for (index, (ours, theirs)) in ours.iter().zip(theirs).enumerate() {
                differ(&format!("{place}[{index}]"), ours, theirs, numbers, differences);
            }
        }
        (Value::Number(a), Value::Number(b)) => {
            *numbers += 1;
            let (a, b) = (a.as_f64().expect("a double"), b.as_f64().expect("a double"));
            if (a - b).abs() > (TOLERANCE * a.abs().max(b.abs())).max(ROUNDING) {
                differences.push(format!("{place}: {a} is not {b}"));
            }
        }
        _ if ours == theirs => {}
        _ => differences.push(format!("{place}: {ours} is not {theirs}")),
    }
}

//! The definitions for texts and the SQL expressions for columns give equal results.

mod column_types;
mod days;
mod texts;

use sqlx::{AssertSqlSafe, Row};
use testkit::postgres::Database;
use trading_views::{ColumnKind, Relation, text};

use crate::support::{end, kpis, reading};

/// A value as SQL, and its readings.
struct Reading {
    sql: String,
    number: Option<f64>,
    id: Option<i64>,
    time: Option<i64>,
    name: Option<String>,
}

/// Reads each value by SQL expressions and by Rust, asserts that the results are equal, and returns them.
async fn read(database: &Database, values: &[String]) -> Vec<Reading> {
    let mut readings = Vec::new();
    for value in values {
        // A materialized view prevents Postgres from evaluating the expression while it plans a statement.
        database
            .execute(&format!(
                "DROP MATERIALIZED VIEW IF EXISTS v; CREATE MATERIALIZED VIEW v AS SELECT {value} AS a, date '2026-02-11' AS report_date"
            ))
            .await;
        readings.push(read_one(database, value).await);
    }
    readings
}

async fn read_one(database: &Database, value: &str) -> Reading {
    let mut connection = reading(database).await;
    let relation: Relation = kpis("v").find(&mut connection, &["a"]).await.expect("it is there");
    let sql = format!(
        "SELECT {} AS number, {} AS id, {} AS time, {} AS name FROM v",
        relation.number("a"),
        relation.id("a"),
        relation.microseconds("a"),
        relation.text("a")
    );
    let row = sqlx::query(AssertSqlSafe(sql)).persistent(false).fetch_one(&mut connection).await;
    let row = row.unwrap_or_else(|error| panic!("{value}: {error}"));
    let read = Reading {
        sql: value.to_owned(),
        number: row.get("number"),
        id: row.get("id"),
        time: row.get("time"),
        name: row.get("name"),
    };
    let row = sqlx::raw_sql("SELECT a FROM v").fetch_one(&mut connection).await.expect("it can be read");
    let displayed = row.try_get_raw(0).expect("there is a column").as_str().ok();
    let kind = relation.kind("a");
    let number = displayed.and_then(|text| text::number(text, kind));
    assert_eq!(read.number.map(|number| number + 0.0), number.map(|number| number + 0.0), "number {value}");
    assert_eq!(read.id, displayed.and_then(text::id), "id {value}");
    let name = displayed.map(str::trim).filter(|name| !name.is_empty());
    assert_eq!(read.name.as_deref(), name, "name {value}");
    if !matches!(kind, ColumnKind::Date | ColumnKind::Time) {
        assert_eq!(read.time, displayed.and_then(text::time), "time {value}");
    }
    end(&mut connection).await;
    read
}

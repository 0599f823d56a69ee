//! Databases with the four views and trading days: sample days, and real days where they exist.

use std::path::PathBuf;

use jiff::civil::Date;
use serde_json::{Value, json};

use crate::postgres::{Database, Server};

/// A database with the four views, which are empty.
///
/// # Panics
/// When there is no Postgres.
pub async fn views() -> Database {
    let database = Server::shared().database().await;
    database.execute(sample::SCHEMA).await;
    database
}

/// A database whose views contain the sample day of each date.
///
/// # Panics
/// When there is no Postgres.
pub async fn views_with(days: &[Date]) -> Database {
    let database = views().await;
    for day in days {
        database.execute(&sample::day(*day)).await;
    }
    database.execute(sample::REFRESH).await;
    database
}

/// The real days as documents of the snapshot contract, oldest first: those of the folder in `TRADEOPS_REAL_DAYS`, else of
/// `../shared/data/snapshots` beside the checkout. None when the variable is unset and that folder does not exist.
///
/// # Panics
/// When the folder can't be read or is empty.
pub fn real_days() -> Option<Vec<Value>> {
    let folder = sample::real_days_folder()?;
    let entries = std::fs::read_dir(&folder).expect("the folder can be read");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("the folder can be read").path()).collect();
    paths.sort();
    let read = |path: &PathBuf| {
        serde_json::from_slice(&std::fs::read(path).expect("the file can be read")).expect("the file is JSON")
    };
    let days: Vec<Value> = paths.iter().map(read).collect();
    assert!(!days.is_empty(), "{} is empty", folder.display());
    Some(days)
}

/// Inserts a real day into the base tables. The views contain it after [`sample::REFRESH`].
///
/// # Panics
/// When the document is not a snapshot.
pub async fn load(database: &Database, document: &Value) {
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
}

//! The SQL statements of a day. D1, SQLite and the Worker use the same files.

use crate::domain::{
    DisplayedValue, RowCounts, Snapshot, TABLES, TableShape, overlay_json, rows_json, to_json,
};

macro_rules! worker_file {
    ($path:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/worker/", $path))
    };
}

/// The migrations that create and change the five tables.
pub(super) const MIGRATIONS: [&str; 2] = [
    worker_file!("migrations/0001_snapshot_tables.sql"),
    worker_file!("migrations/0002_assets_without_symbol.sql"),
];

const UPSERT_DAY: &str = worker_file!("statements/01_upsert_day.sql");
pub(super) const INSERT_KPI_VALUES: &str = worker_file!("statements/06_insert_kpi_values.sql");

/// The statements whose only parameter is the date, before and after the KPI values.
const DELETES: [&str; 4] = [
    worker_file!("statements/02_delete_kpi_values.sql"),
    worker_file!("statements/03_delete_series_points.sql"),
    worker_file!("statements/04_delete_extremes_items.sql"),
    worker_file!("statements/05_delete_portfolio_assets.sql"),
];
const INSERTS_FROM_THE_STORED_DAY: [&str; 3] = [
    worker_file!("statements/07_insert_series_points.sql"),
    worker_file!("statements/08_insert_extremes_items.sql"),
    worker_file!("statements/09_insert_portfolio_assets.sql"),
];

/// A statement with its parameters `?1`, `?2`, ...
#[derive(serde::Serialize)]
pub(super) struct Statement {
    pub(super) sql: &'static str,
    pub(super) params: Vec<String>,
    /// The table that the statement changes.
    #[serde(skip)]
    pub(super) table: &'static str,
    /// How many rows the statement changes; None if that depends on the stored day.
    #[serde(skip)]
    pub(super) rows: Option<usize>,
}

/// The statements that replace a day. They are executed in this order in one transaction.
pub(super) fn replace_day(snapshot: &Snapshot) -> Vec<Statement> {
    let date = snapshot.date.to_string();
    let [daily, kpi_table, derived @ ..] = TABLES.each_ref().map(|shape| shape.name);
    let counts = RowCounts::of(snapshot);
    let for_date = |sql, table, rows| Statement { sql, params: vec![date.clone()], table, rows };
    let upsert = Statement {
        sql: UPSERT_DAY,
        params: vec![
            date.clone(),
            snapshot.updated_at.to_string(),
            snapshot.headline.clone(),
            snapshot.summary.clone(),
            rows_json(snapshot),
            overlay_json(snapshot),
        ],
        table: daily,
        rows: Some(1),
    };
    let kpi_values = Statement {
        sql: INSERT_KPI_VALUES,
        params: vec![date.clone(), kpi_values(snapshot)],
        table: kpi_table,
        rows: Some(counts.kpi_values),
    };
    let deletes = DELETES.into_iter().zip(&TABLES[1..]);
    let derived_counts = [counts.series_points, counts.extremes_items, counts.portfolio_assets];
    let inserts = INSERTS_FROM_THE_STORED_DAY.into_iter().zip(derived).zip(derived_counts);
    let mut statements = vec![upsert];
    statements.extend(deletes.map(|(sql, shape)| for_date(sql, shape.name, None)));
    statements.push(kpi_values);
    statements.extend(inserts.map(|((sql, table), rows)| for_date(sql, table, Some(rows))));
    statements
}

/// `[[kpi, value_text, value_num, value_kind], ...]`.
fn kpi_values(snapshot: &Snapshot) -> String {
    let rows = snapshot.rows.iter().map(|row| {
        let value = DisplayedValue::of(&row.value);
        (&row.kpi, &row.value, value.number, value.kind)
    });
    String::from_utf8_lossy(&to_json(&rows.collect::<Vec<_>>())).into_owned()
}

/// The query for a table's rows of one date, `?1`.
pub(super) fn select_day(shape: &TableShape) -> String {
    format!("SELECT {} FROM {} WHERE date = ?1", shape.columns.join(", "), shape.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_migration_of_the_worker_is_applied_in_order() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/worker/migrations");
        let mut paths: Vec<_> = std::fs::read_dir(folder)
            .expect("the folder exists")
            .map(|entry| entry.expect("it can be read").path())
            .collect();
        paths.sort();
        let migrations: Vec<String> =
            paths.iter().map(|path| std::fs::read_to_string(path).expect("it can be read")).collect();
        assert_eq!(migrations, MIGRATIONS);
    }
}

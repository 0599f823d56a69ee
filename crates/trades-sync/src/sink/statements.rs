//! The SQL of one day, the same for D1 and SQLite and, file by file, for the Worker.

use jiff::civil::Date;

use super::SinkError;
use crate::domain::{RowCounts, Snapshot, TABLES, TableShape, Value, overlay_json, rows_json, to_json};

macro_rules! worker_file {
    ($path:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/worker/", $path))
    };
}

/// What makes the five tables, and each later change of them.
pub(super) const MIGRATIONS: [&str; 2] = [
    worker_file!("migrations/0001_snapshot_tables.sql"),
    worker_file!("migrations/0002_assets_without_symbol.sql"),
];

const UPSERT_DAY: &str = worker_file!("statements/01_upsert_day.sql");
const INSERT_KPI_VALUES: &str = worker_file!("statements/06_insert_kpi_values.sql");

/// The statements that take nothing but the date, before and after the KPI values.
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

/// The limit of D1 for a row, and for a parameter, in bytes.
const LARGEST_ROW: usize = 2_000_000;

/// A statement with its parameters `?1`, `?2`, ...
#[derive(serde::Serialize)]
pub(super) struct Statement {
    pub(super) sql: &'static str,
    pub(super) params: Vec<String>,
    /// The table that it changes.
    #[serde(skip)]
    pub(super) table: &'static str,
    /// How many rows it changes; None where that depends on what was stored before.
    #[serde(skip)]
    pub(super) rows: Option<usize>,
}

/// The statements that replace a day, to be run in this order in one transaction.
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
        let value = Value::of(&row.value);
        (&row.kpi, &row.value, value.number, value.kind)
    });
    String::from_utf8_lossy(&to_json(&rows.collect::<Vec<_>>())).into_owned()
}

/// Rejects a day that no D1 database can hold.
pub(super) fn fits_d1(statements: &[Statement], place: &str, date: Date) -> Result<(), SinkError> {
    let row: usize = statements[0].params.iter().map(String::len).sum();
    let kpi_values = statements.iter().filter(|statement| statement.sql == INSERT_KPI_VALUES);
    let kpi_values = kpi_values.flat_map(|statement| &statement.params).map(String::len).max().unwrap_or(0);
    let (what, fewer) = if row > LARGEST_ROW {
        let fewer = "series points (some 26,000 fit) or KPIs";
        (format!("{row} bytes in metrics_daily, and D1 holds {LARGEST_ROW} in a row"), fewer)
    } else if kpi_values > LARGEST_ROW {
        (format!("{kpi_values} bytes for its KPI values, and D1 takes {LARGEST_ROW} in a parameter"), "KPIs")
    } else {
        return Ok(());
    };
    let reason =
        format!("{date} takes {what}; nothing was written; ship fewer {fewer}, or use --sink sqlite");
    Err(SinkError::refused(place, reason))
}

/// The query for a table's rows of one date, `?1`.
pub(super) fn select_day(shape: &TableShape) -> String {
    format!("SELECT {} FROM {} WHERE date = ?1", shape.columns.join(", "), shape.name)
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;
    use crate::domain::{KpiRow, Moment, Overlay};

    /// A day of as many KPIs, of 24 characters each with their values.
    fn day_of(kpis: usize) -> Snapshot {
        let date = date(2026, 2, 11);
        let rows = (0..kpis)
            .map(|index| KpiRow { kpi: format!("K{index:05}"), value: "0.1234567890123456".to_owned() });
        Snapshot {
            date,
            updated_at: Moment::Instant(0),
            headline: String::new(),
            summary: String::new(),
            rows: rows.collect(),
            overlay: Overlay::default(),
        }
    }

    #[test]
    fn a_day_is_rejected_where_its_row_or_its_kpi_values_are_larger_than_d1_takes() {
        let rejected = |kpis: usize| {
            let day = day_of(kpis);
            fits_d1(&replace_day(&day), "D1", day.date).map_err(|error| error.to_string())
        };
        assert_eq!(rejected(30_000), Ok(()));
        let kpi_values = rejected(38_000).expect_err("the parameter is too large");
        assert!(
            kpi_values.contains("bytes for its KPI values, and D1 takes 2000000 in a parameter"),
            "{kpi_values}"
        );
        let row = rejected(45_000).expect_err("the row is too large");
        assert!(row.contains("bytes in metrics_daily, and D1 holds 2000000 in a row"), "{row}");
    }

    #[test]
    fn every_migration_of_the_worker_is_applied_in_order() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/worker/migrations");
        let mut paths: Vec<_> = std::fs::read_dir(folder)
            .expect("the folder is there")
            .map(|entry| entry.expect("it can be read").path())
            .collect();
        paths.sort();
        let migrations: Vec<String> =
            paths.iter().map(|path| std::fs::read_to_string(path).expect("it can be read")).collect();
        assert_eq!(migrations, MIGRATIONS);
    }
}

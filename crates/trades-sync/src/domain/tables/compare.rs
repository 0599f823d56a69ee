//! Row by row comparison of a table with what it should hold.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::{Cell, Table, TableShape};

/// Every difference between the wanted and the stored rows, one line each, by key.
///
/// Columns that hold JSON are equal when their values are, whatever the order of their keys.
pub fn differences(wanted: &Table, stored: &Table) -> Vec<String> {
    let shape = wanted.shape;
    let (wanted, stored) = (by_key(wanted), by_key(stored));
    let mut lines = Vec::new();
    for (key, row) in &wanted {
        match stored.get(key) {
            None => lines.push(format!("{}{key}: not stored", shape.name)),
            Some(other) => lines.extend(unequal_cells(shape, key, row, other)),
        }
    }
    let extra = stored.keys().filter(|key| !wanted.contains_key(*key));
    lines.extend(extra.map(|key| format!("{}{key}: stored, but not in the views", shape.name)));
    lines
}

fn by_key(table: &Table) -> BTreeMap<String, &[Cell]> {
    table.rows.iter().map(|row| (key_of(table.shape, row), row.as_slice())).collect()
}

fn key_of(shape: &TableShape, row: &[Cell]) -> String {
    let cells = shape.columns.iter().zip(row).filter(|(column, _)| shape.key.contains(column));
    let parts: Vec<String> = cells.map(|(_, cell)| shown(cell)).collect();
    if parts.is_empty() { String::new() } else { format!(" ({})", parts.join(", ")) }
}

fn unequal_cells(shape: &TableShape, key: &str, wanted: &[Cell], stored: &[Cell]) -> Option<String> {
    let mut line = String::new();
    for ((column, wanted), stored) in shape.columns.iter().zip(wanted).zip(stored) {
        if !equal(column, wanted, stored) {
            let (wanted, stored) = (shown(wanted), shown(stored));
            let _ = write!(line, " {column} is {stored}, the views say {wanted};");
        }
    }
    (!line.is_empty()).then(|| format!("{}{key}:{}", shape.name, line.trim_end_matches(';')))
}

fn equal(column: &str, wanted: &Cell, stored: &Cell) -> bool {
    if wanted == stored {
        return true;
    }
    if let (Cell::Number(wanted), Cell::Number(stored)) = (wanted, stored) {
        return same_reading(*wanted, *stored);
    }
    let json = |cell: &Cell| match cell {
        Cell::Text(text) if column.ends_with("_json") => serde_json::from_str::<serde_json::Value>(text).ok(),
        _ => None,
    };
    json(wanted).is_some_and(|wanted| json(stored) == Some(wanted))
}

/// SQLite reads the decimals of a document exactly between 1e-80 and 1e115, and others to a few units in
/// the last place; so far out, that is no difference between the views and the sink.
fn same_reading(wanted: f64, stored: f64) -> bool {
    let far_out = !(1e-80..1e115).contains(&wanted.abs());
    far_out && (wanted - stored).abs() <= 4.0 * f64::EPSILON * wanted.abs()
}

/// A cell as a line can hold it.
fn shown(cell: &Cell) -> String {
    const LONGEST: usize = 60;
    match cell {
        Cell::Null => "NULL".to_owned(),
        Cell::Number(number) => number.to_string(),
        Cell::Text(text) if text.chars().count() <= LONGEST => format!("{text:?}"),
        Cell::Text(text) => format!("{:?} and more", text.chars().take(LONGEST).collect::<String>()),
    }
}

//! Compares the rows of a table with the expected rows.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write;

use common::text::single_line;
use serde_json::Value;

use super::documents::{Difference, first_difference};
use super::shape::{Cell, Table, TableShape};
use crate::domain::{METRICS, numeric_text};

/// How much of a document's value is formatted for a line, in bytes.
const MAX_VALUE: usize = 1024;

/// The texts for missing values in a line.
const ABSENT: &str = "absent";
const NULL: &str = "NULL";

/// The differences between a stored table and the expected one.
#[derive(Debug, Default)]
pub struct Differences {
    /// One line per row that differs, by key.
    pub lines: Vec<String>,
    /// How many rows are stored, or have a stored value, that is not in the views. Shipping the day again deletes them.
    pub surplus: usize,
}

/// All differences between the expected and the stored rows.
///
/// Rows are compared by meaning: an absent symbol equals a blank one, and a number equals its text in a numeric column.
/// Columns with JSON are compared as documents (see [`super::documents`]).
pub fn differences(expected: &Table, stored: &Table) -> Differences {
    let shape = expected.shape;
    let (expected, stored) = (by_key(expected), by_key(stored));
    let mut differences = Differences::default();
    for (key, row) in &expected {
        match stored.get(key) {
            None => differences.lines.push(format!("{}{key}: not stored", shape.name)),
            Some(other) => differences.unequal_cells(shape, key, row, other),
        }
    }
    for key in stored.keys().filter(|key| !expected.contains_key(*key)) {
        differences.lines.push(format!("{}{key}: stored, but not in the views", shape.name));
        differences.surplus += 1;
    }
    differences
}

fn by_key(table: &Table) -> BTreeMap<String, &[Cell]> {
    table.rows.iter().map(|row| (key_of(table.shape, row), row.as_slice())).collect()
}

fn key_of(shape: &TableShape, row: &[Cell]) -> String {
    let cells = shape.columns.iter().zip(row).filter(|(column, _)| shape.key.contains(column));
    let parts: Vec<String> = cells.map(|(column, cell)| shown(&canonical(column, cell))).collect();
    if parts.is_empty() { String::new() } else { format!(" ({})", parts.join(", ")) }
}

impl Differences {
    fn unequal_cells(&mut self, shape: &TableShape, key: &str, expected: &[Cell], stored: &[Cell]) {
        let (mut line, mut is_surplus) = (String::new(), false);
        for ((column, expected), stored) in shape.columns.iter().zip(expected).zip(stored) {
            if let Some((place, expected, stored)) = unequal(column, expected, stored) {
                let _ = write!(line, " {column}{place} is {stored}, expected {expected};");
                is_surplus |= expected == ABSENT || expected == NULL;
            }
        }
        if !line.is_empty() {
            self.lines.push(format!("{}{key}:{}", shape.name, line.trim_end_matches(';')));
            self.surplus += usize::from(is_surplus);
        }
    }
}

/// The place where two cells of a column differ, and the two values there.
fn unequal(column: &str, expected: &Cell, stored: &Cell) -> Option<(String, String, String)> {
    let (expected, stored) = (canonical(column, expected), canonical(column, stored));
    let equal = match (&*expected, &*stored) {
        (Cell::Number(expected), Cell::Number(stored)) => numeric_text::equals_stored(*expected, *stored),
        (expected, stored) => expected == stored,
    };
    if equal {
        return None;
    }
    let Some((expected_json, stored_json)) = document(column, &expected).zip(document(column, &stored))
    else {
        return Some((String::new(), shown(&expected), shown(&stored)));
    };
    let Difference { path, expected, stored } = first_difference(expected_json, stored_json)?;
    let place = if path.is_empty() { path } else { format!(" at {path:?}") };
    Some((place, shown_json(expected.as_ref()), shown_json(stored.as_ref())))
}

/// The cell in a canonical form: other programs may write numbers as texts, and absent symbols as blank texts.
fn canonical<'a>(column: &str, cell: &'a Cell) -> Cow<'a, Cell> {
    match cell {
        Cell::Text(text) if is_numeric(column) => match numeric_text::number(text.trim()) {
            Some(number) => Cow::Owned(Cell::Number(number)),
            None => Cow::Borrowed(cell),
        },
        Cell::Text(text) if column == "symbol" && text.trim().is_empty() => Cow::Owned(Cell::Null),
        _ => Cow::Borrowed(cell),
    }
}

/// Whether the column is of type INTEGER or REAL.
fn is_numeric(column: &str) -> bool {
    ["value_num", "v", "rank", "trade_id"].contains(&column)
        || METRICS.iter().any(|(name, ..)| *name == column)
}

fn document(column: &str, cell: &Cell) -> Option<Value> {
    match cell {
        Cell::Text(text) if column.ends_with("_json") => serde_json::from_str(text).ok(),
        _ => None,
    }
}

/// A cell formatted for a line.
fn shown(cell: &Cell) -> String {
    match cell {
        Cell::Null => NULL.to_owned(),
        Cell::Number(number) => number.to_string(),
        Cell::Text(text) => shortened(text, |text| format!("{text:?}")),
    }
}

/// A value of a document formatted for a line.
fn shown_json(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => ABSENT.to_owned(),
        Some(Value::String(text)) => shortened(text, |text| format!("{text:?}")),
        Some(value) => shortened(&single_line(&value.to_string(), MAX_VALUE), str::to_owned),
    }
}

fn shortened(text: &str, show: impl Fn(&str) -> String) -> String {
    const MAX_CHARS: usize = 60;
    match text.char_indices().nth(MAX_CHARS) {
        None => show(text),
        Some((end, _)) => format!("{}...", show(&text[..end])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::TABLES;

    fn text(text: &str) -> Cell {
        Cell::Text(text.to_owned())
    }

    fn compared(table: usize, expected: Vec<Cell>, stored: Vec<Cell>) -> Differences {
        let shape = &TABLES[table];
        differences(&Table { shape, rows: vec![expected] }, &Table { shape, rows: vec![stored] })
    }

    #[test]
    fn a_number_equals_its_text_in_numeric_columns_only() {
        let kpi = |value: Cell, number: Cell| vec![text("A"), value, number, text("number")];
        let equal = compared(1, kpi(text("1.50"), Cell::Number(1.5)), kpi(text("1.50"), text(" 1.5 ")));
        assert!(equal.lines.is_empty(), "{equal:?}");
        let other = compared(1, kpi(text("1.50"), Cell::Number(1.5)), kpi(text("1.5"), Cell::Number(1.5)));
        assert_eq!(other.lines, ["metrics_kpi_values (\"A\"): value_text is \"1.5\", expected \"1.50\""]);
    }

    #[test]
    fn an_id_equals_its_text_and_an_absent_symbol_equals_a_blank_one() {
        let asset = |id: Cell, symbol: Cell| vec![id, symbol, text("C")];
        let equal = compared(4, asset(Cell::Number(7.0), Cell::Null), asset(text("7"), text(" ")));
        assert!(equal.lines.is_empty(), "{equal:?}");
        let other = compared(4, asset(Cell::Number(7.0), Cell::Null), asset(Cell::Number(8.0), Cell::Null));
        assert_eq!((other.lines.len(), other.surplus), (2, 1), "{other:?}");
    }

    #[test]
    fn the_place_where_documents_differ_is_reported() {
        let day = |overlay: &str| vec![text("[]"), text(overlay)];
        let stored = r#"{"extremes":{"byKpi":{"K":{"hi":[{"trade_id":1,"symbol":"\u001b[31m"}]}}}}"#;
        let other = compared(0, day(r#"{"extremes":{"byKpi":{"K":{"hi":[{"trade_id":1}]}}}}"#), day(stored));
        let expected = r#"metrics_daily: overlay_json at "extremes.byKpi.K.hi[0].symbol" is "\u{1b}[31m", expected absent"#;
        assert_eq!(other.lines, [expected]);
        assert!(compared(0, day("{}"), day("no JSON")).lines[0].contains("overlay_json is \"no JSON\""));
    }
}

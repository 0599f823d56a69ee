//! Row by row comparison of a table with what it should hold.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write;

use common::text::single_line;
use serde_json::Value;

use super::meaning::{Difference, first_difference};
use super::{Cell, Table, TableShape};
use crate::domain::{METRICS, numeric_text};

/// How much of a document's value is looked at for a line, in bytes.
const MAX_VALUE: usize = 1024;

/// What a line shows where there is nothing.
const ABSENT: &str = "absent";
const NULL: &str = "NULL";

/// How a stored table differs from the wanted one.
#[derive(Debug, Default)]
pub struct Differences {
    /// One line per row that differs, by key.
    pub lines: Vec<String>,
    /// How many rows, and rows with a value, are stored that the views lack. Shipping the day again deletes them.
    pub surplus: usize,
}

/// Every difference between the wanted and the stored rows.
///
/// Rows are compared by meaning: an absent symbol equals a blank one, and a numeric column may hold the text of its
/// number. Columns that hold JSON are compared as documents (see [`super::meaning`]).
pub fn differences(wanted: &Table, stored: &Table) -> Differences {
    let shape = wanted.shape;
    let (wanted, stored) = (by_key(wanted), by_key(stored));
    let mut differences = Differences::default();
    for (key, row) in &wanted {
        match stored.get(key) {
            None => differences.lines.push(format!("{}{key}: not stored", shape.name)),
            Some(other) => differences.unequal_cells(shape, key, row, other),
        }
    }
    for key in stored.keys().filter(|key| !wanted.contains_key(*key)) {
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
    let parts: Vec<String> = cells.map(|(column, cell)| shown(&by_meaning(column, cell))).collect();
    if parts.is_empty() { String::new() } else { format!(" ({})", parts.join(", ")) }
}

impl Differences {
    fn unequal_cells(&mut self, shape: &TableShape, key: &str, wanted: &[Cell], stored: &[Cell]) {
        let (mut line, mut is_surplus) = (String::new(), false);
        for ((column, wanted), stored) in shape.columns.iter().zip(wanted).zip(stored) {
            if let Some((place, wanted, stored)) = unequal(column, wanted, stored) {
                let _ = write!(line, " {column}{place} is {stored}, the views say {wanted};");
                is_surplus |= wanted == ABSENT || wanted == NULL;
            }
        }
        if !line.is_empty() {
            self.lines.push(format!("{}{key}:{}", shape.name, line.trim_end_matches(';')));
            self.surplus += usize::from(is_surplus);
        }
    }
}

/// Where in the column two cells differ, and what they hold there.
fn unequal(column: &str, wanted: &Cell, stored: &Cell) -> Option<(String, String, String)> {
    let (wanted, stored) = (by_meaning(column, wanted), by_meaning(column, stored));
    let equal = match (&*wanted, &*stored) {
        (Cell::Number(wanted), Cell::Number(stored)) => same_number(*wanted, *stored),
        (wanted, stored) => wanted == stored,
    };
    if equal {
        return None;
    }
    let Some((wanted_json, stored_json)) = document(column, &wanted).zip(document(column, &stored)) else {
        return Some((String::new(), shown(&wanted), shown(&stored)));
    };
    let Difference { path, wanted, stored } = first_difference(wanted_json, stored_json)?;
    let place = if path.is_empty() { path } else { format!(" at {path:?}") };
    Some((place, shown_json(wanted.as_ref()), shown_json(stored.as_ref())))
}

/// The cell with what another writer may spell otherwise in one spelling.
fn by_meaning<'a>(column: &str, cell: &'a Cell) -> Cow<'a, Cell> {
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

/// SQLite reads the decimals of a document exactly between 1e-80 and 1e115, and others to a few units in
/// the last place; so far out, that is no difference between the views and the sink.
pub(super) fn same_number(wanted: f64, stored: f64) -> bool {
    let far_out = !(1e-80..1e115).contains(&wanted.abs());
    #[expect(clippy::float_cmp, reason = "within the range, the very number is expected")]
    let same = wanted == stored;
    same || far_out && (wanted - stored).abs() <= 4.0 * f64::EPSILON * wanted.abs()
}

/// A cell as a line can hold it.
fn shown(cell: &Cell) -> String {
    match cell {
        Cell::Null => NULL.to_owned(),
        Cell::Number(number) => number.to_string(),
        Cell::Text(text) => shortened(text, |text| format!("{text:?}")),
    }
}

/// A value of a document as a line can hold it.
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
        Some((end, _)) => format!("{} and more", show(&text[..end])),
    }
}

#[cfg(test)]
mod tests {
    use super::super::TABLES;
    use super::*;

    fn text(text: &str) -> Cell {
        Cell::Text(text.to_owned())
    }

    fn compared(table: usize, wanted: Vec<Cell>, stored: Vec<Cell>) -> Differences {
        let shape = &TABLES[table];
        differences(&Table { shape, rows: vec![wanted] }, &Table { shape, rows: vec![stored] })
    }

    #[test]
    fn numeric_columns_may_hold_the_text_of_their_number_and_texts_stay_texts() {
        let kpi = |value: Cell, number: Cell| vec![text("A"), value, number, text("number")];
        let equal = compared(1, kpi(text("1.50"), Cell::Number(1.5)), kpi(text("1.50"), text(" 1.5 ")));
        assert!(equal.lines.is_empty(), "{equal:?}");
        let other = compared(1, kpi(text("1.50"), Cell::Number(1.5)), kpi(text("1.5"), Cell::Number(1.5)));
        assert_eq!(
            other.lines,
            ["metrics_kpi_values (\"A\"): value_text is \"1.5\", the views say \"1.50\""]
        );
    }

    #[test]
    fn ids_as_texts_are_the_same_keys_and_a_blank_symbol_is_an_absent_one() {
        let asset = |id: Cell, symbol: Cell| vec![id, symbol, text("C")];
        let equal = compared(4, asset(Cell::Number(7.0), Cell::Null), asset(text("7"), text(" ")));
        assert!(equal.lines.is_empty(), "{equal:?}");
        let other = compared(4, asset(Cell::Number(7.0), Cell::Null), asset(Cell::Number(8.0), Cell::Null));
        assert_eq!((other.lines.len(), other.surplus), (2, 1), "{other:?}");
    }

    #[test]
    fn a_document_that_differs_is_shown_where_it_does() {
        let day = |overlay: &str| vec![text("[]"), text(overlay)];
        let stored = r#"{"extremes":{"byKpi":{"K":{"hi":[{"trade_id":1,"symbol":"\u001b[31m"}]}}}}"#;
        let other = compared(0, day(r#"{"extremes":{"byKpi":{"K":{"hi":[{"trade_id":1}]}}}}"#), day(stored));
        let expected = r#"metrics_daily: overlay_json at "extremes.byKpi.K.hi[0].symbol" is "\u{1b}[31m", the views say absent"#;
        assert_eq!(other.lines, [expected]);
        assert!(compared(0, day("{}"), day("no JSON")).lines[0].contains("overlay_json is \"no JSON\""));
    }
}

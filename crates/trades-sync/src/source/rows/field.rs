//! One row's columns as texts, and their readings.

use sqlx::postgres::PgRow;
use sqlx::{Row, TypeInfo, ValueRef};

use crate::domain::{MAX_ID, Moment};

/// A column has a value, and it is no finite number.
pub(super) struct NotANumber;

/// The columns of one row, in the order of the query.
pub(super) struct Fields<'r> {
    row: &'r PgRow,
}

impl<'r> Fields<'r> {
    pub(super) fn of(row: &'r PgRow) -> Self {
        Self { row }
    }

    /// The text that Postgres shows for the column; None for NULL.
    pub(super) fn text(&self, column: usize) -> Option<&'r str> {
        self.row.try_get_raw(column).ok()?.as_str().ok()
    }

    /// A name without the white space around it; None when nothing is left of it.
    pub(super) fn name(&self, column: usize) -> Option<&'r str> {
        self.text(column).map(str::trim).filter(|name| !name.is_empty())
    }

    /// A finite number from a column of any numeric type, or of text; None for NULL.
    pub(super) fn number(&self, column: usize) -> Result<Option<f64>, NotANumber> {
        let Some(text) = self.text(column) else { return Ok(None) };
        let number = text.trim().parse().ok().filter(|number: &f64| number.is_finite());
        number.map(Some).ok_or(NotANumber)
    }

    /// Whether the column's type is numeric.
    pub(super) fn is_number(&self, column: usize) -> bool {
        let Ok(value) = self.row.try_get_raw(column) else { return false };
        matches!(value.type_info().name(), "INT2" | "INT4" | "INT8" | "FLOAT4" | "FLOAT8" | "NUMERIC")
    }

    /// A whole number of at most 2^53 from a column of any numeric type, or of text.
    pub(super) fn id(&self, column: usize) -> Option<i64> {
        let text = self.text(column)?.trim();
        let whole = match text.split_once('.') {
            Some((whole, decimals)) if decimals.bytes().all(|digit| digit == b'0') => whole,
            _ => text,
        };
        let id = whole.parse().ok().or_else(|| double_as_id(text))?;
        (-MAX_ID..=MAX_ID).contains(&id).then_some(id)
    }

    /// A time from a column of a time type, or of text that reads as one.
    pub(super) fn moment(&self, column: usize) -> Option<Moment> {
        let value = self.row.try_get_raw(column).ok()?;
        let is_time = matches!(value.type_info().name(), "TIMESTAMPTZ" | "TIMESTAMP" | "DATE");
        let text = self.text(column)?;
        if is_time { Moment::from_postgres(text) } else { Moment::from_text(text) }
    }
}

/// Floats past 15 digits are shown with an exponent: `9.007199254740992e+15`.
fn double_as_id(text: &str) -> Option<i64> {
    let number: f64 =
        text.parse().ok().filter(|number: &f64| number.fract() == 0.0 && number.abs() < 1e16)?;
    #[expect(clippy::cast_possible_truncation, reason = "whole and well inside the range")]
    Some(number as i64)
}

//! One row's columns as texts, and their readings.

use sqlx::postgres::PgRow;
use sqlx::{Row, TypeInfo, ValueRef};

use crate::domain::{MAX_ID, Moment, Reason};

/// Why a column gives no number: NULL, or nothing that can be stored.
pub(super) struct Missing(pub(super) Reason);

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

    /// A finite number from a column of any numeric type, or of text.
    pub(super) fn number(&self, column: usize) -> Result<f64, Missing> {
        let text = self.text(column).ok_or(Missing(Reason::NoValue))?;
        let number = text.trim().parse().ok().filter(|number: &f64| number.is_finite());
        number.ok_or(Missing(Reason::NotFinite))
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

//! Reads the columns of a row.

use std::borrow::Cow;

use sqlx::Row;
use sqlx::postgres::PgRow;
use trading_views::{ColumnKind, text};

use crate::domain::Moment;

/// The value of a column is not a finite number.
pub(super) struct NotANumber;

/// The columns of one row, in the order of the query.
pub(super) struct Fields<'r> {
    row: &'r PgRow,
    kinds: &'r [ColumnKind],
}

impl<'r> Fields<'r> {
    pub(super) fn of(row: &'r PgRow, kinds: &'r [ColumnKind]) -> Self {
        Self { row, kinds }
    }

    fn kind(&self, column: usize) -> ColumnKind {
        self.kinds.get(column).copied().unwrap_or(ColumnKind::Text)
    }

    /// The text that Postgres displays for the column; None for NULL.
    pub(super) fn text(&self, column: usize) -> Option<&'r str> {
        self.row.try_get_raw(column).ok()?.as_str().ok()
    }

    /// The text of the column for a message.
    pub(super) fn shown(&self, column: usize) -> &'r str {
        self.text(column).unwrap_or("NULL")
    }

    /// A trimmed name; None if nothing remains.
    pub(super) fn name(&self, column: usize) -> Option<&'r str> {
        self.text(column).map(str::trim).filter(|name| !name.is_empty())
    }

    /// A finite number from a column of a numeric type or of text; None for NULL.
    pub(super) fn number(&self, column: usize) -> Result<Option<f64>, NotANumber> {
        let Some(text) = self.text(column) else { return Ok(None) };
        text::number(text, self.kind(column)).map(Some).ok_or(NotANumber)
    }

    /// A displayed value.
    pub(super) fn displayed(&self, column: usize) -> Option<Cow<'r, str>> {
        self.text(column).map(|text| text::displayed(text, self.kind(column)))
    }

    /// Whether the column's type is numeric.
    pub(super) fn is_numeric(&self, column: usize) -> bool {
        self.kind(column).is_numeric()
    }

    /// A whole number of at most 2^53 from a column of a numeric type or of text.
    pub(super) fn id(&self, column: usize) -> Option<i64> {
        text::id(self.text(column)?)
    }

    /// A time from a column of a time type or of text.
    pub(super) fn moment(&self, column: usize) -> Option<Moment> {
        let text = self.text(column)?;
        match self.kind(column) {
            ColumnKind::Date | ColumnKind::Time => Moment::from_postgres(text),
            // The text is a part of a key, so it is stored unchanged.
            _ => text::time(text).map(|_| Moment::Text(text.trim().into())),
        }
    }
}

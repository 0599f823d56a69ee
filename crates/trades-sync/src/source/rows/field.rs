//! One row's columns as texts, and their readings.

use std::borrow::Cow;

use sqlx::Row;
use sqlx::postgres::PgRow;
use trading_views::{Kind, text};

use crate::domain::Moment;

/// A column has a value, and it is no finite number.
pub(super) struct NotANumber;

/// The columns of one row, in the order of the query.
pub(super) struct Fields<'r> {
    row: &'r PgRow,
    kinds: &'r [Kind],
}

impl<'r> Fields<'r> {
    pub(super) fn of(row: &'r PgRow, kinds: &'r [Kind]) -> Self {
        Self { row, kinds }
    }

    fn kind(&self, column: usize) -> Kind {
        self.kinds.get(column).copied().unwrap_or(Kind::Text)
    }

    /// The text that Postgres shows for the column; None for NULL.
    pub(super) fn text(&self, column: usize) -> Option<&'r str> {
        self.row.try_get_raw(column).ok()?.as_str().ok()
    }

    /// The column for a message.
    pub(super) fn shown(&self, column: usize) -> &'r str {
        self.text(column).unwrap_or("NULL")
    }

    /// A name without the white space around it; None when nothing remains.
    pub(super) fn name(&self, column: usize) -> Option<&'r str> {
        self.text(column).map(str::trim).filter(|name| !name.is_empty())
    }

    /// A finite number from a column of any numeric type, or of text; None for NULL.
    pub(super) fn number(&self, column: usize) -> Result<Option<f64>, NotANumber> {
        let Some(text) = self.text(column) else { return Ok(None) };
        text::number(text, self.kind(column)).map(Some).ok_or(NotANumber)
    }

    /// A value as it is displayed.
    pub(super) fn displayed(&self, column: usize) -> Option<Cow<'r, str>> {
        self.text(column).map(|text| text::displayed(text, self.kind(column)))
    }

    /// Whether the column's type is numeric.
    pub(super) fn is_numeric(&self, column: usize) -> bool {
        self.kind(column).is_numeric()
    }

    /// A whole number of at most 2^53 from a column of any numeric type, or of text.
    pub(super) fn id(&self, column: usize) -> Option<i64> {
        text::id(self.text(column)?)
    }

    /// A time from a column of a time type, or of text that reads as one.
    pub(super) fn moment(&self, column: usize) -> Option<Moment> {
        let text = self.text(column)?;
        match self.kind(column) {
            Kind::Date | Kind::Time => Moment::from_postgres(text),
            // The text is a part of a key, so it is stored as it is.
            _ => text::time(text).map(|_| Moment::Text(text.trim().into())),
        }
    }
}

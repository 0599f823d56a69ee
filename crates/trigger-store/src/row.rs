//! A row of either database.

use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{Decode, Postgres, Row as _, Sqlite, Type};

/// A row that a statement returned.
pub(super) enum Row {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

impl Row {
    /// Reads a column. INTEGER is read as i32, BIGINT and counts as i64: Postgres does not convert between them.
    pub(super) fn try_get<T: ColumnType>(&self, column: &str) -> Result<T, sqlx::Error> {
        match self {
            Self::Sqlite(row) => row.try_get(column),
            Self::Postgres(row) => row.try_get(column),
        }
    }
}

/// A type that can be read from both databases.
pub(super) trait ColumnType:
    for<'r> Decode<'r, Sqlite> + Type<Sqlite> + for<'r> Decode<'r, Postgres> + Type<Postgres>
{
}

impl<T> ColumnType for T where
    T: for<'r> Decode<'r, Sqlite> + Type<Sqlite> + for<'r> Decode<'r, Postgres> + Type<Postgres>
{
}

/// What a statement returned.
#[derive(Default)]
pub(super) struct StatementResult {
    pub(super) rows: Vec<Row>,
    /// How many rows it changed, without those that triggers changed.
    pub(super) rows_affected: u64,
}

//! A statement with its values. It can be executed more than once.

use std::borrow::Cow;

use jiff::Timestamp;
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, Database, Encode, Type};

/// A value of a statement.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum SqlValue {
    Text(Option<String>),
    BigInt(Option<i64>),
    /// A type of its own, because Postgres does not convert between INTEGER and BIGINT.
    Integer(Option<i32>),
    Bytes(Vec<u8>),
}

impl SqlValue {
    pub(super) fn text(text: &str) -> Self {
        Self::Text(Some(storable(text).into_owned()))
    }

    pub(super) fn time(time: Timestamp) -> Self {
        Self::Text(Some(time_text(time)))
    }

    pub(super) fn number(number: impl Into<i64>) -> Self {
        Self::BigInt(Some(number.into()))
    }
}

impl From<String> for SqlValue {
    fn from(text: String) -> Self {
        Self::Text(Some(text))
    }
}

impl From<Option<String>> for SqlValue {
    fn from(text: Option<String>) -> Self {
        Self::Text(text)
    }
}

impl From<Option<i32>> for SqlValue {
    fn from(integer: Option<i32>) -> Self {
        Self::Integer(integer)
    }
}

/// The text with each NUL replaced: Postgres can't store that character, and both databases store the same text.
pub(super) fn storable(text: &str) -> Cow<'_, str> {
    if text.contains('\0') { text.replace('\0', "\u{fffd}").into() } else { text.into() }
}

/// RFC 3339 in UTC with six decimals: texts of this form sort in the order of their times.
pub(super) fn time_text(time: Timestamp) -> String {
    format!("{time:.6}")
}

/// `$1, $2, ...` for that many values.
pub(super) fn placeholders(count: usize) -> String {
    let placeholders: Vec<String> = (1..=count).map(|number| format!("${number}")).collect();
    placeholders.join(", ")
}

/// `column = $n, ...`, where the first column has the number `first`.
pub(super) fn assignments(columns: &[&str], first: usize) -> String {
    let assignments: Vec<String> =
        columns.iter().zip(first..).map(|(column, number)| format!("{column} = ${number}")).collect();
    assignments.join(", ")
}

/// SQL that both databases support, with the values of `$1`, `$2` and so on.
#[derive(Clone, Debug)]
pub(super) struct Statement {
    pub(super) sql: Cow<'static, str>,
    pub(super) values: Vec<SqlValue>,
}

impl Statement {
    pub(super) fn new(sql: impl Into<Cow<'static, str>>, values: Vec<SqlValue>) -> Self {
        Self { sql: sql.into(), values }
    }

    /// Whether the statement changes the database.
    pub(super) fn writes(&self) -> bool {
        !self.sql.starts_with("SELECT")
    }

    /// The size of the values, without numbers.
    pub(super) fn bytes(&self) -> usize {
        let bytes = |value: &SqlValue| match value {
            SqlValue::Text(text) => text.as_ref().map_or(0, String::len),
            SqlValue::Bytes(bytes) => bytes.len(),
            SqlValue::BigInt(_) | SqlValue::Integer(_) => 0,
        };
        self.values.iter().map(bytes).sum()
    }

    pub(super) fn query<DB: Database>(&self) -> Query<'static, DB, DB::Arguments>
    where
        Option<String>: for<'q> Encode<'q, DB> + Type<DB>,
        Option<i64>: for<'q> Encode<'q, DB> + Type<DB>,
        Option<i32>: for<'q> Encode<'q, DB> + Type<DB>,
        Vec<u8>: for<'q> Encode<'q, DB> + Type<DB>,
    {
        // The SQL consists of constants of this crate; all input is bound.
        let query = sqlx::query(AssertSqlSafe(self.sql.clone()));
        self.values.iter().cloned().fold(query, |query, value| match value {
            SqlValue::Text(text) => query.bind(text),
            SqlValue::BigInt(number) => query.bind(number),
            SqlValue::Integer(integer) => query.bind(integer),
            SqlValue::Bytes(bytes) => query.bind(bytes),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_and_assignments_are_numbered() {
        assert_eq!(placeholders(3), "$1, $2, $3");
        assert_eq!(assignments(&["a", "b"], 2), "a = $2, b = $3");
    }

    #[test]
    fn texts_of_times_sort_like_the_times() {
        let texts = ["2026-02-11T12:00:00Z", "2026-02-11T12:00:00.000001999Z", "2026-02-11T12:00:00.1Z"]
            .map(|time| time_text(time.parse().unwrap()));
        assert_eq!(texts[1], "2026-02-11T12:00:00.000001Z");
        assert!(texts.is_sorted(), "{texts:?}");
    }

    #[test]
    fn only_a_select_does_not_write() {
        assert!(!Statement::new("SELECT 1", Vec::new()).writes());
        for sql in ["INSERT INTO a SELECT 1", "WITH a AS (SELECT 1) UPDATE b SET c = 1", "DELETE FROM a"] {
            assert!(Statement::new(sql, Vec::new()).writes(), "{sql}");
        }
    }
}

//! A statement with its values, which can be run again.

use std::borrow::Cow;

use jiff::Timestamp;
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, Database, Encode, Type};

/// A value of a statement.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Text(Option<String>),
    Number(Option<i64>),
    /// Postgres tells the four-byte INTEGER from BIGINT.
    Integer(Option<i32>),
    Bytes(Vec<u8>),
}

impl Value {
    pub(super) fn text(text: &str) -> Self {
        Self::Text(Some(storable(text).into_owned()))
    }

    pub(super) fn time(time: Timestamp) -> Self {
        Self::Text(Some(time_text(time)))
    }
}

/// Postgres can't store the character NUL: whatever the database, the replacement character stands for it.
pub(super) fn storable(text: &str) -> Cow<'_, str> {
    if text.contains('\0') { text.replace('\0', "\u{fffd}").into() } else { text.into() }
}

/// RFC 3339 in UTC with six decimals: the order of such texts is the order of the times.
pub(super) fn time_text(time: Timestamp) -> String {
    format!("{time:.6}")
}

/// SQL that both databases understand, with the values for `$1`, `$2` and so on.
#[derive(Clone, Debug)]
pub(super) struct Statement {
    pub(super) sql: Cow<'static, str>,
    pub(super) values: Vec<Value>,
}

impl Statement {
    pub(super) fn new(sql: impl Into<Cow<'static, str>>, values: Vec<Value>) -> Self {
        Self { sql: sql.into(), values }
    }

    /// Whether the statement changes the database.
    pub(super) fn writes(&self) -> bool {
        !self.sql.starts_with("SELECT")
    }

    pub(super) fn query<DB: Database>(&self) -> Query<'static, DB, DB::Arguments>
    where
        Option<String>: for<'q> Encode<'q, DB> + Type<DB>,
        Option<i64>: for<'q> Encode<'q, DB> + Type<DB>,
        Option<i32>: for<'q> Encode<'q, DB> + Type<DB>,
        Vec<u8>: for<'q> Encode<'q, DB> + Type<DB>,
    {
        // Made of constants of this module alone: what comes from outside is bound.
        let query = sqlx::query(AssertSqlSafe(self.sql.clone()));
        self.values.iter().cloned().fold(query, |query, value| match value {
            Value::Text(text) => query.bind(text),
            Value::Number(number) => query.bind(number),
            Value::Integer(integer) => query.bind(integer),
            Value::Bytes(bytes) => query.bind(bytes),
        })
    }
}

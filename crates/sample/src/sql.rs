//! Builds SQL statements.

use std::fmt::Write;

use jiff::civil::Date;

/// One `INSERT` of many rows into a base table. The first column of each row is the report date.
pub(crate) struct Insert {
    sql: String,
    date: Date,
    rows: usize,
}

impl Insert {
    pub(crate) fn into(table: &str, date: Date) -> Self {
        Self { sql: format!("INSERT INTO utils_statistics.{table} VALUES"), date, rows: 0 }
    }

    pub(crate) fn row(&mut self, values: &[String]) {
        let comma = if self.rows == 0 { "" } else { "," };
        let _ = write!(self.sql, "{comma}\n('{}',{})", self.date, values.join(","));
        self.rows += 1;
    }

    pub(crate) fn finish(self) -> String {
        self.sql + ";\n"
    }
}

pub(crate) fn text(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A number with eight decimals, the precision of the real views.
pub(crate) fn number(number: f64) -> String {
    format!("{number:.8}")
}

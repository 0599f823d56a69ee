//! Tables of text.

use std::fmt;

use common::text::single_line;

/// The maximum length of a cell in bytes. Only texts of other systems can be longer.
const MAX_CELL: usize = 300;

/// Rows of cells with a heading. The columns are as wide as their longest cell.
#[derive(Debug)]
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these headings.
    pub fn new(headings: &[&str]) -> Self {
        Self { rows: vec![headings.iter().map(|heading| (*heading).to_owned()).collect()] }
    }

    /// A list of names and values, without headings.
    pub fn without_headings() -> Self {
        Self { rows: Vec::new() }
    }

    /// Adds a row. An empty cell is shown as `-`.
    pub fn row<I: IntoIterator<Item: AsRef<str>>>(&mut self, cells: I) {
        let cells = cells.into_iter().map(|cell| match single_line(cell.as_ref(), MAX_CELL) {
            empty if empty.is_empty() => "-".to_owned(),
            cell => cell,
        });
        self.rows.push(cells.collect());
    }

    /// Adds a name and its value, unless the value is empty.
    pub fn field(&mut self, name: &str, value: &str) {
        if !value.is_empty() {
            self.row([name, value]);
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or_default();
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or_default()
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        for row in &self.rows {
            let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
            writeln!(formatter, "{}", cells.collect::<Vec<_>>().join("  ").trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Table;

    #[test]
    fn columns_are_aligned_and_nothing_moves_the_cursor() {
        let mut table = Table::new(&["RUN", "STATE"]);
        table.row(["zwölf", "failed\u{1b}[31m"]);
        table.row(["a-long-name", ""]);
        assert_eq!(table.to_string(), "RUN          STATE\nzwölf        failed [31m\na-long-name  -\n");
    }
}

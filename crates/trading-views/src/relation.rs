//! Finds views and checks that they can be read.

use std::collections::BTreeMap;

use jiff::civil::Date;
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, Executor, FromRow, PgConnection};

use crate::{ColumnKind, View, ViewError, ViewProblem, Views, sql};

/// Returns one row per name of the array, in the array's order. In the list of columns, each name is followed by its
/// type. For a domain this is the base type, which the query looks up recursively because a domain can be based on
/// another domain. The subqueries are planned faster than joins would be.
const FIND: &str = "
SELECT c.oid::regclass::text, c.relkind = 'm' AND NOT c.relispopulated,
  has_table_privilege(c.oid, 'SELECT') OR has_any_column_privilege(c.oid, 'SELECT'),
  current_setting('server_encoding'),
  ARRAY(SELECT a.attname::text || ' ' || (
          SELECT CASE WHEN t.typtype <> 'd' THEN t.typname ELSE (
            WITH RECURSIVE base (name, below) AS (
              SELECT t.typname, t.typbasetype
              UNION ALL
              SELECT b.typname, b.typbasetype FROM base, pg_type b WHERE b.oid = base.below)
            SELECT base.name FROM base WHERE base.below = 0) END
          FROM pg_type t WHERE t.oid = a.atttypid)
        FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)
FROM unnest(ARRAY[NAMES]) WITH ORDINALITY AS requested (name, position)
  LEFT JOIN pg_class c ON c.oid = to_regclass(requested.name) ORDER BY requested.position";

/// The column with the day that a row belongs to.
const DAY: &str = "report_date";

/// A row of [`FIND`]: name, whether it is unpopulated, whether the user can read it, encoding, columns. If the relation
/// does not exist, the first three are NULL.
type FoundRow = (Option<String>, Option<bool>, Option<bool>, String, Vec<String>);

/// A view that exists, can be read and has the columns that are needed.
#[derive(Clone, Debug)]
pub struct Relation {
    /// Its name quoted for SQL.
    pub name: String,
    /// The name in `pg_type` of the type of its `report_date`.
    pub day_type: String,
    kinds: BTreeMap<String, ColumnKind>,
    white_space: &'static str,
}

impl Views {
    /// Finds the four views with all their columns in one round trip. Each is checked as [`View::find`] does.
    ///
    /// # Errors
    /// If a view can't be read, for the first such view. If the server reported the error, the transaction is aborted.
    pub async fn find(&self, connection: &mut PgConnection) -> Result<[Relation; 4], ViewError> {
        let views = self.all();
        let sql = format!("SAVEPOINT finding; {}", find(&views));
        let found = rows(connection, sql).await;
        let found: Vec<FoundRow> = match found {
            Ok(found) => found,
            // The error does not identify the view, so each view is looked up separately.
            Err(_) => {
                let undone = connection.execute(sqlx::raw_sql("ROLLBACK TO finding")).await;
                undone.map_err(|error| ViewError::finding(views[0], &error))?;
                let mut found = Vec::new();
                for view in views {
                    found.extend(view.look_up(connection).await?);
                }
                found
            }
        };
        let mut found = found.into_iter();
        let mut relation = |view: &View| view.relation(found.next(), view.columns);
        let [kpis, series, extremes, portfolio] = views;
        Ok([relation(kpis)?, relation(series)?, relation(extremes)?, relation(portfolio)?])
    }
}

impl View {
    /// Finds the view and checks that the user can read these columns of it. Call it in a transaction that
    /// [`crate::begin`] began.
    ///
    /// # Errors
    /// If the view can't be read. If the server reported the error, the transaction is aborted.
    pub async fn find(
        &self,
        connection: &mut PgConnection,
        columns: &[&'static str],
    ) -> Result<Relation, ViewError> {
        self.relation(self.look_up(connection).await?, columns)
    }

    async fn look_up(&self, connection: &mut PgConnection) -> Result<Option<FoundRow>, ViewError> {
        let found = rows(connection, find(&[self])).await;
        Ok(found.map_err(|error| ViewError::finding(self, &error))?.into_iter().next())
    }

    fn relation(&self, found: Option<FoundRow>, columns: &[&'static str]) -> Result<Relation, ViewError> {
        let view = self.name.clone();
        let wrong = |problem| Err(ViewError { variable: self.variable, problem });
        let Some((Some(name), unpopulated, readable, encoding, present)) = found else {
            return wrong(ViewProblem::Missing { view, failure: None });
        };
        let types: BTreeMap<&str, &str> =
            present.iter().filter_map(|column| column.rsplit_once(' ')).collect();
        let day_type = types.get(DAY).copied().unwrap_or_default();
        let needed: Vec<&str> = columns.iter().copied().chain([DAY]).collect();
        let missing: Vec<&str> =
            needed.iter().copied().filter(|column| !types.contains_key(column)).collect();
        if readable != Some(true) {
            wrong(ViewProblem::Denied { view, failure: None })
        } else if !missing.is_empty() {
            let (missing, needed) = (missing.join(", "), needed.join(", "));
            wrong(ViewProblem::NoColumn { view, missing, needed })
        } else if ColumnKind::of(day_type).is_numeric() {
            wrong(ViewProblem::NoDates { view, type_name: day_type.to_owned() })
        } else if unpopulated == Some(true) {
            wrong(ViewProblem::NotPopulated { view })
        } else {
            let kinds =
                types.iter().map(|(column, name)| ((*column).to_owned(), ColumnKind::of(name))).collect();
            let day_type = day_type.to_owned();
            Ok(Relation { name, day_type, kinds, white_space: sql::white_space(&encoding) })
        }
    }
}

/// The statement that finds the views. Only quotes need escaping, because the transaction has
/// `standard_conforming_strings = on`.
fn find(views: &[&View]) -> String {
    let names = views.iter().map(|view| format!("'{}'", view.name.replace('\'', "''")));
    FIND.replace("NAMES", &names.collect::<Vec<_>>().join(", "))
}

/// Executes the statements in one round trip, which the simple protocol permits.
async fn rows(connection: &mut PgConnection, sql: String) -> Result<Vec<FoundRow>, sqlx::Error> {
    let rows: Vec<PgRow> = connection.fetch_all(sqlx::raw_sql(AssertSqlSafe(sql))).await?;
    rows.iter().map(FoundRow::from_row).collect()
}

/// SQL expressions that read a column of any type. They are NULL for values that can't be used, and fail on no value.
/// They require the settings of [`crate::begin`].
impl Relation {
    /// The kind of a column.
    pub fn kind(&self, column: &str) -> ColumnKind {
        self.kinds.get(column).copied().unwrap_or(ColumnKind::Text)
    }

    /// The column as a name: trimmed, and NULL if nothing remains.
    pub fn text(&self, column: &str) -> String {
        sql::name(column, self.white_space)
    }

    /// The column as a finite `float8`.
    pub fn number(&self, column: &str) -> String {
        sql::number(column, self.kind(column), self.white_space)
    }

    /// The column as a whole number of at most 2^53.
    pub fn id(&self, column: &str) -> String {
        sql::id(column, self.kind(column), self.white_space)
    }

    /// The column as a `timestamptz`.
    pub fn time(&self, column: &str) -> String {
        sql::time(column, self.kind(column), self.white_space)
    }

    /// The column as microseconds since 1970.
    pub fn microseconds(&self, column: &str) -> String {
        format!("(extract(epoch FROM {}) * 1000000)::int8", self.time(column))
    }

    /// The day that the row belongs to, as a `date`: its `report_date`, the day of a timestamp in UTC, or the day at
    /// the beginning of a text. NULL if the row belongs to no day.
    pub fn day(&self) -> String {
        sql::day(DAY, self.kind(DAY), self.white_space)
    }

    /// Whether the row belongs to this day. The condition can use an index on `report_date`, unless the column is a text.
    pub fn is_day(&self, date: Date) -> String {
        match self.kind(DAY) {
            ColumnKind::Date => format!("{DAY} = '{date}'"),
            _ => self.is_between(date, date),
        }
    }

    /// Whether the row belongs to one of the days from `first` to `last`. The condition can use an index on
    /// `report_date`, unless the column is a text. Texts are compared as texts: `2026-02-30` also matches a range that
    /// contains the end of February.
    pub fn is_between(&self, first: Date, last: Date) -> String {
        sql::is_between(DAY, self.kind(DAY), self.white_space, [first, last])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [&str; 5] =
        ["kpi_name text", "display_value numeric", "sort_order int4", "odd name float4", "report_date date"];

    fn found(columns: &[&str]) -> FoundRow {
        let columns = columns.iter().map(|&column| column.to_owned()).collect();
        (Some("s.kpis".to_owned()), Some(false), Some(true), "UTF8".to_owned(), columns)
    }

    fn relation(found: Option<FoundRow>) -> Result<Relation, ViewError> {
        let view = Views::default().kpis;
        view.relation(found, view.columns)
    }

    #[test]
    fn a_relation_has_the_kinds_of_its_columns() {
        let relation = relation(Some(found(&COLUMNS))).expect("it has every column");
        assert_eq!((relation.name.as_str(), relation.day_type.as_str()), ("s.kpis", "date"));
        let kinds = ["display_value", "odd name", "no such column"].map(|column| relation.kind(column));
        assert_eq!(kinds, [ColumnKind::Numeric, ColumnKind::Single, ColumnKind::Text]);
    }

    #[test]
    fn each_reason_why_a_view_can_not_be_read_has_its_problem() {
        let (_, _, _, encoding, _) = found(&[]);
        let denied = (Some("s.kpis".to_owned()), Some(false), Some(false), encoding.clone(), Vec::new());
        let columns = COLUMNS.map(str::to_owned).to_vec();
        let unpopulated = (Some("s.kpis".to_owned()), Some(true), Some(true), encoding.clone(), columns);
        let missing = (None, None, None, encoding, Vec::new());
        let name = "utils_statistics.trades_kpi_summary_mv";
        for (found, message) in [
            (None, format!("there is no view {name} in the database; create it or name the right one")),
            (Some(missing), format!("there is no view {name} in the database")),
            (Some(denied), format!("the database user may not read {name}; GRANT USAGE")),
            (Some(unpopulated), format!("{name} has not been populated; run REFRESH")),
            (Some(found(&COLUMNS[..2])), format!("{name} has no column sort_order, report_date; it needs")),
            (
                Some(found(&["kpi_name text", "display_value text", "sort_order int4", "report_date int4"])),
                format!("{name} has a report_date of type int4"),
            ),
        ] {
            let error = relation(found).expect_err(&message).to_string();
            assert!(error.starts_with(&format!("MV_KPI_TABLE: {message}")), "{error}");
        }
    }

    #[test]
    fn a_quote_in_the_name_of_a_view_is_doubled() {
        let view = View { name: "s.\"it's\"".to_owned(), ..Views::default().kpis };
        assert!(find(&[&view]).contains("ARRAY['s.\"it''s\"']"));
    }
}

//! Finds views and reports whether they can be read.

use std::collections::BTreeMap;

use jiff::civil::Date;
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, Executor, FromRow, PgConnection};

use crate::{Kind, View, ViewError, ViewProblem, Views, sql};

/// One row per name of an array, in its order. Each column is followed by its type, or by the base type of its domain,
/// which may be a domain itself. Subqueries are planned faster than joins here.
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
FROM unnest(ARRAY[NAMES]) WITH ORDINALITY AS wanted (name, place)
  LEFT JOIN pg_class c ON c.oid = to_regclass(wanted.name) ORDER BY wanted.place";

/// The column that says which day a row belongs to.
const DAY: &str = "report_date";

/// NULL throughout, but for encoding and columns, where there is no such relation.
type Found = (Option<String>, Option<bool>, Option<bool>, String, Vec<String>);

/// A view that exists, can be read and has the columns that are needed.
#[derive(Clone, Debug)]
pub struct Relation {
    /// Its name quoted for SQL.
    pub name: String,
    /// The name in `pg_type` of the type of its `report_date`.
    pub day_type: String,
    kinds: BTreeMap<String, Kind>,
    white_space: &'static str,
}

impl Views {
    /// Finds the four views with all their columns, as [`View::find`] does each, in one round trip.
    ///
    /// # Errors
    /// With what is wrong with the first view that can't be read. The transaction can't be used any more if the server
    /// reported the error.
    pub async fn find(&self, connection: &mut PgConnection) -> Result<[Relation; 4], ViewError> {
        let views = self.all();
        let sql = format!("SAVEPOINT finding; {}", find(&views));
        let found = rows(connection, sql).await;
        let found: Vec<Found> = match found {
            Ok(found) => found,
            // Which view the server means is found out one by one.
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
    /// Finds the view, inside a transaction of [`crate::begin`], and checks that the user can read these columns of it.
    ///
    /// # Errors
    /// With what is wrong with the view. The transaction can't be used any more if the server reported the error.
    pub async fn find(
        &self,
        connection: &mut PgConnection,
        columns: &[&'static str],
    ) -> Result<Relation, ViewError> {
        self.relation(self.look_up(connection).await?, columns)
    }

    async fn look_up(&self, connection: &mut PgConnection) -> Result<Option<Found>, ViewError> {
        let found = rows(connection, find(&[self])).await;
        Ok(found.map_err(|error| ViewError::finding(self, &error))?.into_iter().next())
    }

    fn relation(&self, found: Option<Found>, columns: &[&'static str]) -> Result<Relation, ViewError> {
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
        } else if Kind::of(day_type).is_numeric() {
            wrong(ViewProblem::NoDates { view, type_name: day_type.to_owned() })
        } else if unpopulated == Some(true) {
            wrong(ViewProblem::NotPopulated { view })
        } else {
            let kinds = types.iter().map(|(column, name)| ((*column).to_owned(), Kind::of(name))).collect();
            let day_type = day_type.to_owned();
            Ok(Relation { name, day_type, kinds, white_space: sql::white_space(&encoding) })
        }
    }
}

/// The statement that finds the views. The transaction made a quote the only character to be escaped.
fn find(views: &[&View]) -> String {
    let names = views.iter().map(|view| format!("'{}'", view.name.replace('\'', "''")));
    FIND.replace("NAMES", &names.collect::<Vec<_>>().join(", "))
}

/// The simple protocol takes one round trip.
async fn rows(connection: &mut PgConnection, sql: String) -> Result<Vec<Found>, sqlx::Error> {
    let rows: Vec<PgRow> = connection.fetch_all(sqlx::raw_sql(AssertSqlSafe(sql))).await?;
    rows.iter().map(Found::from_row).collect()
}

/// SQL expressions that read a column, whatever its type is, and are NULL for what can't be used. None of them fails
/// on any value. They presume the settings of [`crate::begin`].
impl Relation {
    /// The kind of a column.
    pub fn kind(&self, column: &str) -> Kind {
        self.kinds.get(column).copied().unwrap_or(Kind::Text)
    }

    /// The column as a name: without white space around it, and not empty.
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

    /// The day that the row belongs to, as a `date`: its `report_date`, the day of a timestamp in UTC, or the day that
    /// a text begins with. NULL where there is none.
    pub fn day(&self) -> String {
        sql::day(DAY, self.kind(DAY), self.white_space)
    }

    /// Whether the row belongs to this day. An index on `report_date` serves, unless the column is a text.
    pub fn is_day(&self, date: Date) -> String {
        match self.kind(DAY) {
            Kind::Date => format!("{DAY} = '{date}'"),
            _ => self.is_between(date, date),
        }
    }

    /// Whether the row belongs to one of the days from `first` to `last`. An index on `report_date` serves, unless the
    /// column is a text; a text that begins like a day between the two and is none matches too.
    pub fn is_between(&self, first: Date, last: Date) -> String {
        sql::is_between(DAY, self.kind(DAY), self.white_space, [first, last])
    }
}

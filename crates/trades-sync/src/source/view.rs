//! The four views: their names, their columns, and whether they can be read.

use jiff::civil::Date;
use sqlx::PgConnection;

use super::SourceError;
use super::error::{reason, sqlstate};
use crate::domain::METRICS;

const UNDEFINED_SCHEMA: &str = "3F000";
const INSUFFICIENT_PRIVILEGE: &str = "42501";

/// One of the four views: where its name is configured, the name, and the columns read from it.
#[derive(Clone, Debug)]
pub struct View {
    /// The variable that names it.
    pub variable: &'static str,
    /// Its name, with its schema, in SQL's spelling.
    pub name: String,
    /// The columns that are read, besides `report_date`, which every view is filtered by.
    pub columns: Vec<&'static str>,
}

impl View {
    fn read_error(&self, date: Option<Date>, error: &sqlx::Error) -> SourceError {
        let (variable, view) = (self.variable, self.name.clone());
        match sqlstate(error).as_deref() {
            Some(INSUFFICIENT_PRIVILEGE) => SourceError::Denied { variable, view },
            Some(UNDEFINED_SCHEMA) => SourceError::NoView { variable, view },
            _ => SourceError::Read { variable, view, date, reason: reason(error) },
        }
    }

    /// The query for a day's rows, in the order the view stores them, columns in the order of `columns`.
    ///
    /// The date is a literal because its type follows the column's then, be it date, timestamp or text.
    pub(super) fn select(&self, relation: &str, date: Date) -> String {
        format!("SELECT {} FROM {relation} WHERE report_date = '{date}'", self.columns.join(", "))
    }

    pub(super) fn failed(&self, date: Date) -> impl Fn(sqlx::Error) -> SourceError + '_ {
        move |error| self.read_error(Some(date), &error)
    }
}

/// The four views of a day.
#[derive(Clone, Debug)]
pub struct Views {
    /// Displayed KPI values.
    pub kpis: View,
    /// Points of series.
    pub series: View,
    /// Items of the extremes lists.
    pub extremes: View,
    /// Holdings.
    pub portfolio: View,
}

impl Views {
    /// The views by the names given.
    pub fn named(kpis: String, series: String, extremes: String, portfolio: String) -> Self {
        let view =
            |variable, name, columns: &[&'static str]| View { variable, name, columns: columns.to_vec() };
        let mut extremes = view(
            "MV_EXTREMES_TABLE",
            extremes,
            &["kpi_name", "side", "rank", "trade_id", "symbol", "contract_name", "mid_ts"],
        );
        extremes.columns.extend(METRICS.map(|(name, ..)| name));
        Self {
            kpis: view("MV_KPI_TABLE", kpis, &["kpi_name", "display_value", "sort_order"]),
            series: view("MV_SERIES_TABLE", series, &["kpi_name", "ts", "value", "source"]),
            extremes,
            portfolio: view("MV_PORTFOLIO_TABLE", portfolio, &["trade_id", "symbol", "contract_name"]),
        }
    }

    /// All four, in the order they are read.
    pub fn all(&self) -> [&View; 4] {
        [&self.kpis, &self.series, &self.extremes, &self.portfolio]
    }
}

/// Finds the view and makes sure that it can be read; gives its name quoted for use in SQL.
pub(super) async fn relation(
    connection: &mut PgConnection,
    view: &View,
    date: Option<Date>,
) -> Result<String, SourceError> {
    let found: Option<(String, bool, bool, Vec<String>)> = sqlx::query_as(
        "SELECT c.oid::regclass::text, c.relkind = 'm' AND NOT c.relispopulated,
                has_table_privilege(c.oid, 'SELECT') OR has_any_column_privilege(c.oid, 'SELECT'),
                ARRAY(SELECT attname::text FROM pg_attribute
                      WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped)
         FROM pg_class c WHERE c.oid = to_regclass($1)",
    )
    .bind(&view.name)
    .fetch_optional(connection)
    .await
    .map_err(|error| view.read_error(date, &error))?;
    let (variable, name) = (view.variable, view.name.clone());
    let Some((relation, unpopulated, readable, present)) = found else {
        return Err(SourceError::NoView { variable, view: name });
    };
    let needed = || view.columns.iter().copied().chain(["report_date"]);
    let missing: Vec<&str> = needed().filter(|column| !present.iter().any(|name| name == column)).collect();
    if !readable {
        Err(SourceError::Denied { variable, view: name })
    } else if !missing.is_empty() {
        let needed = needed().collect::<Vec<_>>().join(", ");
        Err(SourceError::NoColumn { variable, view: name, missing: missing.join(", "), needed })
    } else if unpopulated {
        Err(SourceError::NotPopulated { variable, view: name })
    } else {
        Ok(relation)
    }
}

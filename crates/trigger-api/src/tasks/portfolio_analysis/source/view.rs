//! The four views: their names, their columns, and whether they can be read.

use std::collections::BTreeMap;

use sqlx::{AssertSqlSafe, PgConnection};

use super::columns::{self, Kind};
use super::error::{REFUSED, caused, interrupted, plain, sqlstate};
use crate::domain::task::TaskError;

/// The names of the four views, with their schema, in SQL's spelling.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Views {
    /// Displayed KPI values (`MV_KPI_TABLE`).
    pub kpis: String,
    /// Points of series (`MV_SERIES_TABLE`).
    pub series: String,
    /// Items of the extremes lists (`MV_EXTREMES_TABLE`).
    pub extremes: String,
    /// Holdings (`MV_PORTFOLIO_TABLE`).
    pub portfolio: String,
}

impl Default for Views {
    fn default() -> Self {
        Self {
            kpis: "utils_statistics.trades_kpi_summary_mv".to_owned(),
            series: "utils_statistics.trades_kpi_series_mv".to_owned(),
            extremes: "utils_statistics.trades_contract_extremes_by_kpi_mv".to_owned(),
            portfolio: "utils_statistics.trades_portfolio_assets_mv".to_owned(),
        }
    }
}

const EXTREMES: &[&str] = &[
    "kpi_name",
    "side",
    "rank",
    "trade_id",
    "contract_name",
    "mid_ts",
    "qty",
    "cost_basis",
    "individual_pnl",
    "bid_price",
    "ask_price",
    "mid_price",
    "mid_mark_pnl",
    "liquidity_drag",
];

impl Views {
    /// For each view: the variable that names it, its name, and the columns that are read.
    fn all(&self) -> [(&'static str, &str, &'static [&'static str]); 4] {
        [
            ("MV_KPI_TABLE", &self.kpis, &["kpi_name", "display_value"]),
            ("MV_SERIES_TABLE", &self.series, &["kpi_name", "ts", "value"]),
            ("MV_EXTREMES_TABLE", &self.extremes, EXTREMES),
            ("MV_PORTFOLIO_TABLE", &self.portfolio, &["trade_id", "symbol", "contract_name"]),
        ]
    }

    /// Finds the views, and makes sure that they can be read.
    pub(super) async fn found(&self, connection: &mut PgConnection) -> Result<[View; 4], TaskError> {
        let [kpis, series, extremes, portfolio] = self.all();
        Ok([
            View::find(connection, kpis).await?,
            View::find(connection, series).await?,
            View::find(connection, extremes).await?,
            View::find(connection, portfolio).await?,
        ])
    }
}

/// A view that is there and can be read.
#[derive(Clone, Debug)]
pub(super) struct View {
    /// The variable that names it.
    pub(super) variable: &'static str,
    /// Its name quoted for SQL.
    pub(super) relation: String,
    kinds: BTreeMap<String, Kind>,
    white_space: &'static str,
}

const FIND: &str = "
SELECT c.oid::regclass::text, c.relkind = 'm' AND NOT c.relispopulated,
  has_table_privilege(c.oid, 'SELECT') OR has_any_column_privilege(c.oid, 'SELECT'),
  current_setting('server_encoding'),
  ARRAY(SELECT a.attname::text || ' ' || coalesce(base.typname, t.typname)
        FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_type base ON base.oid = t.typbasetype
        WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)
FROM pg_class c WHERE c.oid = to_regclass($1)";

type Found = (String, bool, bool, String, Vec<String>);

impl View {
    async fn find(
        connection: &mut PgConnection,
        (variable, name, columns): (&'static str, &str, &'static [&'static str]),
    ) -> Result<Self, TaskError> {
        let found = sqlx::query_as(FIND).persistent(false).bind(name).fetch_optional(connection).await;
        let found: Option<Found> = found.map_err(|error| match sqlstate(&error).as_deref() {
            Some("42501") => denied(variable, name, Some(&error)),
            Some("3F000") => plain(REFUSED, absent(variable, name)),
            // A name that is no name, such as one with a quote that never ends.
            Some(code) if code.starts_with("42") => caused(REFUSED, absent(variable, name), &error),
            _ => interrupted(&format!("looking at {name} ({variable})"), &error),
        })?;
        let Some((relation, unpopulated, readable, encoding, present)) = found else {
            return Err(plain(REFUSED, absent(variable, name)));
        };
        if !readable {
            return Err(denied(variable, name, None));
        }
        let kinds: BTreeMap<String, Kind> = present
            .iter()
            .filter_map(|column| column.rsplit_once(' '))
            .map(|(column, type_name)| (column.to_owned(), Kind::of(type_name)))
            .collect();
        let needed = || columns.iter().copied().chain(["report_date"]);
        let missing: Vec<&str> = needed().filter(|column| !kinds.contains_key(*column)).collect();
        if !missing.is_empty() {
            let (missing, needed) = (missing.join(", "), needed().collect::<Vec<_>>().join(", "));
            return Err(plain(
                REFUSED,
                format!("{variable}: {name} has no column {missing}; it needs {needed}"),
            ));
        }
        if unpopulated {
            return Err(plain(
                REFUSED,
                format!("{variable}: {name} has not been populated; run REFRESH MATERIALIZED VIEW {name}"),
            ));
        }
        Ok(Self { variable, relation, kinds, white_space: columns::white_space(&encoding) })
    }

    fn kind(&self, column: &str) -> Kind {
        self.kinds.get(column).copied().unwrap_or(Kind::Text)
    }

    /// The column's text as a name.
    pub(super) fn name(&self, column: &str) -> String {
        columns::name(column, self.white_space)
    }

    /// The column as a number.
    pub(super) fn number(&self, column: &str) -> String {
        columns::number(column, self.kind(column))
    }

    /// The column as an id.
    pub(super) fn id(&self, column: &str) -> String {
        columns::id(column, self.kind(column))
    }

    /// The column as a time.
    pub(super) fn moment(&self, column: &str) -> String {
        columns::moment(column, self.kind(column))
    }

    /// The row's `report_date` as a day.
    pub(super) fn day(&self) -> String {
        columns::day("report_date", self.kind("report_date"))
    }

    /// Runs a query on the view, and gives the rows.
    pub(super) async fn fetch<Row>(
        &self,
        connection: &mut PgConnection,
        sql: &str,
    ) -> Result<Vec<Row>, TaskError>
    where
        Row: for<'r> sqlx::FromRow<'r, sqlx::postgres::PgRow> + Send + Unpin,
    {
        let rows =
            sqlx::query_as(AssertSqlSafe(sql.to_owned())).persistent(false).fetch_all(connection).await;
        rows.map_err(|error| match sqlstate(&error).as_deref() {
            Some("42501") => denied(self.variable, &self.relation, Some(&error)),
            // A view over a materialized view that has never been filled.
            Some("55000") => caused(
                REFUSED,
                format!("{}: {} reads something that has not been populated", self.variable, self.relation),
                &error,
            ),
            _ => interrupted(&format!("reading {} ({})", self.relation, self.variable), &error),
        })
    }
}

fn absent(variable: &str, name: &str) -> String {
    format!("{variable}: there is no view {name} in the database; create it or name the right one")
}

fn denied(variable: &str, name: &str, cause: Option<&sqlx::Error>) -> TaskError {
    let message = format!(
        "{variable}: the database user may not read {name}; GRANT USAGE on its schema and SELECT on it"
    );
    cause.map_or_else(|| plain(REFUSED, message.clone()), |cause| caused(REFUSED, message.clone(), cause))
}

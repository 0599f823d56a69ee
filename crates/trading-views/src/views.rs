//! The four views: the variables that name them, their default names, and their columns.

use common::config::{ConfigError, Settings, Variable};

// Macros, because `concat!` takes literals only: the help text of a variable contains its default.
macro_rules! kpis {
    () => {
        "utils_statistics.trades_kpi_summary_mv"
    };
}
macro_rules! series {
    () => {
        "utils_statistics.trades_kpi_series_mv"
    };
}
macro_rules! extremes {
    () => {
        "utils_statistics.trades_contract_extremes_by_kpi_mv"
    };
}
macro_rules! portfolio {
    () => {
        "utils_statistics.trades_portfolio_assets_mv"
    };
}

/// The default names, in the order of [`Views::all`].
const DEFAULT_NAMES: [&str; 4] = [kpis!(), series!(), extremes!(), portfolio!()];

/// The variables of every program that reads the views: the names of the four views, in the order of [`Views::all`],
/// and the time zone of the report.
pub const VARIABLES: [Variable; 5] = [
    Variable::plain("MV_KPI_TABLE", concat!("the view of KPI values; ", kpis!())),
    Variable::plain("MV_SERIES_TABLE", concat!("the view of series; ", series!())),
    Variable::plain("MV_EXTREMES_TABLE", concat!("the view of extremes; ", extremes!())),
    Variable::plain("MV_PORTFOLIO_TABLE", concat!("the view of holdings; ", portfolio!())),
    Variable::plain("REPORT_TIMEZONE", "the time zone that defines \"today\", such as America/New_York; UTC"),
];

/// One of the four views.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct View {
    /// The variable that names it.
    pub variable: &'static str,
    /// Its name in SQL syntax, with its schema.
    pub name: String,
    /// All columns of the view, except `report_date`, which all four have.
    pub columns: &'static [&'static str],
}

/// The four views.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Views {
    /// KPI values as they are displayed.
    pub kpis: View,
    /// Points of series.
    pub series: View,
    /// Items of the extremes lists.
    pub extremes: View,
    /// Holdings.
    pub portfolio: View,
}

impl Default for Views {
    fn default() -> Self {
        let view = |index: usize, columns| View {
            variable: VARIABLES[index].name,
            name: DEFAULT_NAMES[index].to_owned(),
            columns,
        };
        Self {
            kpis: view(0, &["kpi_name", "display_value", "sort_order"]),
            series: view(1, &["kpi_name", "ts", "value", "source"]),
            extremes: view(
                2,
                &[
                    "kpi_name",
                    "side",
                    "rank",
                    "trade_id",
                    "symbol",
                    "contract_name",
                    "mid_ts",
                    "metric_raw",
                    "metric_abs",
                    "individual_pnl",
                    "abs_individual_pnl",
                    "percent_change",
                    "cost_basis",
                    "qty",
                    "bid_price",
                    "ask_price",
                    "mid_price",
                    "mid_mark_pnl",
                    "liquidity_drag",
                ],
            ),
            portfolio: view(3, &["trade_id", "symbol", "contract_name"]),
        }
    }
}

impl Views {
    /// The views with the names from the settings.
    ///
    /// # Errors
    /// If a name is not one of SQL.
    pub fn from_settings(settings: &Settings) -> Result<Self, ConfigError> {
        let named = |view: View| match settings.text(view.variable) {
            Some(name) if is_relation_name(&name) => Ok(View { name, ..view }),
            Some(name) => {
                let problem = format!(
                    "{name:?} is not the name of a view; use VIEW or SCHEMA.VIEW, with double quotes around special names"
                );
                Err(ConfigError::variable(view.variable, problem))
            }
            None => Ok(view),
        };
        let Self { kpis, series, extremes, portfolio } = Self::default();
        Ok(Self {
            kpis: named(kpis)?,
            series: named(series)?,
            extremes: named(extremes)?,
            portfolio: named(portfolio)?,
        })
    }

    /// All four: KPIs, series, extremes, portfolio.
    pub fn all(&self) -> [&View; 4] {
        [&self.kpis, &self.series, &self.extremes, &self.portfolio]
    }
}

/// Whether the text is a name as SQL writes it: up to three identifiers with dots between them.
fn is_relation_name(text: &str) -> bool {
    let mut rest = text;
    for _ in 0..3 {
        let Some(end) = identifier_length(rest) else { return false };
        match rest[end..].strip_prefix('.') {
            Some(next) => rest = next,
            None => return rest.len() == end,
        }
    }
    false
}

/// The length of the identifier at the beginning of a text, which may be quoted; None if there is none.
fn identifier_length(text: &str) -> Option<usize> {
    let Some(quoted) = text.strip_prefix('"') else {
        let is_part = |character: char| character.is_alphanumeric() || matches!(character, '_' | '$');
        let length = text.find(|character| !is_part(character)).unwrap_or(text.len());
        let is_identifier = text.starts_with(|first: char| first.is_alphabetic() || first == '_');
        return is_identifier.then_some(length);
    };
    let mut characters = quoted.char_indices().peekable();
    while let Some((index, character)) = characters.next() {
        // A quote in a name is doubled.
        if character == '"' && characters.next_if(|(_, next)| *next == '"').is_none() {
            return (index > 0).then_some(index + 2);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::is_relation_name;

    #[test]
    fn a_view_has_a_name_of_sql() {
        for name in
            ["kpis", "s.kpis", "db.s.kpis", "_a$1", "S.\u{e4}", r#""a b"."c.d""#, r#"s."it's ""new""""#]
        {
            assert!(is_relation_name(name), "{name}");
        }
        for other in
            ["", "x;y", "a.b.c.d", r#""a"#, r#""""#, "a.", ".a", "a b", "1a", r#""a"b"#, "a--", "a.*"]
        {
            assert!(!is_relation_name(other), "{other}");
        }
    }
}

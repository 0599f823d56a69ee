//! Converts the rows of the views to the parts of a day. What can't be stored is dropped and counted: rows without a
//! name, id, side, time or value, and numbers that are not finite. NULL in an optional column is not counted.

mod field;

use std::sync::Arc;

use futures_util::TryStreamExt;
use indexmap::IndexMap;
use jiff::civil::Date;
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, PgConnection};
use trading_views::{ColumnKind, Relation, View, ViewError};

use self::field::{Fields, NotANumber};
use super::SourceError;
use crate::domain::{Asset, DropReason, Drops, ExtremesItem, HiLo, KpiRow, METRICS, Overlay, Part, Point};

/// The number of rows that each view has for a day, including the rows that can't be stored.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct ViewRows {
    /// Rows of the view of KPI values.
    pub kpis: usize,
    /// Rows of the view of series.
    pub series: usize,
    /// Rows of the view of extremes.
    pub extremes: usize,
    /// Rows of the view of holdings.
    pub portfolio: usize,
}

impl ViewRows {
    /// The number of rows of all four views.
    pub fn total(&self) -> usize {
        self.kpis + self.series + self.extremes + self.portfolio
    }

    /// The number of rows of the view with a part of the day.
    pub fn of(&self, part: Part) -> usize {
        match part {
            Part::Kpis => self.kpis,
            Part::Series => self.series,
            Part::Extremes => self.extremes,
            Part::Portfolio => self.portfolio,
        }
    }
}

/// A view and its relation in the database.
#[derive(Clone, Copy)]
pub(super) struct FoundView<'a> {
    pub(super) view: &'a View,
    pub(super) relation: &'a Relation,
}

/// Calls `each` with each row of the view's day, and returns the number of rows.
async fn for_each(
    connection: &mut PgConnection,
    FoundView { view, relation }: FoundView<'_>,
    date: Date,
    mut each: impl FnMut(Fields<'_>),
) -> Result<usize, SourceError> {
    let kinds: Vec<ColumnKind> = view.columns.iter().map(|column| relation.kind(column)).collect();
    let (columns, is_day) = (view.columns.join(", "), relation.is_day(date));
    let select = format!("SELECT {columns} FROM {} WHERE {is_day}", relation.name);
    // The simple protocol sends columns of all types as the text that Postgres displays.
    let mut rows = sqlx::raw_sql(AssertSqlSafe(select)).fetch(connection);
    let failed = |error| SourceError::View { date: Some(date), error: ViewError::reading(view, &error) };
    let mut count = 0;
    while let Some(row) = rows.try_next().await.map_err(failed)? {
        let row: PgRow = row;
        count += 1;
        each(Fields::of(&row, &kinds));
    }
    Ok(count)
}

/// The KPIs in the order of `sort_order`, and the number of rows of the view.
pub(super) async fn kpis(
    connection: &mut PgConnection,
    view: FoundView<'_>,
    date: Date,
    drops: &mut Drops,
) -> Result<(Vec<KpiRow>, usize), SourceError> {
    const PART: Part = Part::Kpis;
    let mut rows: Vec<(f64, KpiRow)> = Vec::new();
    let count = for_each(connection, view, date, |fields| {
        let Some(kpi) = fields.name(0) else {
            return drops.add(PART, DropReason::NoName, || format!("value {}", fields.shown(1)));
        };
        // A number that is not finite can't be displayed. The row is stored with an empty value, because the KPI exists.
        let value = match fields.displayed(1).as_deref() {
            Some("NaN" | "Infinity" | "-Infinity") if fields.is_numeric(1) => {
                drops.add(PART, DropReason::NotFinite, || kpi.to_owned());
                String::new()
            }
            value => value.unwrap_or_default().to_owned(),
        };
        let order = fields.number(2).ok().flatten().unwrap_or(f64::INFINITY);
        rows.push((order, KpiRow { kpi: kpi.to_owned(), value }));
    })
    .await?;
    rows.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    Ok((rows.into_iter().map(|(_, row)| row).collect(), count))
}

/// The other parts of a day. The numbers of rows of their views are written to `rows`.
pub(super) async fn overlay(
    connection: &mut PgConnection,
    [series_view, extremes_view, portfolio_view]: [FoundView<'_>; 3],
    date: Date,
    drops: &mut Drops,
    rows: &mut ViewRows,
) -> Result<Overlay, SourceError> {
    let mut overlay = Overlay::default();
    (overlay.series, rows.series) = series(connection, series_view, date, drops).await?;
    (overlay.extremes, rows.extremes) = extremes(connection, extremes_view, date, drops).await?;
    (overlay.assets, rows.portfolio) = assets(connection, portfolio_view, date, drops).await?;
    Ok(overlay)
}

async fn series(
    connection: &mut PgConnection,
    view: FoundView<'_>,
    date: Date,
    drops: &mut Drops,
) -> Result<(IndexMap<String, Vec<Point>>, usize), SourceError> {
    const PART: Part = Part::Series;
    let mut series: IndexMap<String, Vec<Point>> = IndexMap::new();
    let mut last_source: Option<Arc<str>> = None;
    let count = for_each(connection, view, date, |fields| {
        let Some(kpi) = fields.name(0) else {
            return drops.add(PART, DropReason::NoName, || format!("at {}", fields.shown(1)));
        };
        let Some(t) = fields.moment(1) else {
            return drops.add(PART, DropReason::NoTime, || format!("{kpi} at {}", fields.shown(1)));
        };
        let v = match fields.number(2) {
            Ok(Some(v)) => v,
            Ok(None) => return drops.add(PART, DropReason::NoValue, || format!("{kpi} at {t}")),
            Err(NotANumber) => return drops.add(PART, DropReason::NotFinite, || format!("{kpi} at {t}")),
        };
        let src = fields.text(3).map(|source| match &last_source {
            Some(last) if **last == *source => Arc::clone(last),
            _ => Arc::clone(last_source.insert(source.into())),
        });
        match series.get_mut(kpi) {
            Some(points) => points.push(Point { t, v, src }),
            None => drop(series.insert(kpi.to_owned(), vec![Point { t, v, src }])),
        }
    })
    .await?;
    Ok((series, count))
}

async fn extremes(
    connection: &mut PgConnection,
    view: FoundView<'_>,
    date: Date,
    drops: &mut Drops,
) -> Result<(IndexMap<String, HiLo>, usize), SourceError> {
    let mut ranked: Vec<(f64, String, bool, ExtremesItem)> = Vec::new();
    let count = for_each(connection, view, date, |fields| {
        if let Some((kpi, is_hi, item)) = extremes_item(&fields, drops) {
            let rank = fields.number(2).ok().flatten().unwrap_or(f64::INFINITY);
            ranked.push((rank, kpi, is_hi, item));
        }
    })
    .await?;
    ranked.sort_by(|(a, ..), (b, ..)| a.total_cmp(b));
    let mut extremes: IndexMap<String, HiLo> = IndexMap::new();
    for (_, kpi, is_hi, item) in ranked {
        let lists = extremes.entry(kpi).or_default();
        if is_hi {
            lists.hi.push(item);
        } else {
            lists.lo.push(item);
        }
    }
    Ok((extremes, count))
}

fn extremes_item(fields: &Fields<'_>, drops: &mut Drops) -> Option<(String, bool, ExtremesItem)> {
    const PART: Part = Part::Extremes;
    let Some(kpi) = fields.name(0) else {
        drops.add(PART, DropReason::NoName, || format!("contract {}", fields.shown(5)));
        return None;
    };
    let is_hi = match fields.text(1).map(str::trim) {
        Some("hi") => true,
        Some("lo") => false,
        _ => {
            drops.add(PART, DropReason::NoSide, || format!("{kpi}, side {}", fields.shown(1)));
            return None;
        }
    };
    let (trade_id, contract_name) = trade(fields, 3, 5, PART, drops)?;
    let symbol = fields.name(4).map(str::to_owned);
    let mut item = ExtremesItem { trade_id, symbol, contract_name, ..ExtremesItem::default() };
    let name_of = |column: &str| format!("{kpi}, trade {trade_id}, {column}");
    item.mid_ts = fields.moment(6);
    if item.mid_ts.is_none() && fields.text(6).is_some() {
        drops.add(PART, DropReason::NoTime, || name_of("mid_ts"));
    }
    for (column, (name, _, borrow)) in (7..).zip(METRICS) {
        match fields.number(column) {
            Ok(number) => *borrow(&mut item) = number,
            Err(NotANumber) => drops.add(PART, DropReason::NotFinite, || name_of(name)),
        }
    }
    Some((kpi.to_owned(), is_hi, item))
}

async fn assets(
    connection: &mut PgConnection,
    view: FoundView<'_>,
    date: Date,
    drops: &mut Drops,
) -> Result<(Vec<Asset>, usize), SourceError> {
    const PART: Part = Part::Portfolio;
    let mut assets = Vec::new();
    let count = for_each(connection, view, date, |fields| {
        let Some((trade_id, contract_name)) = trade(&fields, 0, 2, PART, drops) else {
            return;
        };
        assets.push(Asset { trade_id, symbol: fields.name(1).map(str::to_owned), contract_name });
    })
    .await?;
    Ok((assets, count))
}

/// The trade's id and contract, from the columns with these indexes.
fn trade(
    fields: &Fields<'_>,
    id: usize,
    contract: usize,
    part: Part,
    drops: &mut Drops,
) -> Option<(i64, String)> {
    let Some(contract) = fields.name(contract) else {
        drops.add(part, DropReason::NoName, || format!("trade {} without a contract_name", fields.shown(id)));
        return None;
    };
    let Some(trade_id) = fields.id(id) else {
        drops.add(part, DropReason::NoId, || format!("{contract}, trade {}", fields.shown(id)));
        return None;
    };
    Some((trade_id, contract.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_of_an_item_follow_its_other_columns_in_the_order_of_the_table() {
        assert_eq!(trading_views::Views::default().extremes.columns[7..], METRICS.map(|(name, ..)| name));
    }
}

//! The expected rows of a day, computed without SQL. `verify` compares the stored rows with them.

mod compare;
mod documents;
mod shape;

use super::{DisplayedValue, Snapshot, overlay_json, rows_json, to_json};

pub use self::compare::{Differences, differences};
pub use self::shape::{Cell, TABLES, Table, TableShape, no_rows};

/// The expected rows of the five tables for this day.
pub fn tables(snapshot: &Snapshot) -> [Table; 5] {
    let mut rows = [
        vec![daily(snapshot)],
        snapshot.rows.iter().map(|row| kpi_value(&row.kpi, &row.value)).collect(),
        series_points(snapshot),
        extremes_items(snapshot),
        portfolio_assets(snapshot),
    ]
    .into_iter();
    TABLES.each_ref().map(|shape| Table { shape, rows: rows.next().unwrap_or_default() })
}

fn daily(snapshot: &Snapshot) -> Vec<Cell> {
    vec![Cell::text(rows_json(snapshot)), Cell::text(overlay_json(snapshot))]
}

fn kpi_value(kpi: &str, text: &str) -> Vec<Cell> {
    let value = DisplayedValue::of(text);
    vec![Cell::text(kpi), Cell::text(text), value.number.into(), Cell::text(value.kind.as_str())]
}

fn series_points(snapshot: &Snapshot) -> Vec<Vec<Cell>> {
    let series = snapshot.overlay.series.iter();
    series
        .flat_map(|(kpi, points)| {
            points.iter().map(move |point| {
                let src = point.src.as_deref().map(str::to_owned);
                vec![Cell::text(kpi), Cell::text(point.t.to_string()), point.v.into(), src.into()]
            })
        })
        .collect()
}

fn extremes_items(snapshot: &Snapshot) -> Vec<Vec<Cell>> {
    let mut rows = Vec::new();
    for (kpi, lists) in &snapshot.overlay.extremes {
        for (side, items) in lists.sides() {
            for (rank, item) in (1..).zip(items) {
                let mut row = vec![
                    Cell::text(kpi),
                    Cell::text(side),
                    Cell::id(rank),
                    Cell::id(item.trade_id),
                    item.symbol.clone().into(),
                    Cell::text(&item.contract_name),
                ];
                row.extend(super::METRICS.iter().map(|(_, get, _)| Cell::from(get(item))));
                row.push(item.mid_ts.as_ref().map(ToString::to_string).into());
                row.push(Cell::Text(String::from_utf8_lossy(&to_json(item)).into_owned()));
                rows.push(row);
            }
        }
    }
    rows
}

fn portfolio_assets(snapshot: &Snapshot) -> Vec<Vec<Cell>> {
    let assets = snapshot.overlay.assets.iter();
    assets
        .map(|asset| {
            vec![Cell::id(asset.trade_id), asset.symbol.clone().into(), Cell::text(&asset.contract_name)]
        })
        .collect()
}

//! Reads a snapshot document with any of the contract's field names into a [`Snapshot`].

mod error;
mod id_texts;
mod node;

use std::sync::Arc;

use indexmap::IndexMap;
use serde_json::Value;

pub use self::error::NormalizeError;
use self::error::Result;
use self::id_texts::IdTexts;
use self::node::Node;
use super::{
    Asset, DropReason, Drops, ExtremesItem, HiLo, KpiRow, METRICS, Moment, Overlay, Part, Point, Snapshot,
};

/// The day of a document, and what can't be stored of it.
#[derive(Debug)]
pub struct Normalized {
    /// The day. It is not empty.
    pub snapshot: Snapshot,
    /// The dropped points and numbers, and repeats.
    pub drops: Drops,
}

/// Reads a document by the rules of `docs/API.md`.
///
/// # Errors
/// If the document breaks a rule. The error has the path of the first field that does.
pub fn normalize(document: &[u8]) -> Result<Normalized> {
    let ids = IdTexts::of(document);
    let document: Value =
        serde_json::from_slice(document).map_err(|error| NormalizeError::InvalidJson(error.to_string()))?;
    if !document.is_object() {
        return Err(NormalizeError::InvalidJson("the document is not an object".to_owned()));
    }
    let root = Node::root(&document, &ids);
    let date = root.required(&["date"])?.date()?;
    text(&root, "source")?;
    let mut drops = Drops::default();
    let mut snapshot = Snapshot {
        date,
        updated_at: root.field(&["updated_at"])?.map_or_else(|| Ok(Moment::now()), |node| node.moment())?,
        headline: text(&root, "headline")?.unwrap_or_else(|| Snapshot::default_headline(date)),
        summary: text(&root, "summary")?.unwrap_or_default(),
        rows: rows(&root)?,
        overlay: match root.field(&["overlay"])? {
            Some(node) => overlay(&node, &mut drops)?,
            None => Overlay::default(),
        },
    };
    snapshot.resolve_repeats(&mut drops);
    if snapshot.is_empty() {
        return Err(NormalizeError::EmptyDay(date));
    }
    Ok(Normalized { snapshot, drops })
}

fn text(root: &Node<'_>, name: &'static str) -> Result<Option<String>> {
    root.field(&[name])?.map(|node| Ok(node.raw_text()?.to_owned())).transpose()
}

fn rows(root: &Node<'_>) -> Result<Vec<KpiRow>> {
    let mut rows = Vec::new();
    for row in root.required(&["rows", "kpis"])?.items()? {
        let kpi = row.required(&["kpi", "name", "label"])?.name()?.to_owned();
        let value = row.field(&["value", "val", "text"])?.map(|value| value.displayed()).transpose()?;
        rows.push(KpiRow { kpi, value: value.unwrap_or_default() });
    }
    Ok(rows)
}

fn overlay(node: &Node<'_>, drops: &mut Drops) -> Result<Overlay> {
    let mut overlay = Overlay::default();
    if let Some(series) = node.field(&["seriesByKpi", "series"])? {
        for (name, list) in series.entries()? {
            let points = overlay.series.entry(series.key_name(name)?).or_default();
            points_of(name, &list, points, drops)?;
        }
    }
    if let Some(extremes) = node.field(&["extremes"])?
        && let Some(by_kpi) = extremes.field(&["byKpi"])?
    {
        extremes_of(&by_kpi, &mut overlay.extremes, drops)?;
    }
    if let Some(assets) = node.field(&["portfolioAssets", "assets"])? {
        overlay.assets = assets.items()?.map(|node| asset(&node)).collect::<Result<_>>()?;
    }
    Ok(overlay)
}

fn points_of(kpi: &str, list: &Node<'_>, points: &mut Vec<Point>, drops: &mut Drops) -> Result<()> {
    let mut source: Option<Arc<str>> = None;
    for node in list.items()? {
        let t = node.required(&["t", "time", "ts"])?.moment()?;
        let src = match node.field(&["src"])? {
            Some(node) => Some(shared(&mut source, node.raw_text()?)),
            None => None,
        };
        match node.field(&["v", "value"])? {
            Some(value) => match value.number()? {
                Some(v) => points.push(Point { t, v, src }),
                None => drops.add(Part::Series, DropReason::NotFinite, || format!("{kpi} at {t}")),
            },
            None => drops.add(Part::Series, DropReason::NoValue, || format!("{kpi} at {t}")),
        }
    }
    Ok(())
}

/// The text as a shared one. Consecutive points usually have the same source.
fn shared(last: &mut Option<Arc<str>>, text: &str) -> Arc<str> {
    match last {
        Some(shared) if **shared == *text => Arc::clone(shared),
        _ => Arc::clone(last.insert(text.into())),
    }
}

fn extremes_of(by_kpi: &Node<'_>, extremes: &mut IndexMap<String, HiLo>, drops: &mut Drops) -> Result<()> {
    for (name, sides) in by_kpi.entries()? {
        let lists = extremes.entry(by_kpi.key_name(name)?).or_default();
        for (side, items) in [("hi", &mut lists.hi), ("lo", &mut lists.lo)] {
            if let Some(list) = sides.field(&[side])? {
                for node in list.items()? {
                    items.push(extremes_item(name, &node, drops)?);
                }
            }
        }
    }
    Ok(())
}

fn extremes_item(kpi: &str, node: &Node<'_>, drops: &mut Drops) -> Result<ExtremesItem> {
    let mut item = ExtremesItem {
        trade_id: node.required(&["trade_id"])?.id()?,
        symbol: symbol(node)?,
        contract_name: node.required(&["contract_name"])?.name()?.to_owned(),
        mid_ts: node.field(&["mid_ts"])?.map(|node| node.moment()).transpose()?,
        ..ExtremesItem::default()
    };
    for (name, _, borrow) in METRICS {
        if let Some(node) = node.field(&[name])? {
            *borrow(&mut item) = node.number()?;
            if borrow(&mut item).is_none() {
                drops.add(Part::Extremes, DropReason::NotFinite, || {
                    format!("{kpi}, trade {}, {name}", item.trade_id)
                });
            }
        }
    }
    let known = |name: &str| {
        ["trade_id", "symbol", "contract_name", "mid_ts"].contains(&name)
            || METRICS.iter().any(|(metric, ..)| *metric == name)
    };
    for (name, value) in node.entries()?.filter(|(name, _)| !known(name)) {
        item.extra.insert(name.to_owned(), value.as_json());
    }
    Ok(item)
}

fn asset(node: &Node<'_>) -> Result<Asset> {
    Ok(Asset {
        trade_id: node.required(&["trade_id"])?.id()?,
        symbol: symbol(node)?,
        contract_name: node.required(&["contract_name"])?.name()?.to_owned(),
    })
}

/// The ticker of an item or asset. A blank one is absent.
fn symbol(node: &Node<'_>) -> Result<Option<String>> {
    let text = node.field(&["symbol"])?.map(|node| node.text()).transpose()?;
    Ok(text.filter(|text| !text.is_empty()).map(str::to_owned))
}

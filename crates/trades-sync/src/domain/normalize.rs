//! Reads a snapshot document, in any of the contract's spellings, into a [`Snapshot`].

mod id_texts;
mod node;

use std::sync::Arc;

use indexmap::IndexMap;
use jiff::civil::Date;
use serde_json::Value;

use self::id_texts::IdTexts;
use self::node::Node;
use super::{
    Asset, Drops, ExtremesItem, HiLo, KpiRow, METRICS, Moment, Overlay, Part, Point, Reason, Snapshot,
};

/// A document's day, and what it held that could not be stored.
#[derive(Debug)]
pub struct Normalized {
    /// The day; never empty.
    pub snapshot: Snapshot,
    /// Points and numbers that were lost, and repeats.
    pub drops: Drops,
}

/// A document that breaks a rule of the contract.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The text is not JSON.
    #[error("not JSON: {0}; send one JSON object")]
    InvalidJson(String),
    /// A field breaks its rule.
    #[error("{field}: {message}")]
    InvalidField {
        /// The path to it, such as `overlay.series.Delta[3].t`.
        field: String,
        /// What it must be.
        message: String,
    },
    /// Nothing is left to store.
    #[error(
        "the document for {0} has no row, point, item or asset with a value; the stored day stays as it is"
    )]
    EmptyDay(Date),
}

impl Refusal {
    /// The contract's error code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::InvalidJson(_) => "invalid_json",
            Self::InvalidField { .. } => "invalid_field",
            Self::EmptyDay(_) => "empty_day",
        }
    }

    /// The path of the field at fault, where there is one.
    pub fn field(&self) -> Option<&str> {
        match self {
            Self::InvalidField { field, .. } => Some(field),
            Self::InvalidJson(_) | Self::EmptyDay(_) => None,
        }
    }
}

type Result<T> = std::result::Result<T, Refusal>;

/// Reads a document by the rules of `docs/API.md`.
///
/// # Errors
/// The first rule that the document breaks, with the path of the field.
pub fn normalize(document: &[u8]) -> Result<Normalized> {
    let ids = IdTexts::of(document);
    let document: Value =
        serde_json::from_slice(document).map_err(|error| Refusal::InvalidJson(error.to_string()))?;
    if !document.is_object() {
        return Err(Refusal::InvalidJson("the document is no object".to_owned()));
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
        return Err(Refusal::EmptyDay(date));
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
                None => drops.add(Part::Series, Reason::NotFinite, || format!("{kpi} at {t}")),
            },
            None => drops.add(Part::Series, Reason::NoValue, || format!("{kpi} at {t}")),
        }
    }
    Ok(())
}

/// The text as a shared one; points next to each other come from the same source.
fn shared(last: &mut Option<Arc<str>>, text: &str) -> Arc<str> {
    match last {
        Some(shared) if **shared == *text => Arc::clone(shared),
        _ => Arc::clone(last.insert(text.into())),
    }
}

fn extremes_of(by_kpi: &Node<'_>, extremes: &mut IndexMap<String, HiLo>, drops: &mut Drops) -> Result<()> {
    for (name, sides) in by_kpi.entries()? {
        let lists = extremes.entry(by_kpi.key_name(name)?).or_default();
        for (side, target) in [("hi", &mut lists.hi), ("lo", &mut lists.lo)] {
            if let Some(list) = sides.field(&[side])? {
                for node in list.items()? {
                    target.push(extremes_item(name, &node, drops)?);
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
    for (name, _, slot) in METRICS {
        if let Some(node) = node.field(&[name])? {
            *slot(&mut item) = node.number()?;
            if slot(&mut item).is_none() {
                drops.add(Part::Extremes, Reason::NotFinite, || {
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

/// The ticker of an item or asset; a blank one counts as absent.
fn symbol(node: &Node<'_>) -> Result<Option<String>> {
    let text = node.field(&["symbol"])?.map(|node| node.text()).transpose()?;
    Ok(text.filter(|text| !text.is_empty()).map(str::to_owned))
}

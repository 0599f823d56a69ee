//! Repeated keys: the later row wins, at the place of the earlier one.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;

use super::{Asset, Drops, KpiRow, Moment, Part, Point, Reason, Snapshot};

impl Snapshot {
    /// Leaves one row per key of the receiver's tables and counts the ones that gave way. A receiver
    /// can fail half-way on a repeated key, so none may leave this program.
    pub fn resolve_repeats(&mut self, drops: &mut Drops) {
        keep_last(&mut self.rows, |row| {
            drops.add(Part::Kpis, Reason::Repeated, || row.kpi.clone());
        });
        for (kpi, points) in &mut self.overlay.series {
            // Views are read in the order of time, where repeats show without a table of all keys.
            if !points.is_sorted_by(|earlier, later| earlier.t < later.t) {
                keep_last(points, |point| {
                    drops.add(Part::Series, Reason::Repeated, || format!("{kpi} at {}", point.t));
                });
            }
        }
        keep_last(&mut self.overlay.assets, |asset| {
            drops.add(Part::Portfolio, Reason::Repeated, || {
                format!("trade {}, {}", asset.trade_id, asset.contract_name)
            });
        });
    }
}

/// A row with the part of its table's primary key that tells it from its siblings.
trait Keyed {
    type Key<'a>: Eq + Hash
    where
        Self: 'a;

    fn key(&self) -> Self::Key<'_>;
}

impl Keyed for KpiRow {
    type Key<'a> = &'a str;

    fn key(&self) -> &str {
        &self.kpi
    }
}

impl Keyed for Point {
    type Key<'a> = &'a Moment;

    fn key(&self) -> &Moment {
        &self.t
    }
}

impl Keyed for Asset {
    type Key<'a> = (i64, &'a str);

    fn key(&self) -> (i64, &str) {
        (self.trade_id, &self.contract_name)
    }
}

fn keep_last<T: Keyed>(items: &mut Vec<T>, mut on_repeat: impl FnMut(&T)) {
    let mut places = HashMap::with_capacity(items.len());
    let mut winners = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        match places.entry(item.key()) {
            Entry::Vacant(vacant) => {
                vacant.insert(winners.len());
                winners.push(index);
            }
            Entry::Occupied(occupied) => {
                on_repeat(item);
                winners[*occupied.get()] = index;
            }
        }
    }
    drop(places);
    if winners.len() < items.len() {
        let mut candidates: Vec<Option<T>> = items.drain(..).map(Some).collect();
        items.extend(winners.into_iter().filter_map(|index| candidates[index].take()));
    }
}

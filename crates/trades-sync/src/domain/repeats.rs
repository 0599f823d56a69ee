//! Repeated keys: the later row replaces the earlier one at its position.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;

use super::{DropReason, Drops, Part, Snapshot};

impl Snapshot {
    /// Keeps one row for each key of the receiver's tables, and counts the rows that are replaced. A repeated key must
    /// not be sent, because it can make a receiver fail after it has stored a part of the day.
    pub fn resolve_repeats(&mut self, drops: &mut Drops) {
        let rows = &mut self.rows;
        let kept = last_of_each_key(rows.iter().map(|row| row.kpi.as_str()), |index| {
            drops.add(Part::Kpis, DropReason::Repeated, || rows[index].kpi.clone());
        });
        keep(rows, kept);
        for (kpi, points) in &mut self.overlay.series {
            // Points of views are sorted by time: repeats are found without a table of all keys.
            if points.is_sorted_by(|earlier, later| earlier.t < later.t) {
                continue;
            }
            let kept = last_of_each_key(points.iter().map(|point| &point.t), |index| {
                drops.add(Part::Series, DropReason::Repeated, || format!("{kpi} at {}", points[index].t));
            });
            keep(points, kept);
        }
        let assets = &mut self.overlay.assets;
        let keys = assets.iter().map(|asset| (asset.trade_id, asset.contract_name.as_str()));
        let kept = last_of_each_key(keys, |index| {
            let asset = &assets[index];
            drops.add(Part::Portfolio, DropReason::Repeated, || {
                format!("trade {}, {}", asset.trade_id, asset.contract_name)
            });
        });
        keep(assets, kept);
    }
}

/// The indexes of the last row of each key, ordered by the first row of each key. `on_repeat` receives the index of
/// each row that repeats a key.
fn last_of_each_key<K: Eq + Hash>(
    keys: impl ExactSizeIterator<Item = K>,
    mut on_repeat: impl FnMut(usize),
) -> Vec<usize> {
    let mut positions = HashMap::with_capacity(keys.len());
    let mut kept = Vec::with_capacity(keys.len());
    for (index, key) in keys.enumerate() {
        match positions.entry(key) {
            Entry::Vacant(vacant) => {
                vacant.insert(kept.len());
                kept.push(index);
            }
            Entry::Occupied(occupied) => {
                on_repeat(index);
                kept[*occupied.get()] = index;
            }
        }
    }
    kept
}

/// Keeps the items at these indexes, in their order.
fn keep<T>(items: &mut Vec<T>, indexes: Vec<usize>) {
    if indexes.len() < items.len() {
        let mut candidates: Vec<Option<T>> = items.drain(..).map(Some).collect();
        items.extend(indexes.into_iter().filter_map(|index| candidates[index].take()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(keys: &[&str]) -> (Vec<String>, Vec<usize>) {
        let mut items: Vec<String> =
            keys.iter().enumerate().map(|(index, key)| format!("{key}{index}")).collect();
        let mut repeats = Vec::new();
        let kept = last_of_each_key(keys.iter(), |index| repeats.push(index));
        keep(&mut items, kept);
        (items, repeats)
    }

    #[test]
    fn the_last_row_of_a_key_takes_the_position_of_the_first() {
        let (items, repeats) = resolved(&["a", "b", "a", "c", "a"]);
        assert_eq!((items.join(" "), repeats), ("a4 b1 c3".to_owned(), vec![2, 4]));
        let (items, repeats) = resolved(&["a", "b"]);
        assert_eq!((items.join(" "), repeats), ("a0 b1".to_owned(), Vec::new()));
    }
}

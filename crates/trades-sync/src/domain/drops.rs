//! The rows and numbers of a day that are not stored, and the reasons.

use std::collections::BTreeMap;
use std::fmt;

use common::text::single_line;

/// The maximum length of a row's name in a log line, in bytes.
const MAX_NAME: usize = 256;

/// The four parts of a day, one per view.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Part {
    /// KPI values as they are displayed.
    Kpis,
    /// Points of series.
    Series,
    /// Items of the extremes lists.
    Extremes,
    /// Holdings.
    Portfolio,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kpis => "KPI",
            Self::Series => "series",
            Self::Extremes => "extremes",
            Self::Portfolio => "portfolio",
        })
    }
}

/// Why a row, or one number of it, was dropped.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum DropReason {
    /// The value of a point is NULL.
    NoValue,
    /// The value is NaN, infinite, or not a number.
    NotFinite,
    /// The name of the KPI or contract is missing.
    NoName,
    /// The side is neither `hi` nor `lo`.
    NoSide,
    /// The id is missing, not a whole number, or above 2^53.
    NoId,
    /// The time is missing or not valid.
    NoTime,
    /// A later row has the same key and replaces it.
    Repeated,
}

impl DropReason {
    /// Whether the row is stored, only without the number.
    fn keeps_row(self, part: Part) -> bool {
        matches!(
            (part, self),
            (Part::Kpis, Self::NotFinite) | (Part::Extremes, Self::NotFinite | Self::NoTime)
        )
    }
}

impl fmt::Display for DropReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoValue => "no value",
            Self::NotFinite => "not a finite number",
            Self::NoName => "no name",
            Self::NoSide => "a side other than hi and lo",
            Self::NoId => "a trade_id that is missing, not a whole number or above 2^53",
            Self::NoTime => "no readable time",
            Self::Repeated => "a repeated key, the later row is kept",
        })
    }
}

/// Counts of dropped rows and numbers, by part and reason. The name of the first of each is kept.
#[derive(Clone, Debug, Default)]
pub struct Drops {
    counts: BTreeMap<(Part, DropReason), (usize, String)>,
}

impl Drops {
    /// Counts one. `name` identifies the row in the log.
    pub fn add(&mut self, part: Part, reason: DropReason, name: impl FnOnce() -> String) {
        let named = || (0, single_line(&name(), MAX_NAME));
        self.counts.entry((part, reason)).or_insert_with(named).0 += 1;
    }

    /// How many rows and numbers were dropped, including repeats.
    pub fn total(&self) -> usize {
        self.counts.values().map(|(count, _)| count).sum()
    }

    /// How many rows and numbers were dropped for this reason.
    pub fn count(&self, reason: DropReason) -> usize {
        self.counts.iter().filter(|((_, other), _)| *other == reason).map(|(_, (count, _))| count).sum()
    }

    /// The dropped rows of a part, by reason.
    pub fn rows(&self, part: Part) -> impl Iterator<Item = (DropReason, usize)> + '_ {
        self.of_part(part).filter(move |(reason, _)| !reason.keeps_row(part))
    }

    /// The dropped numbers of a part's stored rows.
    pub fn numbers(&self, part: Part) -> usize {
        self.of_part(part).filter(|(reason, _)| reason.keeps_row(part)).map(|(_, count)| count).sum()
    }

    fn of_part(&self, part: Part) -> impl Iterator<Item = (DropReason, usize)> + '_ {
        let counts = self.counts.iter().filter(move |((other, _), _)| *other == part);
        counts.map(|((_, reason), (count, _))| (*reason, *count))
    }

    /// One line for each part and reason, with the count and the name of the first.
    pub fn lines(&self) -> impl Iterator<Item = String> + '_ {
        self.counts.iter().map(|((part, reason), (count, first))| {
            let what = match (part, reason) {
                (Part::Extremes, DropReason::NoTime) => "mid_ts",
                _ if reason.keeps_row(*part) => "number",
                _ => "row",
            };
            let plural = if *count == 1 || what == "mid_ts" { "" } else { "s" };
            format!("dropped {count} {part} {what}{plural}: {reason}; first: {first}")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dropped_numbers_of_stored_rows_are_counted_apart_from_dropped_rows() {
        let mut drops = Drops::default();
        drops.add(Part::Extremes, DropReason::NoName, || "no contract".to_owned());
        drops.add(Part::Extremes, DropReason::NotFinite, || "qty".to_owned());
        drops.add(Part::Extremes, DropReason::NotFinite, || "another".to_owned());
        drops.add(Part::Extremes, DropReason::NoTime, || "noon".to_owned());
        drops.add(Part::Series, DropReason::NotFinite, || "a point".to_owned());
        assert_eq!(drops.rows(Part::Extremes).collect::<Vec<_>>(), [(DropReason::NoName, 1)]);
        assert_eq!(drops.numbers(Part::Extremes), 3);
        assert_eq!(drops.rows(Part::Series).collect::<Vec<_>>(), [(DropReason::NotFinite, 1)]);
        assert_eq!((drops.total(), drops.count(DropReason::NotFinite)), (5, 3));
        let lines = [
            "dropped 1 series row: not a finite number; first: a point",
            "dropped 2 extremes numbers: not a finite number; first: qty",
            "dropped 1 extremes row: no name; first: no contract",
            "dropped 1 extremes mid_ts: no readable time; first: noon",
        ];
        assert_eq!(drops.lines().collect::<Vec<_>>(), lines);
    }
}

//! What was lost of a day on the way to the sink, and why.

use std::collections::BTreeMap;
use std::fmt;

use common::text::single_line;

/// How much of a row's name a line shows, in bytes.
const MAX_NAME: usize = 256;

/// The four parts of a day, one per view.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Part {
    /// Displayed KPI values.
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
pub enum Reason {
    /// The value of a point is NULL.
    NoValue,
    /// The value is NaN, infinite, or not a number at all.
    NotFinite,
    /// The KPI or contract that names the row is missing.
    NoName,
    /// The side is neither `hi` nor `lo`.
    NoSide,
    /// The id is missing, not a whole number, or past 2^53.
    NoId,
    /// The time is missing or does not read as a time.
    NoTime,
    /// A later row has the same key, and took its place.
    Repeated,
}

impl Reason {
    /// Whether the row is stored all the same, without the number at fault.
    fn keeps_row(self, part: Part) -> bool {
        matches!(
            (part, self),
            (Part::Kpis, Self::NotFinite) | (Part::Extremes, Self::NotFinite | Self::NoTime)
        )
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoValue => "no value",
            Self::NotFinite => "not a finite number",
            Self::NoName => "no name",
            Self::NoSide => "a side other than hi and lo",
            Self::NoId => "a trade_id that is missing, not whole or past 2^53",
            Self::NoTime => "no readable time",
            Self::Repeated => "a repeated key, of which the later row is kept",
        })
    }
}

/// Counts of lost rows and lost numbers, with the first of each kind named.
#[derive(Clone, Debug, Default)]
pub struct Drops {
    kinds: BTreeMap<(Part, Reason), (usize, String)>,
}

impl Drops {
    /// Counts one more; `which` names it in words a person can search for.
    pub fn add(&mut self, part: Part, reason: Reason, which: impl FnOnce() -> String) {
        let named = || (0, single_line(&which(), MAX_NAME));
        self.kinds.entry((part, reason)).or_insert_with(named).0 += 1;
    }

    /// How many rows and numbers were lost in all, repeats included.
    pub fn total(&self) -> usize {
        self.kinds.values().map(|(count, _)| count).sum()
    }

    /// How many rows and numbers were lost for this reason.
    pub fn count(&self, reason: Reason) -> usize {
        self.kinds.iter().filter(|((_, kind), _)| *kind == reason).map(|(_, (count, _))| count).sum()
    }

    /// The lost rows of a part, by reason.
    pub fn rows(&self, part: Part) -> impl Iterator<Item = (Reason, usize)> + '_ {
        self.of_part(part).filter(move |(reason, _)| !reason.keeps_row(part))
    }

    /// The lost numbers of a part's stored rows.
    pub fn numbers(&self, part: Part) -> usize {
        self.of_part(part).filter(|(reason, _)| reason.keeps_row(part)).map(|(_, count)| count).sum()
    }

    fn of_part(&self, part: Part) -> impl Iterator<Item = (Reason, usize)> + '_ {
        let kinds = self.kinds.iter().filter(move |((kind, _), _)| *kind == part);
        kinds.map(|((_, reason), (count, _))| (*reason, *count))
    }

    /// One line a kind: how many, of what, why, and the first of them.
    pub fn lines(&self) -> impl Iterator<Item = String> + '_ {
        self.kinds.iter().map(|((part, reason), (count, first))| {
            let what = match (part, reason) {
                (Part::Extremes, Reason::NoTime) => "mid_ts",
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
    fn lost_numbers_of_stored_rows_are_told_apart_from_lost_rows() {
        let mut drops = Drops::default();
        drops.add(Part::Extremes, Reason::NoName, || "no contract".to_owned());
        drops.add(Part::Extremes, Reason::NotFinite, || "qty".to_owned());
        drops.add(Part::Extremes, Reason::NotFinite, || "another".to_owned());
        drops.add(Part::Extremes, Reason::NoTime, || "noon".to_owned());
        drops.add(Part::Series, Reason::NotFinite, || "a point".to_owned());
        assert_eq!(drops.rows(Part::Extremes).collect::<Vec<_>>(), [(Reason::NoName, 1)]);
        assert_eq!(drops.numbers(Part::Extremes), 3);
        assert_eq!(drops.rows(Part::Series).collect::<Vec<_>>(), [(Reason::NotFinite, 1)]);
        assert_eq!((drops.total(), drops.count(Reason::NotFinite)), (5, 3));
        let lines = [
            "dropped 1 series row: not a finite number; first: a point",
            "dropped 2 extremes numbers: not a finite number; first: qty",
            "dropped 1 extremes row: no name; first: no contract",
            "dropped 1 extremes mid_ts: no readable time; first: noon",
        ];
        assert_eq!(drops.lines().collect::<Vec<_>>(), lines);
    }
}

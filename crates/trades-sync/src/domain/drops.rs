//! What was left out of a day, and why.

use std::collections::BTreeMap;
use std::fmt;

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

/// Why a row, or one number of it, was left out.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Reason {
    /// The value is NULL.
    NoValue,
    /// The value is NaN, infinite, or not a number at all.
    NotFinite,
    /// The KPI, contract or symbol that names the row is missing.
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

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoValue => "have no value",
            Self::NotFinite => "are NaN, infinite or not a number",
            Self::NoName => "have no name",
            Self::NoSide => "have a side other than hi and lo",
            Self::NoId => "have a trade_id that is missing, not whole or past 2^53",
            Self::NoTime => "have no readable time",
            Self::Repeated => "repeat a key; the later one was kept",
        })
    }
}

/// Counts of what was left out, with the first of each kind named.
#[derive(Clone, Debug, Default)]
pub struct Drops {
    seen: BTreeMap<(Part, Reason), (usize, String)>,
}

impl Drops {
    /// Counts one more; `which` names it in words a person can search for.
    pub fn add(&mut self, part: Part, reason: Reason, which: impl FnOnce() -> String) {
        self.seen.entry((part, reason)).or_insert_with(|| (0, which())).0 += 1;
    }

    /// How many were left out in all, repeats included.
    pub fn total(&self) -> usize {
        self.seen.values().map(|(count, _)| count).sum()
    }

    /// How many were left out for this reason.
    pub fn count(&self, reason: Reason) -> usize {
        self.seen.iter().filter(|((_, seen), _)| *seen == reason).map(|(_, (count, _))| count).sum()
    }

    /// One line a kind: how many, of what, why, and the first of them.
    pub fn lines(&self) -> impl Iterator<Item = String> + '_ {
        self.seen.iter().map(|((part, reason), (count, first))| {
            format!("left out {count} {part} rows or numbers that {reason}; first: {first}")
        })
    }
}

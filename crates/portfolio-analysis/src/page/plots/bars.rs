//! Bars that lie under each other.

use super::super::format::short_dollars;
use super::{WIDTH, coordinate};

/// Bars that lie under each other, a name to each.
#[derive(Debug, Default)]
pub(in super::super) struct Bars {
    /// The plot's height.
    pub(in super::super) height: String,
    /// Where 0 is.
    pub(in super::super) zero: String,
    /// From the top to the bottom.
    pub(in super::super) rows: Vec<Bar>,
    /// How many there would be besides these.
    pub(in super::super) more: usize,
    /// What the plot shows, in words.
    pub(in super::super) description: String,
}

/// A bar.
#[derive(Debug)]
pub(in super::super) struct Bar {
    pub(in super::super) name: String,
    pub(in super::super) text: String,
    pub(in super::super) class: &'static str,
    pub(in super::super) x: String,
    pub(in super::super) y: String,
    pub(in super::super) width: String,
    /// Where texts of the bar stand.
    pub(in super::super) middle: String,
}

/// The most bars that a plot has.
const MOST_BARS: usize = 20;
const BAR: f64 = 22.0;
/// Room for names on the left and texts on the right.
const NAMES: f64 = 84.0;
const TEXTS: f64 = 74.0;

impl Bars {
    /// Of amounts, gains first.
    pub(in super::super) fn of_amounts<'n>(amounts: impl Iterator<Item = (&'n str, f64)>) -> Self {
        let mut amounts: Vec<(&str, f64)> = amounts.collect();
        amounts.sort_by(|(_, a), (_, b)| b.abs().total_cmp(&a.abs()));
        let more = amounts.len().saturating_sub(MOST_BARS);
        amounts.truncate(MOST_BARS);
        amounts.sort_by(|(_, a), (_, b)| b.total_cmp(a));
        Self::of(&amounts, more, short_dollars, |amount| if amount < 0.0 { "loss" } else { "gain" })
    }

    /// Of shares in percent, the largest first.
    pub(in super::super) fn of_shares<'n>(shares: impl Iterator<Item = (&'n str, f64)>) -> Self {
        let mut shares: Vec<(&str, f64)> = shares.collect();
        shares.sort_by(|(_, a), (_, b)| b.total_cmp(a));
        let more = shares.len().saturating_sub(MOST_BARS);
        shares.truncate(MOST_BARS);
        Self::of(&shares, more, |share| format!("{share:.1} %"), |_| "share")
    }

    fn of(
        values: &[(&str, f64)],
        more: usize,
        text: fn(f64) -> String,
        class: fn(f64) -> &'static str,
    ) -> Self {
        let low = values.iter().fold(0.0_f64, |low, (_, value)| low.min(*value));
        let high = values.iter().fold(0.0_f64, |high, (_, value)| high.max(*value));
        let scale = if high > low { (WIDTH - NAMES - TEXTS) / (high - low) } else { 0.0 };
        let zero = NAMES - low * scale;
        let bars = (0_u32..).map(f64::from).zip(values).map(|(place, (name, value))| Bar {
            name: shortened(name),
            text: text(*value),
            class: class(*value),
            x: coordinate(zero + value.min(0.0) * scale),
            y: coordinate(place * BAR + 4.0),
            // Something of a bar is always to be seen.
            width: coordinate((value.abs() * scale).max(1.0)),
            middle: coordinate(place * BAR + 15.0),
        });
        let bars: Vec<Bar> = bars.collect();
        let words =
            bars.iter().map(|bar| format!("{} {}", bar.name, bar.text)).collect::<Vec<_>>().join(", ");
        let rows = u32::try_from(bars.len()).unwrap_or_default();
        Self {
            height: coordinate(f64::from(rows) * BAR + 4.0),
            zero: coordinate(zero),
            description: if bars.is_empty() {
                "There are no values to plot.".to_owned()
            } else {
                format!("{words}.")
            },
            rows: bars,
            more,
        }
    }
}

/// A name that fits beside its bar.
fn shortened(name: &str) -> String {
    const LONGEST: usize = 10;
    if name.chars().count() <= LONGEST {
        name.to_owned()
    } else {
        name.chars().take(LONGEST - 1).chain(['…']).collect()
    }
}

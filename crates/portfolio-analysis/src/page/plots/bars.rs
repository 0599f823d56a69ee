//! Bar charts.

use super::super::format::short_dollars;
use super::geometry::{WIDTH, coordinate};

/// A chart of horizontal bars with names.
#[derive(Debug, Default)]
pub(in super::super) struct Bars {
    /// The plot's height.
    pub(in super::super) height: String,
    /// The coordinate of 0.
    pub(in super::super) zero: String,
    /// From the top to the bottom.
    pub(in super::super) rows: Vec<Bar>,
    /// The number of values without a bar.
    pub(in super::super) more: usize,
    /// The content of the plot in words, for screen readers.
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
    /// The vertical position of the bar's texts.
    pub(in super::super) middle: String,
}

/// The maximum number of bars in a plot.
const MAX_BARS: usize = 20;
const ROW_HEIGHT: f64 = 22.0;
/// The space for names on the left and for texts on the right.
const NAME_WIDTH: f64 = 84.0;
const TEXT_WIDTH: f64 = 74.0;

impl Bars {
    /// A chart of the amounts with the largest absolute values, gains first.
    pub(in super::super) fn of_amounts<'n>(amounts: impl Iterator<Item = (&'n str, f64)>) -> Self {
        let mut amounts: Vec<(&str, f64)> = amounts.collect();
        amounts.sort_by(|(_, a), (_, b)| b.abs().total_cmp(&a.abs()));
        let more = amounts.len().saturating_sub(MAX_BARS);
        amounts.truncate(MAX_BARS);
        amounts.sort_by(|(_, a), (_, b)| b.total_cmp(a));
        Self::of(&amounts, more, short_dollars, |amount| if amount < 0.0 { "loss" } else { "gain" })
    }

    /// A chart of the largest shares in percent, the largest first.
    pub(in super::super) fn of_shares<'n>(shares: impl Iterator<Item = (&'n str, f64)>) -> Self {
        let mut shares: Vec<(&str, f64)> = shares.collect();
        shares.sort_by(|(_, a), (_, b)| b.total_cmp(a));
        let more = shares.len().saturating_sub(MAX_BARS);
        shares.truncate(MAX_BARS);
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
        let scale = if high > low { (WIDTH - NAME_WIDTH - TEXT_WIDTH) / (high - low) } else { 0.0 };
        let zero = NAME_WIDTH - low * scale;
        let bars = (0_u32..).map(f64::from).zip(values).map(|(place, (name, value))| Bar {
            name: shortened(name),
            text: text(*value),
            class: class(*value),
            x: coordinate(zero + value.min(0.0) * scale),
            y: coordinate(place * ROW_HEIGHT + 4.0),
            // A bar of a small value stays visible.
            width: coordinate((value.abs() * scale).max(1.0)),
            middle: coordinate(place * ROW_HEIGHT + 15.0),
        });
        let bars: Vec<Bar> = bars.collect();
        let words =
            bars.iter().map(|bar| format!("{} {}", bar.name, bar.text)).collect::<Vec<_>>().join(", ");
        let rows = u32::try_from(bars.len()).unwrap_or_default();
        Self {
            height: coordinate(f64::from(rows) * ROW_HEIGHT + 4.0),
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

/// A name that fits to the left of its bar.
fn shortened(name: &str) -> String {
    const MAX_CHARS: usize = 10;
    if name.chars().count() <= MAX_CHARS {
        name.to_owned()
    } else {
        name.chars().take(MAX_CHARS - 1).chain(['…']).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(bars: &Bars) -> Vec<&str> {
        bars.rows.iter().map(|bar| bar.name.as_str()).collect()
    }

    #[test]
    fn the_largest_amounts_have_bars_and_gains_are_first() {
        let labels: Vec<String> = (0..25).map(|number| format!("S{number}")).collect();
        let amounts = (0_u32..).zip(&labels).map(|(number, label)| {
            let size = f64::from(number);
            (label.as_str(), if number % 2 == 0 { size } else { -size })
        });
        let bars = Bars::of_amounts(amounts);
        assert_eq!((bars.rows.len(), bars.more), (MAX_BARS, 5));
        let names = names(&bars);
        assert_eq!((names[0], names[MAX_BARS - 1]), ("S24", "S23"));
        assert_eq!((bars.rows[0].class, bars.rows[MAX_BARS - 1].class), ("gain", "loss"));
    }

    #[test]
    fn shares_are_ranked_and_long_names_shortened() {
        let bars = Bars::of_shares([("B", 20.0), ("a long name of a symbol", 80.0)].into_iter());
        assert_eq!(names(&bars), ["a long na…", "B"]);
        assert_eq!(bars.description, "a long na… 80.0 %, B 20.0 %.");
    }

    #[test]
    fn a_chart_without_values_has_only_a_description() {
        let bars = Bars::of_shares(std::iter::empty());
        assert!(bars.rows.is_empty() && bars.description.contains("no values"), "{bars:?}");
    }
}

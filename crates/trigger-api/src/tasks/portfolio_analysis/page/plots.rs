//! Where the lines and bars of the plots are. What they look like is the templates' and the style's.

use jiff::Timestamp;

use super::format::{clock, money, short_dollars};
use crate::tasks::portfolio_analysis::report::Series;

/// The width of a plot in its own units; it is scaled to its place on the page.
const WIDTH: f64 = 480.0;
const HEIGHT: f64 = 240.0;
const LEFT: f64 = 62.0;
const RIGHT: f64 = 14.0;
const TOP: f64 = 14.0;
const BOTTOM: f64 = 26.0;

/// A line over time.
#[derive(Debug, Default)]
pub(super) struct Line {
    /// The line's points, as SVG's `points`.
    pub(super) path: String,
    /// The points one by one, where there are few enough to tell them apart.
    pub(super) dots: Vec<Dot>,
    /// Values on the axis, from the bottom to the top.
    pub(super) ticks: Vec<Tick>,
    /// Where 0 is, when it is in sight.
    pub(super) zero: Option<String>,
    /// The first and the last time.
    pub(super) ends: Option<(String, String)>,
    /// The maximum drawdown, when there is one.
    pub(super) drawdown: Option<Fall>,
    /// What the plot shows, in words.
    pub(super) description: String,
}

/// A point of a line.
#[derive(Debug)]
pub(super) struct Dot {
    pub(super) x: String,
    pub(super) y: String,
    pub(super) title: String,
}

/// A value on the axis.
#[derive(Debug)]
pub(super) struct Tick {
    pub(super) y: String,
    pub(super) text: String,
}

/// A drawdown from its peak to its trough.
#[derive(Debug)]
pub(super) struct Fall {
    pub(super) x: String,
    pub(super) width: String,
    pub(super) from: Dot,
    pub(super) to: Dot,
}

impl Line {
    /// Of a day: points stand at their times.
    pub(super) fn of_times(series: &Series) -> Self {
        let seconds = |at: &str| at.parse::<Timestamp>().ok().map(|at| at.as_duration().as_secs_f64());
        let places = series.points.iter().map(|point| seconds(&point.at)).collect::<Option<Vec<f64>>>();
        Self::at(series, &places.unwrap_or_default())
    }

    /// Of days: points stand side by side.
    pub(super) fn of_days(series: &Series) -> Self {
        let places: Vec<f64> = (0_u32..).take(series.points.len()).map(f64::from).collect();
        Self::at(series, &places)
    }

    fn at(series: &Series, places: &[f64]) -> Self {
        let (points, figures) = (&series.points, &series.figures);
        let (Some(first), Some(last)) = (places.first(), places.last()) else {
            return Self { description: "There are no values to plot.".to_owned(), ..Self::default() };
        };
        let axis = Axis::over(figures.low.unwrap_or_default(), figures.high.unwrap_or_default());
        let span = last - first;
        let x = |place: f64| {
            let part = if span > 0.0 { (place - first) / span } else { 0.5 };
            coordinate(LEFT + part * (WIDTH - LEFT - RIGHT))
        };
        let dots: Vec<Dot> = points
            .iter()
            .zip(places)
            .map(|(point, place)| Dot {
                x: x(*place),
                y: axis.y(point.value),
                title: format!("{}: {}", clock(&point.at), money(Some(point.value)).text),
            })
            .collect();
        let path = dots.iter().map(|dot| format!("{},{}", dot.x, dot.y)).collect::<Vec<_>>().join(" ");
        let place_of = |at: &Option<String>| points.iter().position(|point| Some(&point.at) == at.as_ref());
        let drawdown = figures.max_drawdown.as_ref().filter(|drawdown| drawdown.amount > 0.0);
        let fall = drawdown.and_then(|drawdown| {
            let (peak, trough) = (place_of(&drawdown.peak_at)?, place_of(&drawdown.trough_at)?);
            let mark = |place: usize, word| Dot {
                x: x(places[place]),
                y: axis.y(points[place].value),
                title: format!(
                    "{word} {}: {}",
                    clock(&points[place].at),
                    money(Some(points[place].value)).text
                ),
            };
            let width = coordinate((places[trough] - places[peak]) / span * (WIDTH - LEFT - RIGHT));
            Some(Fall { x: x(places[peak]), width, from: mark(peak, "Peak"), to: mark(trough, "Trough") })
        });
        Self {
            description: described(series),
            dots: if dots.len() <= 60 { dots } else { Vec::new() },
            path,
            ticks: axis.ticks(),
            zero: axis.zero(),
            ends: points
                .first()
                .zip(points.last())
                .map(|(first, last)| (clock(&first.at).to_owned(), clock(&last.at).to_owned())),
            drawdown: fall,
        }
    }
}

/// The plot in words, for those who don't see it.
fn described(series: &Series) -> String {
    let figures = &series.figures;
    let amount = |value: Option<f64>| money(value).text;
    let mut text = format!(
        "{} values from {} to {}, between {} and {}.",
        figures.points,
        amount(figures.first),
        amount(figures.last),
        amount(figures.low),
        amount(figures.high)
    );
    if let Some(drawdown) = figures.max_drawdown.as_ref().filter(|drawdown| drawdown.amount > 0.0) {
        let at = |at: &Option<String>| at.as_deref().map(clock).unwrap_or_default().to_owned();
        text += &format!(
            " The deepest fall is {}, from {} to {}.",
            amount(Some(drawdown.amount)),
            at(&drawdown.peak_at),
            at(&drawdown.trough_at)
        );
    }
    text
}

/// The axis of values: round numbers around all that is shown.
struct Axis {
    bottom: f64,
    top: f64,
    step: f64,
}

impl Axis {
    fn over(low: f64, high: f64) -> Self {
        let (low, high) = if low < high {
            (low, high)
        } else {
            (low - 1.0_f64.max(low.abs() * 0.1), high + 1.0_f64.max(high.abs() * 0.1))
        };
        let rough = (high - low) / 4.0;
        let power = 10.0_f64.powf(rough.log10().floor());
        let step =
            [1.0, 2.0, 2.5, 5.0, 10.0].map(|factor| factor * power).into_iter().find(|step| *step >= rough);
        let step = step.unwrap_or(rough);
        Self { bottom: (low / step).floor() * step, top: (high / step).ceil() * step, step }
    }

    fn y(&self, value: f64) -> String {
        coordinate(TOP + (self.top - value) / (self.top - self.bottom) * (HEIGHT - TOP - BOTTOM))
    }

    fn ticks(&self) -> Vec<Tick> {
        // Six at most: four steps, and one at either end that rounding adds.
        let values = (0..=6).map(|place| self.bottom + f64::from(place) * self.step);
        let inside = values.take_while(|value| *value <= self.top + self.step / 2.0);
        inside.map(|value| Tick { y: self.y(value), text: short_dollars(value) }).collect()
    }

    fn zero(&self) -> Option<String> {
        (self.bottom < 0.0 && self.top > 0.0).then(|| self.y(0.0))
    }
}

/// Bars that lie under each other, a name to each.
#[derive(Debug, Default)]
pub(super) struct Bars {
    /// The plot's height.
    pub(super) height: String,
    /// Where 0 is.
    pub(super) zero: String,
    /// From the top to the bottom.
    pub(super) bars: Vec<Bar>,
    /// How many there would be besides these.
    pub(super) more: usize,
    /// What the plot shows, in words.
    pub(super) description: String,
}

/// A bar.
#[derive(Debug)]
pub(super) struct Bar {
    pub(super) name: String,
    pub(super) text: String,
    pub(super) class: &'static str,
    pub(super) x: String,
    pub(super) y: String,
    pub(super) width: String,
    /// Where texts of the bar stand.
    pub(super) middle: String,
}

/// The most bars that a plot has.
const MOST_BARS: usize = 20;
const BAR: f64 = 22.0;
/// Room for names on the left and texts on the right.
const NAMES: f64 = 84.0;
const TEXTS: f64 = 74.0;

impl Bars {
    /// Of amounts, gains first.
    pub(super) fn of_amounts<'n>(amounts: impl Iterator<Item = (&'n str, f64)>) -> Self {
        let mut amounts: Vec<(&str, f64)> = amounts.collect();
        amounts.sort_by(|(_, a), (_, b)| b.abs().total_cmp(&a.abs()));
        let more = amounts.len().saturating_sub(MOST_BARS);
        amounts.truncate(MOST_BARS);
        amounts.sort_by(|(_, a), (_, b)| b.total_cmp(a));
        Self::of(&amounts, more, short_dollars, |amount| if amount < 0.0 { "loss" } else { "gain" })
    }

    /// Of shares in percent, the largest first.
    pub(super) fn of_shares<'n>(shares: impl Iterator<Item = (&'n str, f64)>) -> Self {
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
            bars,
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

fn coordinate(number: f64) -> String {
    format!("{number:.1}")
}

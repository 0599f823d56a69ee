//! Lines over time, with their maximum drawdown.

use std::fmt::Write;

use jiff::Timestamp;

use super::super::format::{clock, money};
use super::axis::{Axis, Tick};
use super::{LEFT, RIGHT, WIDTH, coordinate};
use crate::report::Series;

/// A line over time.
#[derive(Debug, Default)]
pub(in super::super) struct Line {
    /// The line's points, as SVG's `points`.
    pub(in super::super) path: String,
    /// The points one by one, where there are few enough to tell them apart.
    pub(in super::super) dots: Vec<Dot>,
    /// Values on the axis, from the bottom to the top.
    pub(in super::super) ticks: Vec<Tick>,
    /// Where 0 is, when it is in sight.
    pub(in super::super) zero: Option<String>,
    /// The first and the last time.
    pub(in super::super) ends: Option<(String, String)>,
    /// The maximum drawdown, when there is one.
    pub(in super::super) drawdown: Option<Fall>,
    /// What the plot shows, in words.
    pub(in super::super) description: String,
}

/// A point of a line.
#[derive(Debug)]
pub(in super::super) struct Dot {
    pub(in super::super) x: String,
    pub(in super::super) y: String,
    pub(in super::super) title: String,
}

/// A drawdown from its peak to its trough.
#[derive(Debug)]
pub(in super::super) struct Fall {
    pub(in super::super) x: String,
    pub(in super::super) width: String,
    pub(in super::super) from: Dot,
    pub(in super::super) to: Dot,
}

/// Values that are plotted are within this. The distance of larger ones could be infinite.
const MAX_VALUE: f64 = 1e300;

impl Line {
    /// Of a day: points stand at their times.
    pub(in super::super) fn of_times(series: &Series) -> Self {
        let seconds = |at: &str| at.parse::<Timestamp>().ok().map(|at| at.as_duration().as_secs_f64());
        let places = series.points.iter().map(|point| seconds(&point.at)).collect::<Option<Vec<f64>>>();
        Self::at(series, &places.unwrap_or_default())
    }

    /// Of days: points stand side by side.
    pub(in super::super) fn of_days(series: &Series) -> Self {
        let places: Vec<f64> = (0_u32..).take(series.points.len()).map(f64::from).collect();
        Self::at(series, &places)
    }

    fn at(series: &Series, places: &[f64]) -> Self {
        let (points, figures) = (&series.points, &series.figures);
        let (Some(first), Some(last)) = (places.first(), places.last()) else {
            return Self { description: "There are no values to plot.".to_owned(), ..Self::default() };
        };
        let (low, high) = (figures.low.unwrap_or_default(), figures.high.unwrap_or_default());
        if low < -MAX_VALUE || high > MAX_VALUE {
            let description = format!("{} They are too large to plot.", described(series));
            return Self { description, ..Self::default() };
        }
        let axis = Axis::over(low, high);
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
        let _ = write!(
            text,
            " The deepest fall is {}, from {} to {}.",
            amount(Some(drawdown.amount)),
            at(&drawdown.peak_at),
            at(&drawdown.trough_at)
        );
    }
    text
}

//! Line charts with their maximum drawdown.

use std::fmt::Write;

use jiff::Timestamp;

use super::super::format::{clock, money};
use super::axis::{Axis, Tick};
use super::geometry::{LEFT, RIGHT, WIDTH, coordinate};
use crate::plural::counted;
use crate::report::Series;

/// A chart of a series.
#[derive(Debug, Default)]
pub(in super::super) struct Line {
    /// The points of the line, in the format of the SVG attribute `points`.
    pub(in super::super) path: String,
    /// The points of the line; empty if there are more than [`MAX_DOTS`].
    pub(in super::super) dots: Vec<Dot>,
    /// The labels of the value axis, from the bottom to the top.
    pub(in super::super) ticks: Vec<Tick>,
    /// The coordinate of 0; None if it is not between the ends of the axis.
    pub(in super::super) zero: Option<String>,
    /// The first and the last time.
    pub(in super::super) ends: Option<(String, String)>,
    /// The maximum drawdown; None if the series never falls.
    pub(in super::super) drawdown: Option<DrawdownMark>,
    /// The content of the plot in words, for screen readers.
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
pub(in super::super) struct DrawdownMark {
    pub(in super::super) x: String,
    pub(in super::super) width: String,
    pub(in super::super) from: Dot,
    pub(in super::super) to: Dot,
}

/// The maximum absolute value that is plotted. The difference of two larger values can be infinite.
const MAX_VALUE: f64 = 1e300;
/// The maximum number of points that are distinguishable as dots.
const MAX_DOTS: usize = 60;

impl Line {
    /// A chart of the points of a day, placed by time.
    pub(in super::super) fn of_times(series: &Series) -> Self {
        let seconds = |at: &str| at.parse::<Timestamp>().ok().map(|at| at.as_duration().as_secs_f64());
        let places = series.points.iter().map(|point| seconds(&point.at)).collect::<Option<Vec<f64>>>();
        Self::new(series, &places.unwrap_or_default())
    }

    /// A chart of days, at equal distances.
    pub(in super::super) fn of_days(series: &Series) -> Self {
        let places: Vec<f64> = (0_u32..).take(series.points.len()).map(f64::from).collect();
        Self::new(series, &places)
    }

    fn new(series: &Series, places: &[f64]) -> Self {
        let (points, figures) = (&series.points, &series.figures);
        let (Some(first), Some(last)) = (places.first(), places.last()) else {
            return Self { description: "There are no values to plot.".to_owned(), ..Self::default() };
        };
        let (low, high) = (figures.low.unwrap_or_default(), figures.high.unwrap_or_default());
        if low < -MAX_VALUE || high > MAX_VALUE {
            let description = format!("{} They are too large to plot.", description(series));
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
        let mark = drawdown.and_then(|drawdown| {
            let (peak, trough) = (place_of(&drawdown.peak_at)?, place_of(&drawdown.trough_at)?);
            let end = |place: usize, name| Dot {
                x: x(places[place]),
                y: axis.y(points[place].value),
                title: format!(
                    "{name} {}: {}",
                    clock(&points[place].at),
                    money(Some(points[place].value)).text
                ),
            };
            let width = coordinate((places[trough] - places[peak]) / span * (WIDTH - LEFT - RIGHT));
            Some(DrawdownMark {
                x: x(places[peak]),
                width,
                from: end(peak, "Peak"),
                to: end(trough, "Trough"),
            })
        });
        Self {
            description: description(series),
            dots: if dots.len() <= MAX_DOTS { dots } else { Vec::new() },
            path,
            ticks: axis.ticks(),
            zero: axis.zero(),
            ends: points
                .first()
                .zip(points.last())
                .map(|(first, last)| (clock(&first.at).to_owned(), clock(&last.at).to_owned())),
            drawdown: mark,
        }
    }
}

/// The content of the plot in words.
fn description(series: &Series) -> String {
    let figures = &series.figures;
    let amount = |value: Option<f64>| money(value).text;
    let mut text = format!(
        "{} from {} to {}, between {} and {}.",
        counted(figures.points, "value"),
        amount(figures.first),
        amount(figures.last),
        amount(figures.low),
        amount(figures.high)
    );
    if let Some(drawdown) = figures.max_drawdown.as_ref().filter(|drawdown| drawdown.amount > 0.0) {
        let at = |at: &Option<String>| at.as_deref().map(clock).unwrap_or_default().to_owned();
        let _ = write!(
            text,
            " The maximum drawdown is {}, from {} to {}.",
            amount(Some(drawdown.amount)),
            at(&drawdown.peak_at),
            at(&drawdown.trough_at)
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::{Scale, SeriesFigures};
    use crate::report::Point;

    fn series(points: &[(&str, f64)]) -> Series {
        let points: Vec<(String, f64)> =
            points.iter().map(|(at, value)| ((*at).to_owned(), *value)).collect();
        let figures = SeriesFigures::of(&points, Scale::Intraday);
        Series { points: points.into_iter().map(|(at, value)| Point { at, value }).collect(), figures }
    }

    #[test]
    fn points_of_a_day_are_placed_by_time_and_the_drawdown_is_marked() {
        let line = Line::of_times(&series(&[
            ("2026-02-11T15:00:00.000Z", 0.0),
            ("2026-02-11T15:15:00.000Z", 8.0),
            ("2026-02-11T16:00:00.000Z", -2.0),
        ]));
        let x: Vec<&str> = line.dots.iter().map(|dot| dot.x.as_str()).collect();
        assert_eq!(x, ["62.0", "163.0", "466.0"]);
        assert_eq!(line.ends, Some(("15:00".to_owned(), "16:00".to_owned())));
        let mark = line.drawdown.expect("the series falls");
        assert_eq!(
            (mark.from.title.as_str(), mark.x.as_str(), mark.width.as_str()),
            ("Peak 15:15: $8.00", "163.0", "303.0")
        );
        assert!(line.zero.is_some());
    }

    #[test]
    fn days_are_at_equal_distances_and_a_single_one_is_in_the_middle() {
        let line = Line::of_days(&series(&[("2026-02-09", 1.0), ("2026-02-10", 2.0), ("2026-02-13", 3.0)]));
        let x: Vec<&str> = line.dots.iter().map(|dot| dot.x.as_str()).collect();
        assert_eq!(x, ["62.0", "264.0", "466.0"]);
        assert!(line.drawdown.is_none());
        let single = Line::of_days(&series(&[("2026-02-09", 1.0)]));
        assert_eq!(single.dots[0].x, "264.0");
        assert_eq!(single.description, "1 value from $1.00 to $1.00, between $1.00 and $1.00.");
    }

    #[test]
    fn values_that_can_not_be_plotted_are_described() {
        let large = Line::of_days(&series(&[("2026-02-09", 1.5e300), ("2026-02-10", 1.0)]));
        assert!(large.path.is_empty() && large.description.ends_with("They are too large to plot."));
        assert!(Line::of_days(&series(&[])).description.contains("no values"));
    }
}

//! Where the lines and bars of the plots are. What they look like is the templates' and the style's.

mod axis;
mod bars;
mod line;

pub(super) use self::bars::Bars;
pub(super) use self::line::Line;

/// The width of a plot in its own units; it is scaled to its place on the page.
const WIDTH: f64 = 480.0;
const HEIGHT: f64 = 240.0;
const LEFT: f64 = 62.0;
const RIGHT: f64 = 14.0;
const TOP: f64 = 14.0;
const BOTTOM: f64 = 26.0;

fn coordinate(number: f64) -> String {
    format!("{number:.1}")
}

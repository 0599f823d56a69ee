//! The size of a plot and its margins, in its own units. The page scales a plot to the available width.
//!
//! `line.html` and `bars.html` contain these numbers too.

pub(super) const WIDTH: f64 = 480.0;
pub(super) const HEIGHT: f64 = 240.0;
pub(super) const LEFT: f64 = 62.0;
pub(super) const RIGHT: f64 = 14.0;
pub(super) const TOP: f64 = 14.0;
pub(super) const BOTTOM: f64 = 26.0;

pub(super) fn coordinate(number: f64) -> String {
    format!("{number:.1}")
}

//! The coordinates of the plots' lines and bars. The templates and the style sheet define their appearance.

mod axis;
mod bars;
mod geometry;
mod line;

pub(super) use self::bars::Bars;
pub(super) use self::line::Line;

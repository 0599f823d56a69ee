//! The value axis.

use super::super::format::short_dollars;
use super::geometry::{BOTTOM, HEIGHT, TOP, coordinate};

/// A labeled value on the axis.
#[derive(Debug)]
pub(in super::super) struct Tick {
    pub(in super::super) y: String,
    pub(in super::super) text: String,
}

/// The value axis. Its ends are round numbers that enclose all values.
pub(super) struct Axis {
    bottom: f64,
    top: f64,
    step: f64,
}

impl Axis {
    pub(super) fn over(low: f64, high: f64) -> Self {
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

    pub(super) fn y(&self, value: f64) -> String {
        coordinate(TOP + (self.top - value) / (self.top - self.bottom) * (HEIGHT - TOP - BOTTOM))
    }

    pub(super) fn ticks(&self) -> Vec<Tick> {
        // At most six steps: four, and one at either end that rounding adds.
        let values = (0..=6).map(|place| self.bottom + f64::from(place) * self.step);
        let inside = values.take_while(|value| *value <= self.top + self.step / 2.0);
        inside.map(|value| Tick { y: self.y(value), text: short_dollars(value) }).collect()
    }

    pub(super) fn zero(&self) -> Option<String> {
        (self.bottom < 0.0 && self.top > 0.0).then(|| self.y(0.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(low: f64, high: f64) -> Vec<String> {
        Axis::over(low, high).ticks().into_iter().map(|tick| tick.text).collect()
    }

    #[test]
    fn ticks_are_round_numbers_that_enclose_all_values() {
        assert_eq!(texts(-17_600.0, 6_884.0), ["\u{2212}$20k", "\u{2212}$10k", "$0", "$10k"]);
        assert_eq!(texts(480.9, 5373.9), ["$0", "$2,000", "$4,000", "$6,000"]);
        assert_eq!(texts(0.0, 1.0), ["$0", "$0.25", "$0.50", "$0.75", "$1"]);
    }

    #[test]
    fn the_axis_of_a_single_value_extends_above_and_below() {
        for value in [0.0, 6514.0, -1e99] {
            let axis = Axis::over(value, value);
            assert!(axis.bottom < value && value < axis.top && axis.ticks().len() >= 2, "{value}");
        }
    }
}

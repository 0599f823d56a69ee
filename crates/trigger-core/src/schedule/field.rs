//! A field of a schedule, such as `*/15` or `MON-FRI`.

use super::error::ScheduleError;

/// The bit of a field that matches every value, as in robfig/cron.
const STAR: u64 = 1 << 63;

/// The values that a field can have.
pub(super) struct Bounds {
    /// The name of the field, for errors.
    pub(super) name: &'static str,
    /// The smallest value.
    pub(super) min: u32,
    /// The largest value.
    pub(super) max: u32,
    /// Names of the values, from the smallest.
    pub(super) names: &'static [&'static str],
}

/// The set of values that a field matches, as bits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field(u64);

impl Field {
    /// Parses a comma-separated list of ranges. Empty parts are ignored, as in robfig/cron.
    pub(super) fn parse(text: &str, bounds: &Bounds) -> Result<Self, ScheduleError> {
        let mut bits = 0;
        for part in text.split(',').filter(|part| !part.is_empty()) {
            bits |= range(part, bounds).ok_or_else(|| ScheduleError::Field {
                name: bounds.name,
                part: part.chars().take(40).collect(),
            })?;
        }
        Ok(Self(bits))
    }

    pub(super) fn contains(self, value: i8) -> bool {
        self.0 & (1 << value) != 0
    }

    /// Whether the field matches no value, as `,` does.
    pub(super) fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether the field is a star or has one in its list. A star with a step, such as `*/2`, is none.
    pub(super) fn has_star(self) -> bool {
        self.0 & STAR != 0
    }
}

/// The bits of `*`, `?`, `N` or `N-M`, each also with a step: `N/step` ends at the largest value.
fn range(part: &str, bounds: &Bounds) -> Option<u64> {
    let (range, step) = match part.split_once('/') {
        Some((range, step)) => (range, Some(number(step)?)),
        None => (part, None),
    };
    let mut ends = range.split('-');
    let first = ends.next()?;
    let star = matches!(first, "*" | "?");
    let (start, end) = if star {
        (bounds.min, bounds.max)
    } else {
        let start = value(first, bounds)?;
        match (ends.next(), step) {
            (Some(end), _) => (start, value(end, bounds)?),
            (None, Some(_)) => (start, bounds.max),
            (None, None) => (start, start),
        }
    };
    let too_many_hyphens = !star && ends.next().is_some();
    let step = step.unwrap_or(1);
    if too_many_hyphens || start < bounds.min || end > bounds.max || start > end || step == 0 {
        return None;
    }
    let values = (start..=end).step_by(usize::try_from(step).ok()?).fold(0, |bits, value| bits | 1 << value);
    Some(if star && step == 1 { values | STAR } else { values })
}

fn value(text: &str, bounds: &Bounds) -> Option<u32> {
    match bounds.names.iter().position(|name| name.eq_ignore_ascii_case(text)) {
        Some(position) => Some(bounds.min + u32::try_from(position).ok()?),
        None => number(text),
    }
}

/// A number that is not negative. One beyond `u32` is larger than every value and every useful step.
fn number(text: &str) -> Option<u32> {
    let number = u64::try_from(text.parse::<i64>().ok()?).ok()?;
    Some(u32::try_from(number).unwrap_or(u32::MAX))
}

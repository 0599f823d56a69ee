//! Formats figures. An unknown figure is a dash. A loss has a minus sign in addition to its color.
//!
//! The functions accept borrowed figures, because templates pass references.

use std::borrow::Borrow;

use crate::figures::SeriesFigures;

/// A figure as a text and its color.
pub(super) struct FormattedFigure {
    /// The text.
    pub(super) text: String,
    /// The CSS class: `up`, `down` or empty.
    pub(super) class: &'static str,
}

impl FormattedFigure {
    /// A text without a direction.
    pub(super) fn plain(text: String) -> Self {
        Self { text, class: "" }
    }

    fn unknown() -> Self {
        Self::plain("—".to_owned())
    }

    fn directed(number: f64, text: String) -> Self {
        let class = if number > 0.0 {
            "up"
        } else if number < 0.0 {
            "down"
        } else {
            ""
        };
        Self { text, class }
    }
}

/// An amount, with cents below 10,000.
pub(super) fn money(amount: impl Borrow<Option<f64>>) -> FormattedFigure {
    amount.borrow().map_or_else(FormattedFigure::unknown, |amount| FormattedFigure::plain(dollars(amount)))
}

/// An amount in the color of its direction, with a plus sign for a gain.
pub(super) fn signed_money(amount: impl Borrow<Option<f64>>) -> FormattedFigure {
    amount.borrow().map_or_else(FormattedFigure::unknown, |amount| {
        let plus = if amount > 0.0 { "+" } else { "" };
        FormattedFigure::directed(amount, format!("{plus}{}", dollars(amount)))
    })
}

/// A percentage with one decimal.
pub(super) fn percent(number: impl Borrow<Option<f64>>) -> FormattedFigure {
    number.borrow().map_or_else(FormattedFigure::unknown, |number| {
        FormattedFigure::plain(format!("{} %", decimals(number, 1)))
    })
}

/// A percentage in the color of its direction, with a plus sign for a gain.
pub(super) fn signed_percent(number: impl Borrow<Option<f64>>) -> FormattedFigure {
    number.borrow().map_or_else(FormattedFigure::unknown, |number| {
        let plus = if number > 0.0 { "+" } else { "" };
        FormattedFigure::directed(number, format!("{plus}{} %", decimals(number, 2)))
    })
}

/// A number with two decimals.
pub(super) fn number(number: impl Borrow<Option<f64>>) -> FormattedFigure {
    number
        .borrow()
        .map_or_else(FormattedFigure::unknown, |number| FormattedFigure::plain(decimals(number, 2)))
}

/// A fraction with three decimals.
pub(super) fn fraction(number: impl Borrow<Option<f64>>) -> FormattedFigure {
    number
        .borrow()
        .map_or_else(FormattedFigure::unknown, |number| FormattedFigure::plain(decimals(number, 3)))
}

/// A quantity, with up to four decimals and no trailing zeros.
pub(super) fn quantity(number: impl Borrow<Option<f64>>) -> FormattedFigure {
    let text = |number| {
        let text = decimals(number, 4);
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    };
    number.borrow().map_or_else(FormattedFigure::unknown, |number| FormattedFigure::plain(text(number)))
}

/// The maximum drawdown of a series.
pub(super) fn drawdown(figures: &SeriesFigures) -> FormattedFigure {
    money(figures.max_drawdown.as_ref().map(|drawdown| drawdown.amount))
}

/// A change of a count, with its sign.
pub(super) fn signed_count(count: impl Borrow<i64>) -> String {
    let count = *count.borrow();
    if count > 0 { format!("+{count}") } else { count.to_string().replace('-', "\u{2212}") }
}

/// The hours and minutes of a time such as `2026-02-11T14:30:00.000Z`. A day is returned unchanged.
pub(super) fn clock(at: &str) -> &str {
    at.get(11..16).unwrap_or(at)
}

/// A short form of an amount for axes and bars: `$12k`.
pub(super) fn short_dollars(amount: f64) -> String {
    let sign = if amount < 0.0 { "\u{2212}" } else { "" };
    let size = amount.abs();
    let (scaled, unit) = match size {
        _ if size >= 1e9 => (size / 1e9, "B"),
        _ if size >= 1e6 => (size / 1e6, "M"),
        _ if size >= 1e4 => (size / 1e3, "k"),
        _ => (size, ""),
    };
    let text =
        if size < 10.0 && size.fract() != 0.0 { format!("{scaled:.2}") } else { format!("{scaled:.1}") };
    let text = text.strip_suffix(".0").unwrap_or(&text);
    if size >= 1e15 { format!("{sign}${size:.1e}") } else { format!("{sign}${}{unit}", grouped(text)) }
}

fn dollars(amount: f64) -> String {
    let places = if amount.abs() < 10_000.0 { 2 } else { 0 };
    match decimals(amount, places) {
        text if text.starts_with('\u{2212}') => text.replacen('\u{2212}', "\u{2212}$", 1),
        text => format!("${text}"),
    }
}

/// A number with digits in groups of three and the character U+2212 as its minus sign; in scientific notation from 1e15.
fn decimals(number: f64, places: usize) -> String {
    if number.abs() >= 1e15 {
        return format!("{number:.2e}").replace('-', "\u{2212}");
    }
    let text = grouped(&format!("{:.places$}", number.abs()));
    let is_zero = text.chars().all(|c| matches!(c, '0' | '.' | ','));
    if number < 0.0 && !is_zero { format!("\u{2212}{text}") } else { text }
}

fn grouped(number: &str) -> String {
    let (whole, decimals) = number.split_at(number.find('.').unwrap_or(number.len()));
    let mut text = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text + decimals
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_have_groups_of_digits_and_a_sign_unless_they_are_zero() {
        let text = |amount| money(Some(amount)).text;
        assert_eq!(text(1234.5), "$1,234.50");
        assert_eq!(text(-85_980.4), "\u{2212}$85,980");
        assert_eq!(text(-0.001), "$0.00");
        assert_eq!(text(1e20), "$1.00e20");
        assert_eq!(money(None).text, "—");
        assert_eq!(signed_money(Some(5.0)).text, "+$5.00");
        assert_eq!((signed_money(Some(-5.0)).class, signed_money(Some(0.0)).class), ("down", ""));
        assert_eq!(signed_percent(Some(-12.345)).text, "\u{2212}12.35 %");
        assert_eq!((quantity(Some(3.0)).text, quantity(Some(1200.25)).text), ("3".into(), "1,200.25".into()));
        assert_eq!(
            (signed_count(3), signed_count(0), signed_count(-3)),
            ("+3".into(), "0".into(), "\u{2212}3".into())
        );
    }

    #[test]
    fn amounts_on_axes_are_short() {
        for (amount, text) in [
            (0.0, "$0"),
            (0.25, "$0.25"),
            (-500.0, "\u{2212}$500"),
            (9500.0, "$9,500"),
            (12_500.0, "$12.5k"),
            (-2e6, "\u{2212}$2M"),
            (3e9, "$3B"),
        ] {
            assert_eq!(short_dollars(amount), text);
        }
    }
}

//! Reads the number in a displayed value.

use serde::Serialize;

/// The kinds of values that the contract defines, stored in the column `value_kind`.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ValueKind {
    /// A number: optional sign, digits with optional commas, optional decimals.
    Number,
    /// A text that ends in `%`.
    Percent,
    /// Any other text, including currencies and durations.
    Text,
}

impl ValueKind {
    /// The value of the `value_kind` column.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Number => "number",
            Self::Percent => "percent",
            Self::Text => "text",
        }
    }
}

/// The kind and the number of a KPI's displayed value: `12.5%` is the percentage 12.5.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DisplayedValue {
    /// The kind of the value.
    pub kind: ValueKind,
    /// The number in the text, in the displayed unit.
    pub number: Option<f64>,
}

impl DisplayedValue {
    /// Reads a displayed value. The text must be trimmed.
    pub fn of(text: &str) -> Self {
        if let Some(before) = text.strip_suffix('%') {
            return Self { kind: ValueKind::Percent, number: plain_number(before.trim()) };
        }
        match plain_number(text) {
            Some(number) => Self { kind: ValueKind::Number, number: Some(number) },
            None => Self { kind: ValueKind::Text, number: None },
        }
    }
}

/// `[+-]?digits(,digits)*(.digits)?` as a finite double.
fn plain_number(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (whole, decimals) = match unsigned.split_once('.') {
        Some((whole, decimals)) => (whole, Some(decimals)),
        None => (unsigned, None),
    };
    let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !whole.split(',').all(all_digits) || !decimals.is_none_or(all_digits) {
        return None;
    }
    text.replace(',', "").parse().ok().filter(|number: &f64| number.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_a_number_a_percentage_or_text() {
        let cases = [
            ("1,634,200", ValueKind::Number, Some(1_634_200.0)),
            ("+1,234.50", ValueKind::Number, Some(1234.5)),
            ("-42.6845", ValueKind::Number, Some(-42.6845)),
            ("0", ValueKind::Number, Some(0.0)),
            ("72.3%", ValueKind::Percent, Some(72.3)),
            ("12 %", ValueKind::Percent, Some(12.0)),
            ("abc%", ValueKind::Percent, None),
            ("%", ValueKind::Percent, None),
            ("$1,234.56", ValueKind::Text, None),
            ("-$85,980.00", ValueKind::Text, None),
            ("6.7s", ValueKind::Text, None),
            ("—", ValueKind::Text, None),
            ("", ValueKind::Text, None),
            ("1e5", ValueKind::Text, None),
            (",1", ValueKind::Text, None),
            ("1,", ValueKind::Text, None),
            ("5.", ValueKind::Text, None),
            (".5", ValueKind::Text, None),
            ("+", ValueKind::Text, None),
            ("１２", ValueKind::Text, None),
        ];
        for (text, kind, number) in cases {
            assert_eq!(DisplayedValue::of(text), DisplayedValue { kind, number }, "{text:?}");
        }
    }

    #[test]
    fn digits_beyond_the_range_of_a_double_are_text() {
        assert_eq!(
            DisplayedValue::of(&"9".repeat(400)),
            DisplayedValue { kind: ValueKind::Text, number: None }
        );
    }
}

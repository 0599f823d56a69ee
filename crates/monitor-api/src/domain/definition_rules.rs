//! The rules of the fields of definitions.

use super::definition::{DefinitionChanges, NewDefinition};

/// A text field with limits.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TextRule {
    /// The field's name.
    pub field: &'static str,
    /// The minimum number of characters.
    pub min_length: usize,
    /// The maximum number of characters; None: unlimited.
    pub max_length: Option<usize>,
    /// The pattern in the notation of regular expressions, and its implementation.
    pub pattern: Option<TextPattern>,
}

/// A pattern of a text field.
#[derive(Clone, Copy, Debug)]
pub struct TextPattern {
    /// The pattern as a regular expression, for messages and the OpenAPI document.
    pub expression: &'static str,
    matches: fn(&str) -> bool,
}

impl PartialEq for TextPattern {
    fn eq(&self, other: &Self) -> bool {
        self.expression == other.expression
    }
}

impl Eq for TextPattern {}

/// A text that violates a rule.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TextViolation {
    /// It has fewer characters than the minimum.
    TooShort(usize),
    /// It has more characters than the maximum.
    TooLong(usize),
    /// It does not match this pattern.
    Pattern(&'static str),
}

/// A definition that violates a rule which its fields' patterns do not express.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum RuleError {
    /// The service's name contains `--`.
    #[error("Service name cannot contain consecutive hyphens")]
    ConsecutiveHyphens,
    /// A part of the version begins with a zero that is not its only digit.
    #[error("Version parts must be numeric without leading zeros")]
    LeadingZeros,
}

/// The rule of `service_name`.
pub const SERVICE_NAME: TextRule = TextRule {
    field: "service_name",
    min_length: 3,
    max_length: Some(64),
    pattern: Some(TextPattern { expression: "^[a-z][a-z0-9-]{1,62}[a-z0-9]$", matches: is_service_name }),
};
/// The rule of `owner`.
pub const OWNER: TextRule = TextRule { field: "owner", min_length: 1, max_length: Some(100), pattern: None };
/// The rule of `description`.
pub const DESCRIPTION: TextRule =
    TextRule { field: "description", min_length: 1, max_length: Some(500), pattern: None };
/// The rule of `version`.
pub const VERSION: TextRule = TextRule {
    field: "version",
    min_length: 0,
    max_length: None,
    pattern: Some(TextPattern { expression: r"^\d+\.\d+\.\d+$", matches: is_version }),
};

impl TextRule {
    /// The first violation of the rule: of the maximum, of the minimum, then of the pattern.
    pub fn violation(&self, text: &str) -> Option<TextViolation> {
        let length = text.chars().count();
        match self.max_length {
            Some(max_length) if length > max_length => return Some(TextViolation::TooLong(max_length)),
            _ if length < self.min_length => return Some(TextViolation::TooShort(self.min_length)),
            _ => {}
        }
        let violated = self.pattern.filter(|pattern| !(pattern.matches)(text));
        violated.map(|pattern| TextViolation::Pattern(pattern.expression))
    }
}

impl RuleError {
    /// The field that violates the rule.
    pub fn field(self) -> &'static str {
        match self {
            Self::ConsecutiveHyphens => SERVICE_NAME.field,
            Self::LeadingZeros => VERSION.field,
        }
    }
}

/// The violated rules of a new definition, in the order of its fields.
pub(super) fn check_new(definition: &NewDefinition) -> Vec<RuleError> {
    let hyphens = definition.service_name.contains("--").then_some(RuleError::ConsecutiveHyphens);
    hyphens.into_iter().chain(check_version(&definition.version)).collect()
}

/// The violated rules of changes, in the order of their fields.
pub(super) fn check_changes(changes: &DefinitionChanges) -> Vec<RuleError> {
    changes.version.as_deref().and_then(check_version).into_iter().collect()
}

fn check_version(version: &str) -> Option<RuleError> {
    let has_leading_zero = version.split('.').any(|part| part.len() > 1 && part.starts_with('0'));
    has_leading_zero.then_some(RuleError::LeadingZeros)
}

fn is_service_name(name: &str) -> bool {
    let is_inner = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'-';
    match name.as_bytes() {
        [first, inner @ .., last] => {
            (1..=62).contains(&inner.len())
                && first.is_ascii_lowercase()
                && inner.iter().all(is_inner)
                && is_inner(last)
                && *last != b'-'
        }
        _ => false,
    }
}

fn is_version(version: &str) -> bool {
    let parts: Vec<&str> = version.split('.').collect();
    let is_number = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    parts.len() == 3 && parts.iter().all(is_number)
}

#[cfg(test)]
mod tests {
    use super::{DESCRIPTION, OWNER, RuleError, SERVICE_NAME, TextViolation, VERSION, check_version};

    #[test]
    fn names_match_their_pattern_and_lengths() {
        let pattern = Some(TextViolation::Pattern("^[a-z][a-z0-9-]{1,62}[a-z0-9]$"));
        let longest = format!("a{}z", "0".repeat(62));
        for (name, violation) in [
            ("abc", None),
            ("a-1", None),
            ("a--b", None),
            (&longest, None),
            ("", Some(TextViolation::TooShort(3))),
            ("ab", Some(TextViolation::TooShort(3))),
            ("äöü", pattern),
            ("Abc", pattern),
            ("1bc", pattern),
            ("-bc", pattern),
            ("ab-", pattern),
            ("a_c", pattern),
            ("abc\n", pattern),
            (&format!("{longest}z"), Some(TextViolation::TooLong(64))),
        ] {
            assert_eq!(SERVICE_NAME.violation(name), violation, "{name:?}");
        }
    }

    #[test]
    fn lengths_are_counted_in_characters() {
        assert_eq!(OWNER.violation(&"ä".repeat(100)), None);
        assert_eq!(OWNER.violation(&"ä".repeat(101)), Some(TextViolation::TooLong(100)));
        assert_eq!(OWNER.violation(""), Some(TextViolation::TooShort(1)));
        assert_eq!(DESCRIPTION.violation(&"x".repeat(500)), None);
        assert_eq!(DESCRIPTION.violation(&"x".repeat(501)), Some(TextViolation::TooLong(500)));
    }

    #[test]
    fn versions_have_three_numbers_without_leading_zeros() {
        for version in ["0.0.0", "1.20.300", "01.0.0"] {
            assert_eq!(VERSION.violation(version), None, "{version}");
        }
        for version in ["", "1", "1.0", "1.0.0.0", "v1.0.0", "1.0.x", "1..0", "1.0.0\n", "١.٢.٣", " 1.0.0"]
        {
            assert_eq!(
                VERSION.violation(version),
                Some(TextViolation::Pattern(r"^\d+\.\d+\.\d+$")),
                "{version:?}"
            );
        }
        for version in ["01.0.0", "1.00.0", "1.0.007"] {
            assert_eq!(check_version(version), Some(RuleError::LeadingZeros), "{version}");
        }
        assert_eq!(check_version("10.0.100"), None);
    }
}

//! The regular expressions of declarations.

use std::fmt;

use regex::{Regex, RegexBuilder};

/// The maximum length of a pattern, in bytes.
const MAX_PATTERN_LENGTH: usize = 1000;
/// The maximum size of a compiled pattern, in bytes.
const MAX_COMPILED_BYTES: usize = 256 * 1024;

/// A regular expression, which matches in time linear to the length of the value.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    text: String,
    compiled: Regex,
}

impl Pattern {
    pub(super) fn new(text: &str) -> Result<Self, String> {
        if text.len() > MAX_PATTERN_LENGTH {
            return Err(format!("pattern is longer than {MAX_PATTERN_LENGTH} bytes"));
        }
        let compiled = RegexBuilder::new(&with_ascii_classes(text))
            .size_limit(MAX_COMPILED_BYTES)
            .dfa_size_limit(MAX_COMPILED_BYTES)
            .build();
        match compiled {
            Ok(compiled) => Ok(Self { text: text.to_owned(), compiled }),
            Err(regex::Error::CompiledTooBig(_)) => Err("pattern needs too much memory".to_owned()),
            Err(error) => {
                let text = error.to_string();
                let problem = text.lines().last().unwrap_or_default().trim_start_matches("error: ");
                Err(format!("pattern is not a supported regular expression: {problem}"))
            }
        }
    }

    /// Whether a part of the value matches, as in JSON Schema.
    pub(super) fn matches(&self, value: &str) -> bool {
        self.compiled.is_match(value)
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Pattern {}

/// In JSON Schema, `\d` and `\w` match only ASCII.
fn with_ascii_classes(text: &str) -> String {
    let mut converted = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if character != '\\' {
            converted.push(character);
            continue;
        }
        match characters.next() {
            Some('d') => converted.push_str("[0-9]"),
            Some('D') => converted.push_str("[^0-9]"),
            Some('w') => converted.push_str("[0-9A-Za-z_]"),
            Some('W') => converted.push_str("[^0-9A-Za-z_]"),
            Some(other) => converted.extend(['\\', other]),
            None => converted.push('\\'),
        }
    }
    converted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_matches_as_in_json_schema() {
        for (pattern, value, expected) in [
            ("b", "abc", true),
            ("^b$", "abc", false),
            ("^\\d{4}$", "2026", true),
            ("^\\d{4}$", "\u{664}\u{664}\u{664}\u{664}", false),
            ("^[\\w-]+$", "a-b_1", true),
            ("^\\w$", "\u{e4}", false),
            ("^\\D\\W$", "a-", true),
            ("^[^\\d]$", "1", false),
            ("^\\\\d$", "\\d", true),
            ("^a$", "a\n", false),
            ("^\\/\\-\\.$", "/-.", true),
        ] {
            assert_eq!(Pattern::new(pattern).unwrap().matches(value), expected, "{pattern} {value:?}");
        }
    }

    #[test]
    fn a_pattern_that_is_wrong_unsupported_or_expensive_is_an_error() {
        for (pattern, problem) in [
            ("(", "unclosed group"),
            ("(?=a)", "look-around"),
            ("(a)\\1", "backreferences"),
            ("\\", "regular expression"),
            ("(((\\p{L}{100}){100}){100})", "memory"),
            (&"a".repeat(1001), "longer than 1000 bytes"),
        ] {
            let error = Pattern::new(pattern).unwrap_err();
            assert!(error.contains(problem) && !error.contains('\n'), "{pattern}: {error}");
        }
    }
}

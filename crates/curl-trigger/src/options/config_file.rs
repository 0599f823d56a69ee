//! The lines of a file of `-K`, with curl's syntax.

use alloc::{
    format,
    string::{String, ToString},
    vec,
    vec::Vec,
};

/// The words of a line: an option with its dashes, its value, and any further word. Empty for a comment.
///
/// The option is `name`, `--name` or `-n`. The value follows after white space, and after an option without dashes also
/// after `=` or `:`. It is in double quotes if it contains white space.
pub(super) fn words(line: &str) -> Vec<String> {
    let line = line.trim_ascii();
    if line.is_empty() || line.starts_with(['#', '/', '*']) {
        return vec![];
    }
    let has_dash = line.starts_with('-');
    let is_separator = |c: char| c.is_ascii_whitespace() || (!has_dash && matches!(c, '=' | ':'));
    let end = line.find(is_separator).unwrap_or(line.len());
    let (option, rest) = line.split_at(end);
    let mut words = vec![if has_dash { option.to_string() } else { format!("--{option}") }];
    let rest = rest.trim_start_matches(is_separator);
    let rest = match rest.strip_prefix('"') {
        Some(quoted) => {
            let (value, rest) = unquoted(quoted);
            words.push(value);
            rest
        }
        None => {
            let end = rest.find(|c: char| c.is_ascii_whitespace()).unwrap_or(rest.len());
            let (value, rest) = rest.split_at(end);
            if !value.is_empty() {
                words.push(value.to_string());
            }
            rest
        }
    };
    let rest = rest.trim_ascii();
    if !rest.is_empty() && !rest.starts_with('#') {
        words.push(rest.to_string());
    }
    words
}

/// The text up to the closing quote, and the text after it.
fn unquoted(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        value.push(match character {
            '"' => break,
            '\\' => match characters.next() {
                Some('t') => '\t',
                Some('n') => '\n',
                Some('r') => '\r',
                Some('v') => '\x0b',
                Some(other) => other,
                None => break,
            },
            other => other,
        });
    }
    (value, characters.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_an_option_and_a_value() {
        for (line, expected) in [
            ("url = \"http://a/ b\"", &["--url", "http://a/ b"][..]),
            ("header: X-A:b # a comment", &["--header", "X-A:b"]),
            ("user \"n:\\\"p\\\\\\t\"", &["--user", "n:\"p\\\t"]),
            ("-X POST", &["-X", "POST"]),
            ("--data=x", &["--data=x"]),
            ("  silent  ", &["--silent"]),
            ("header = X-A: b", &["--header", "X-A:", "b"]),
            ("# comment", &[]),
            ("", &[]),
            ("data = \"\"", &["--data", ""]),
        ] {
            assert_eq!(words(line), expected, "{line}");
        }
    }
}

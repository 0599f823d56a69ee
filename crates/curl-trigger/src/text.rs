//! Text functions in place of the standard library's search, which would add a twentieth to the program's size.
//!
//! For the same reason, numbers in messages are converted to `u64`: each type has its own formatting code.

use alloc::string::{String, ToString};

/// The position of the first `part`.
pub fn find(text: &str, part: &str) -> Option<usize> {
    find_bytes(text.as_bytes(), part.as_bytes())
}

/// Whether the text contains this ASCII character.
pub fn has(text: &str, character: u8) -> bool {
    text.as_bytes().contains(&character)
}

/// The position of the first `part`, in bytes.
pub fn find_bytes(bytes: &[u8], part: &[u8]) -> Option<usize> {
    let last = bytes.len().checked_sub(part.len())?;
    (0..=last).find(|at| bytes.get(*at..at + part.len()) == Some(part))
}

/// The text before and the text after the first `part`.
pub fn split_once<'a>(text: &'a str, part: &str) -> Option<(&'a str, &'a str)> {
    let at = find(text, part)?;
    Some((text.get(..at)?, text.get(at + part.len()..)?))
}

/// The text before and the text after the last occurrence of this ASCII character.
pub fn split_last(text: &str, character: u8) -> Option<(&str, &str)> {
    let at = text.as_bytes().iter().rposition(|byte| *byte == character)?;
    Some((text.get(..at)?, text.get(at + 1..)?))
}

/// The text after the last occurrence of this ASCII character; the whole text if there is none.
pub fn after_last(text: &str, character: u8) -> &str {
    split_last(text, character).map_or(text, |(_, after)| after)
}

/// The text with every `part` replaced. `part` must not be empty.
pub fn replace(text: &str, part: &str, with: &str) -> String {
    let mut replaced = String::new();
    let mut rest = text;
    while let Some((before, after)) = split_once(rest, part) {
        replaced.push_str(before);
        replaced.push_str(with);
        rest = after;
    }
    replaced.push_str(rest);
    replaced
}

/// Bytes as text. If they are not UTF-8, every byte outside ASCII becomes `?`.
pub fn lossy(bytes: &[u8]) -> String {
    match core::str::from_utf8(bytes) {
        Ok(text) => text.to_string(),
        Err(_) => bytes.iter().map(|byte| if byte.is_ascii() { char::from(*byte) } else { '?' }).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn searching_gives_the_same_results_as_the_standard_library(text in "[abé]{0,12}", part in "[abé]{1,3}") {
            prop_assert_eq!(find(&text, &part), text.find(&part));
            prop_assert_eq!(split_once(&text, &part), text.split_once(&part));
            prop_assert_eq!(replace(&text, &part, "-"), text.replace(&part, "-"));
            prop_assert_eq!(split_last(&text, b'b'), text.rsplit_once('b'));
            prop_assert_eq!(Some(after_last(&text, b'b')), text.rsplit('b').next());
        }
    }
}

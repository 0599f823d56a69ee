//! JSON with the deviations that the encoders of other languages produce by default: `NaN` and infinite numbers, half of a
//! surrogate pair in a string, a byte order mark, and text that is not UTF-8.

use std::borrow::Cow;

use serde_json::Value;

/// What replaces text that is not valid Unicode.
const REPLACEMENT: &str = "\\ufffd";

/// The text as JSON. Numbers that are not finite become null, and invalid characters are replaced.
pub(super) fn repair(bytes: &[u8]) -> Option<Cow<'_, str>> {
    if let Ok(text) = std::str::from_utf8(bytes)
        && is_json(text)
    {
        return Some(Cow::Borrowed(text));
    }
    let text = repaired(String::from_utf8_lossy(bytes).trim_start_matches('\u{feff}'));
    is_json(&text).then_some(Cow::Owned(text))
}

/// Parsing to a value limits the nesting. Skipping a value would not.
fn is_json(text: &str) -> bool {
    serde_json::from_str::<Value>(text).is_ok()
}

/// The text with its deviations replaced.
fn repaired(text: &str) -> String {
    rewrite(text, finite_numbers, whole_characters)
}

/// Rewrites JSON: what is between strings, and each string with its quotes.
pub(super) fn rewrite(
    text: &str,
    between: impl Fn(&str) -> Cow<'_, str>,
    string: impl Fn(&str) -> Cow<'_, str>,
) -> String {
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('"') {
        let (before, after) = rest.split_at(start);
        let (quoted, after) = after.split_at(string_length(after));
        result.push_str(&between(before));
        result.push_str(&string(quoted));
        rest = after;
    }
    result + &between(rest)
}

/// The length of the string at the beginning of the text, including its quotes.
fn string_length(text: &str) -> usize {
    let mut is_escaped = false;
    for (index, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            b'"' if !is_escaped => return index + 1,
            _ => is_escaped = byte == b'\\' && !is_escaped,
        }
    }
    text.len()
}

/// Text between strings, whose numbers are finite.
fn finite_numbers(text: &str) -> Cow<'_, str> {
    let is_of_word = |character: char| character.is_ascii_alphanumeric() || "+-.".contains(character);
    let is_infinite = |word: &str| match word {
        "NaN" | "Infinity" | "-Infinity" => true,
        _ => word.parse::<f64>().is_ok_and(|number| !number.is_finite()),
    };
    if !text.split(|character| !is_of_word(character)).any(is_infinite) {
        return Cow::Borrowed(text);
    }
    let mut result = String::with_capacity(text.len());
    for part in text.split_inclusive(|character| !is_of_word(character)) {
        let word = part.trim_end_matches(|character| !is_of_word(character));
        result.push_str(if is_infinite(word) { "null" } else { word });
        result.push_str(&part[word.len()..]);
    }
    Cow::Owned(result)
}

/// A string whose `\u` escapes are whole surrogate pairs.
fn whole_characters(string: &str) -> Cow<'_, str> {
    if !string.contains("\\u") {
        return Cow::Borrowed(string);
    }
    let mut result = String::with_capacity(string.len());
    let mut rest = string;
    while let Some(start) = rest.find('\\') {
        result.push_str(&rest[..start]);
        rest = &rest[start..];
        let length = match (unit(rest), rest.get(6..).and_then(unit)) {
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => 12,
            (Some(0xd800..=0xdfff), _) => {
                result.push_str(REPLACEMENT);
                rest = &rest[6..];
                continue;
            }
            // Other escapes, such as \\, are two characters; what follows \u needs no care.
            _ => rest.chars().take(2).map(char::len_utf8).sum(),
        };
        result.push_str(&rest[..length]);
        rest = &rest[length..];
    }
    Cow::Owned(result + rest)
}

/// The UTF-16 unit of the escape at the beginning of the text.
fn unit(text: &str) -> Option<u16> {
    u16::from_str_radix(text.strip_prefix("\\u")?.get(..4)?, 16).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::{repair, repaired};

    fn parse(bytes: &[u8]) -> Option<Value> {
        serde_json::from_str(&repair(bytes)?).ok()
    }

    #[test]
    fn numbers_that_are_not_finite_are_null() {
        let text = br#"{"a":NaN,"b":[Infinity,-Infinity,1e999,-1e999,1e3],"c":"NaN, 1e999"}"#;
        let expected = json!({"a": null, "b": [null, null, null, null, 1e3], "c": "NaN, 1e999"});
        assert_eq!(parse(text), Some(expected));
    }

    #[test]
    fn half_of_a_surrogate_pair_is_replaced() {
        for (text, expected) in [
            (r#""\ud800""#, "\u{fffd}"),
            (r#""\ud83d\ude00\udc00x""#, "😀\u{fffd}x"),
            (r#""\ud800\ud83d\ude00""#, "\u{fffd}😀"),
            (r#""\\ud800 \" \ud800""#, "\\ud800 \" \u{fffd}"),
        ] {
            assert_eq!(parse(text.as_bytes()), Some(expected.into()), "{text}");
        }
    }

    #[test]
    fn a_byte_order_mark_and_invalid_bytes_are_accepted() {
        assert_eq!(parse(b"\xef\xbb\xbf{\"a\":1}"), Some(json!({"a": 1})));
        assert_eq!(parse(b"\"\xff\""), Some("\u{fffd}".into()));
    }

    #[test]
    fn what_is_no_json_stays_none() {
        for text in ["", "{", "NaNN", "{\"a\":Infinit}", "\"\\", "\"\\u", "{\"a\":\"b"] {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn valid_json_is_not_changed(text in "\\PC*", number in any::<f64>().prop_filter("finite", |n| n.is_finite())) {
            let document = json!({ "text": text, "number": number }).to_string();
            prop_assert_eq!(&repaired(&document), &document);
        }

        #[test]
        fn nothing_panics(bytes in proptest::collection::vec(any::<u8>(), 0..64), text in "[\\\\\"ud8cNaInfity,{}:0-9]*") {
            let _ = parse(&bytes);
            let _ = parse(text.as_bytes());
        }
    }
}

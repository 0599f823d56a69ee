use super::{JsonValue, MAX_DEPTH, MAX_DIGITS, ScanError, scan};

/// The offsets are those of Python's `json` module.
#[test]
fn an_error_has_the_number_of_characters_before_it() {
    for (text, offset) in [
        ("", 0),
        (" ", 1),
        ("not JSON", 0),
        ("nul", 0),
        ("{\"a\": trye}", 6),
        ("[nul", 1),
        ("[\"nul", 1),
        ("{\"a\":}", 5),
        ("{bad}", 1),
        ("{\"a\": 1", 7),
        ("{\"a\": 1} x", 9),
        ("{\"a\":1,}", 7),
        ("[1,]", 3),
        ("[1 2]", 3),
        ("{\n\"ä\": x}", 7),
        ("{\"a\"", 4),
        ("{\"a\" 1}", 5),
        ("\"a", 0),
        ("\"a\n\"", 2),
        ("\"\\x\"", 1),
        ("\"\\", 0),
        ("\"\\u12\"", 2),
        ("\"\\u12x456\"", 2),
        ("\"\\ud800\\u12x4\"", 8),
        ("\"\\ud83d\\ude00\" 1", 15),
        ("\u{feff}{\"a\"", 4),
        ("01", 1),
        ("-", 0),
        ("1.", 1),
        ("1.e5", 1),
        ("1e", 1),
        ("+1", 0),
        ("Infinit", 0),
        ("{", 1),
    ] {
        assert_eq!(scan(text), Err(ScanError::Invalid(offset)), "{text:?}");
    }
}

#[test]
fn values_are_read() {
    for (text, value) in [
        (" null\n", JsonValue::Null),
        ("\u{feff}\"a\\u00e4\\ud83d\\ude00\\n\"", JsonValue::Text("aä😀\n".to_owned())),
        ("\"\\ud800\"", JsonValue::InvalidText),
        ("\"\\ud83d\\u0041\"", JsonValue::InvalidText),
        ("0", JsonValue::Integer(Some(0))),
        ("-0", JsonValue::Integer(Some(0))),
        ("-1", JsonValue::Integer(None)),
        ("18446744073709551615", JsonValue::Integer(Some(u64::MAX))),
        ("18446744073709551616", JsonValue::Integer(None)),
        ("-0.0", JsonValue::Other),
        ("1e2", JsonValue::Other),
        ("NaN", JsonValue::Other),
        ("-Infinity", JsonValue::Other),
        ("[1, {\"a\": []}, NaN]", JsonValue::Other),
    ] {
        assert_eq!(scan(text), Ok(value), "{text}");
    }
}

#[test]
fn of_a_name_that_occurs_twice_the_last_value_counts() {
    let object = JsonValue::Object([("a".to_owned(), JsonValue::Null)].into());
    assert_eq!(scan("{\"a\": 1, \"\\ud800\": 2, \"a\": null}"), Ok(object));
}

#[test]
fn depth_and_digits_have_limits() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert_eq!(scan(&nested(MAX_DEPTH)), Ok(JsonValue::Other));
    assert_eq!(scan(&nested(MAX_DEPTH + 1)), Err(ScanError::Limit));
    assert_eq!(scan(&"1".repeat(MAX_DIGITS)), Ok(JsonValue::Integer(None)));
    assert_eq!(scan(&"1".repeat(MAX_DIGITS + 1)), Err(ScanError::Limit));
}

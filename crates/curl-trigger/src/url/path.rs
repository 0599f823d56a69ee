//! Normalizing the path and query of a URL.

use alloc::{format, string::String, vec::Vec};

/// Removes the fragment, resolves `.` and `..` in the path, and percent-encodes the bytes that are not ASCII.
pub(super) fn normalize_target(target: &str) -> String {
    let target = target.split('#').next().unwrap_or_default();
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    };
    let mut normalized = remove_dot_segments(path);
    if let Some(query) = query {
        normalized.push('?');
        normalized.push_str(query);
    }
    if normalized.is_ascii() { normalized } else { percent_encode(&normalized) }
}

fn remove_dot_segments(path: &str) -> String {
    let mut resolved: Vec<&str> = Vec::new();
    let mut segments = path.strip_prefix('/').unwrap_or(path).split('/').peekable();
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        match segment {
            "." | ".." => {
                if segment == ".." {
                    resolved.pop();
                }
                if last {
                    resolved.push("");
                }
            }
            _ => resolved.push(segment),
        }
    }
    format!("/{}", resolved.join("/"))
}

/// Appends the byte as `%XX`.
pub(crate) fn push_percent_encoded(text: &mut String, byte: u8) {
    text.push('%');
    for digit in [byte >> 4, byte & 15] {
        text.push(char::from_digit(digit.into(), 16).unwrap_or_default().to_ascii_uppercase());
    }
}

fn percent_encode(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii() {
            encoded.push(char::from(byte));
        } else {
            push_percent_encoded(&mut encoded, byte);
        }
    }
    encoded
}

//! A request for a run.

use std::collections::BTreeMap;

use super::naming::digest;
use super::task::Parameters;

/// The longest idempotency key, in characters.
pub const MAX_KEY_LENGTH: usize = 255;
/// The longest reason, in characters.
pub const MAX_REASON_LENGTH: usize = 500;

/// Who asks for a run, and how.
#[derive(Clone, Debug, Default)]
pub struct RunRequest {
    /// The caller's name, as authentication gave it.
    pub caller: String,
    /// Why, in the caller's words.
    pub reason: Option<String>,
    /// With a key, a repeat of this request finds the run of the first one.
    pub key: Option<IdempotencyKey>,
    /// The request's id, for the logs and the Job.
    pub request_id: String,
    /// The W3C trace context that the Job goes on with.
    pub traceparent: Option<String>,
    /// What is asked of a task; a Job takes no parameters.
    pub parameters: Parameters,
}

/// The value of an `Idempotency-Key` header.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// Reads the header's value, a string of RFC 8941 in quotes or the bare characters.
    ///
    /// # Errors
    /// When nothing is in it, it is longer than [`MAX_KEY_LENGTH`], or it has characters that are not visible ASCII.
    pub fn parse(header: &str) -> Result<Self, &'static str> {
        let text = header.trim();
        let quoted = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        let key = match quoted {
            Some(inside) => unescape(inside).ok_or("has a quote that does not close")?,
            None if text.contains('"') => return Err("has a quote that does not close"),
            None => text.to_owned(),
        };
        if key.trim().is_empty() {
            return Err("is empty; leave the header out, or give the request a key of its own");
        }
        if key.chars().count() > MAX_KEY_LENGTH {
            return Err("is longer than 255 characters");
        }
        if !key.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()) {
            return Err("has characters other than visible ASCII");
        }
        Ok(Self(key))
    }

    /// The key itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// RFC 8941, 3.3.3: a backslash stands only before a quote or another backslash.
fn unescape(inside: &str) -> Option<String> {
    let mut text = String::with_capacity(inside.len());
    let mut characters = inside.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => text.push(characters.next().filter(|next| matches!(next, '"' | '\\'))?),
            '"' => return None,
            other => text.push(other),
        }
    }
    Some(text)
}

/// What must be the same when a key is used again: 64 hexadecimal characters over the request's body.
pub fn fingerprint(request: &RunRequest) -> String {
    // In the order of their names: another order is the same request.
    let parameters: BTreeMap<_, _> = request.parameters.iter().collect();
    let parameters = parameters.into_iter().flat_map(|(name, value)| [name.clone(), value.to_string()]);
    let parts = ["body".to_owned(), request.reason.clone().unwrap_or_default()].into_iter().chain(parameters);
    let parts: Vec<String> = parts.collect();
    hex::encode(digest(parts.iter().map(String::as_str)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_may_stand_in_quotes_or_bare() {
        for header in ["abc-1", "\"abc-1\"", " abc-1 "] {
            assert_eq!(IdempotencyKey::parse(header).unwrap().as_str(), "abc-1");
        }
        assert_eq!(IdempotencyKey::parse(r#""a\"b\\c""#).unwrap().as_str(), r#"a"b\c"#);
        assert_eq!(IdempotencyKey::parse(&"k".repeat(255)).unwrap().as_str().len(), 255);
    }

    #[test]
    fn a_key_that_is_empty_too_long_or_unreadable_is_refused() {
        for header in
            ["", " ", "\"\"", "\" \"", "\"open", "a\"b", r#""a\b""#, "\u{e9}", "a\tb", &"k".repeat(256)]
        {
            assert!(IdempotencyKey::parse(header).is_err(), "{header:?}");
        }
    }
}

//! Requests for runs.

use std::collections::BTreeMap;

use super::naming::digest;
use super::parameters::Parameters;
use super::run::RunId;

/// The maximum length of an idempotency key, in characters.
pub const MAX_KEY_LENGTH: usize = 255;
/// The maximum length of a reason, in characters.
pub const MAX_REASON_LENGTH: usize = 500;

/// What is wrong with a key that is not one quoted string.
const MALFORMED: &str = "is malformed: send the characters alone, or one quoted string without parameters";

/// A request for a run.
#[derive(Clone, Debug, Default)]
pub struct RunRequest {
    /// Who requests the run: a caller, or the person on whose behalf one acts. Keys are distinct per requester.
    pub caller: String,
    /// The caller that acts on behalf of that person.
    pub via: Option<String>,
    /// The caller's reason.
    pub reason: Option<String>,
    /// A repetition of the request with the same key finds the first run.
    pub key: Option<IdempotencyKey>,
    /// The id of the HTTP request.
    pub request_id: String,
    /// The W3C trace context for the Job.
    pub traceparent: Option<String>,
    /// The values of the target's parameters.
    pub parameters: Parameters,
    /// The run that the new one repeats.
    pub retry_of: Option<RunId>,
}

/// The value of an `Idempotency-Key` header.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// Parses the header: a quoted string (RFC 8941) or the bare characters.
    ///
    /// # Errors
    /// When the key is empty, longer than [`MAX_KEY_LENGTH`], or has characters other than visible ASCII and spaces.
    pub fn parse(header: &str) -> Result<Self, &'static str> {
        let text = header.trim();
        let quoted = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        let key = match quoted {
            Some(inside) => unescape(inside).ok_or(MALFORMED)?,
            None if text.contains('"') => return Err(MALFORMED),
            None => text.to_owned(),
        };
        if key.trim().is_empty() {
            return Err("is empty; omit the header, or send a unique key");
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

/// RFC 8941, 3.3.3: a backslash is allowed only before a quote or another backslash.
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

/// A hash of the body, 64 hexadecimal characters. Requests with the same key must have the same fingerprint.
pub fn fingerprint(request: &RunRequest) -> String {
    // Sorted by name, because the order of parameters does not matter.
    let parameters: BTreeMap<_, _> = request.parameters.iter().collect();
    let parameters = parameters.into_iter().flat_map(|(name, value)| [name.clone(), value.to_string()]);
    // The first part differs, so no start has the fingerprint of a retry.
    let mut parts = match &request.retry_of {
        None => vec!["body".to_owned()],
        Some(id) => vec!["retry".to_owned(), id.to_string()],
    };
    parts.push(request.reason.clone().unwrap_or_default());
    parts.extend(parameters);
    hex::encode(digest(parts.iter().map(String::as_str)))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_key_may_be_quoted_or_bare() {
        for header in ["abc-1", "\"abc-1\"", " abc-1 "] {
            assert_eq!(IdempotencyKey::parse(header).unwrap().as_str(), "abc-1");
        }
        assert_eq!(IdempotencyKey::parse(r#""a\"b\\c""#).unwrap().as_str(), r#"a"b\c"#);
        assert_eq!(IdempotencyKey::parse("a b").unwrap().as_str(), "a b");
        assert_eq!(IdempotencyKey::parse(&"k".repeat(255)).unwrap().as_str().len(), 255);
    }

    #[test]
    fn the_fingerprint_depends_on_the_reason_the_parameters_and_the_repeated_run() {
        let parameters = |date: &str| [("date".to_owned(), date.into())].into_iter().collect();
        let plain = RunRequest { reason: Some("late".to_owned()), ..RunRequest::default() };
        let requests = [
            RunRequest::default(),
            plain.clone(),
            RunRequest { parameters: parameters("2026-02-10"), ..plain.clone() },
            RunRequest { parameters: parameters("2026-02-11"), ..plain.clone() },
            RunRequest { retry_of: Some(RunId::new("a")), ..plain.clone() },
            RunRequest { retry_of: Some(RunId::new("b")), ..plain.clone() },
        ];
        let fingerprints: BTreeSet<String> = requests.iter().map(fingerprint).collect();
        assert_eq!(fingerprints.len(), requests.len());
        let other_sender =
            RunRequest { caller: "bob".to_owned(), request_id: "2".to_owned(), ..plain.clone() };
        assert_eq!(fingerprint(&other_sender), fingerprint(&plain));
    }

    #[test]
    fn a_key_that_is_empty_too_long_or_malformed_is_rejected() {
        for header in
            ["", " ", "\"\"", "\" \"", "\"open", "a\"b", r#""a\b""#, "\u{e9}", "a\tb", &"k".repeat(256)]
        {
            assert!(IdempotencyKey::parse(header).is_err(), "{header:?}");
        }
        for header in [r#""a";p=1"#, r#""a";p="b""#, r#""a", "b""#] {
            assert!(IdempotencyKey::parse(header).unwrap_err().contains("without parameters"), "{header:?}");
        }
    }
}

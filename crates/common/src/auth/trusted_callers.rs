//! Callers that may name the person on whose behalf they send a request: `TRUSTED_CALLERS`.

use std::collections::BTreeSet;

use ::http::HeaderMap;

use super::caller::{AuthMethod, Caller};
use super::credentials::ON_BEHALF_OF_HEADER;
use super::shared_secret::lines;
use crate::config::{ConfigError, Settings};

const VARIABLE: &str = "TRUSTED_CALLERS";
/// The maximum length of a person's name.
const MAX_PERSON_LENGTH: usize = 128;

/// The callers, by name.
pub(super) struct TrustedCallers(BTreeSet<String>);

/// Why a request may not name a person.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum OnBehalfOfError {
    /// The caller is not trusted to do so.
    #[error("the caller {0} may not act on behalf of others")]
    NotTrusted(String),
    /// The header can't be used.
    #[error("{0}")]
    Malformed(&'static str),
}

impl TrustedCallers {
    /// The callers of the setting. `is_configured` says whether callers with that kind of credential can exist.
    pub(super) fn from_settings(
        settings: &Settings,
        is_configured: impl Fn(AuthMethod) -> bool,
    ) -> Result<Self, ConfigError> {
        let Some(text) = settings.text(VARIABLE) else { return Ok(Self(BTreeSet::new())) };
        let invalid = |problem: String| ConfigError::variable(VARIABLE, problem);
        let names = lines(&text).map_err(|problem| invalid(problem.to_owned()))?;
        for name in &names {
            let method = AuthMethod::of_name(name).ok_or_else(|| {
                invalid(format!(
                    "{name:?} is not the name of a caller; write one per line, such as internal-token, jwt:alice or \
                     serviceaccount:NAMESPACE:NAME"
                ))
            })?;
            if !is_configured(method) {
                return Err(invalid(format!(
                    "there can be no caller {name}, because no such credential is configured; configure it, or remove \
                     the name"
                )));
            }
        }
        Ok(Self(names.into_iter().map(str::to_owned).collect()))
    }

    /// The person that the request of this caller names; None if it names none.
    pub(super) fn person(
        &self,
        headers: &HeaderMap,
        caller: &Caller,
    ) -> Result<Option<String>, OnBehalfOfError> {
        let mut values = headers.get_all(ON_BEHALF_OF_HEADER).iter();
        let Some(value) = values.next() else { return Ok(None) };
        if !self.0.contains(&caller.name) {
            return Err(OnBehalfOfError::NotTrusted(caller.name.clone()));
        }
        if values.next().is_some() {
            return Err(OnBehalfOfError::Malformed("occurs more than once"));
        }
        parse_person(value.as_bytes()).map(Some).map_err(OnBehalfOfError::Malformed)
    }
}

fn parse_person(header: &[u8]) -> Result<String, &'static str> {
    let text = std::str::from_utf8(header.trim_ascii()).ok();
    let name = text.filter(|name| name.bytes().all(|byte| matches!(byte, b' '..=b'~')));
    let name = name.ok_or("has characters other than visible ASCII")?;
    if name.is_empty() {
        return Err("is empty; name the person, or omit the header");
    }
    if name.len() > MAX_PERSON_LENGTH {
        return Err("is longer than 128 characters");
    }
    // Otherwise a person could use the limits and the idempotency keys of that caller.
    if AuthMethod::of_name(name).is_some() {
        return Err("is the name of a caller, and not of a person");
    }
    Ok(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::{MAX_PERSON_LENGTH, parse_person};

    #[test]
    fn a_person_has_a_visible_name_of_limited_length() {
        for right in ["alice", "Alice B. <alice@example.com>", &"x".repeat(MAX_PERSON_LENGTH)] {
            assert_eq!(parse_person(right.as_bytes()).as_deref(), Ok(right), "{right}");
        }
        assert_eq!(parse_person(b" alice ").as_deref(), Ok("alice"));
        assert!(parse_person(b"ali\xffce").is_err());
        for wrong in ["", " ", "a\tb", "a\u{e9}", "\u{202e}", &"x".repeat(MAX_PERSON_LENGTH + 1)] {
            assert!(parse_person(wrong.as_bytes()).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_person_can_not_have_the_name_of_a_caller() {
        for caller in ["anonymous", "read-token", "internal-token", "admin-secret", "jwt", "jwt:alice"] {
            assert!(parse_person(caller.as_bytes()).is_err(), "{caller}");
        }
        assert!(parse_person(b"serviceaccount:trading:dashboard").is_err());
        assert_eq!(parse_person(b"jwt-alice").as_deref(), Ok("jwt-alice"));
    }
}

//! The credentials in a request's headers.

use ::http::{HeaderMap, header::AUTHORIZATION};

use super::error::AuthError;

/// The header of `READ_TOKEN`.
pub const READ_TOKEN_HEADER: &str = "x-read-token";
/// The header of `INTERNAL_TOKEN`.
pub const INTERNAL_TOKEN_HEADER: &str = "x-internal-token";
/// The header of `ADMIN_SECRET`.
pub const ADMIN_SECRET_HEADER: &str = "x-admin-secret";

/// The header with the person on whose behalf a request is sent.
pub(super) const ON_BEHALF_OF_HEADER: &str = "x-on-behalf-of";

/// The maximum length of a bearer token in bytes. A longer one is rejected before it is parsed.
const MAX_TOKEN_BYTES: usize = 8 * 1024;

/// The value of a header that must not occur more than once. An empty one counts as absent: scripts send it when their
/// variable is not set.
pub(super) fn single<'h>(headers: &'h HeaderMap, name: &str) -> Result<Option<&'h str>, AuthError> {
    let mut values = headers.get_all(name).iter().filter(|value| !value.as_bytes().trim_ascii().is_empty());
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(AuthError::Malformed("the header occurs more than once"));
    }
    value.to_str().map(Some).map_err(|_| AuthError::Malformed("the header is not visible ASCII"))
}

/// The token of `Authorization: Bearer` (RFC 6750, section 2.1); None with another scheme or without a token. The name of a scheme is
/// case-insensitive (RFC 9110, section 11.1).
pub(super) fn bearer(headers: &HeaderMap) -> Result<Option<&str>, AuthError> {
    let Some(value) = single(headers, AUTHORIZATION.as_str())? else { return Ok(None) };
    let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Ok(None);
    }
    match token.trim_matches(' ') {
        "" => Ok(None),
        token if token.len() > MAX_TOKEN_BYTES => Err(AuthError::Malformed("the token is longer than 8 KiB")),
        token => Ok(Some(token)),
    }
}

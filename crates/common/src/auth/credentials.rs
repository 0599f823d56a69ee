//! The credentials in a request's headers, as they were sent.

use ::http::{HeaderMap, header::AUTHORIZATION};

use super::Refusal;

/// The header of `INTERNAL_TOKEN`.
pub const INTERNAL_TOKEN_HEADER: &str = "x-internal-token";
/// The header of `ADMIN_SECRET`.
pub const ADMIN_SECRET_HEADER: &str = "x-admin-secret";

/// How long a bearer token may be, in bytes. A longer one is refused unread.
const LONGEST_TOKEN: usize = 8 * 1024;

/// The value of a header that may occur once.
pub(super) fn single<'h>(headers: &'h HeaderMap, name: &str) -> Result<Option<&'h str>, Refusal> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Refusal::Malformed("the header occurs more than once"));
    }
    match value.to_str() {
        Ok("") => Err(Refusal::Malformed("the header is empty")),
        Ok(text) => Ok(Some(text)),
        Err(_) => Err(Refusal::Malformed("the header is not visible ASCII")),
    }
}

/// The token of `Authorization: Bearer` (RFC 6750, section 2.1); None under another scheme. A scheme's name is
/// the same in any case (RFC 9110, section 11.1).
pub(super) fn bearer(headers: &HeaderMap) -> Result<Option<&str>, Refusal> {
    let Some(value) = single(headers, AUTHORIZATION.as_str())? else { return Ok(None) };
    let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Ok(None);
    }
    match token.trim_matches(' ') {
        "" => Err(Refusal::Malformed("there is no token after Bearer")),
        token if token.len() > LONGEST_TOKEN => Err(Refusal::Malformed("the token is longer than 8 KiB")),
        token => Ok(Some(token)),
    }
}

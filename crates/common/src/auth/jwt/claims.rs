//! The rules for the registered claims of a token (RFC 7519, section 4.1).

use std::time::Duration;

use serde_json::Value;

use super::compact::Claims;
use super::role_claims::RoleClaims;
use crate::auth::caller::Caller;
use crate::auth::error::AuthError;
use crate::config::{ConfigError, Settings};

/// The maximum clock skew in seconds.
pub(in crate::auth) const LEEWAY: f64 = 30.0;

/// The rules for claims.
pub(super) struct ClaimRules {
    audience: Option<String>,
    issuer: Option<String>,
    roles: RoleClaims,
}

impl ClaimRules {
    pub(super) fn from_settings(settings: &Settings) -> Result<Self, ConfigError> {
        Ok(Self {
            audience: settings.text("JWT_AUDIENCE"),
            issuer: settings.text("JWT_ISSUER"),
            roles: RoleClaims::from_settings(settings)?,
        })
    }

    /// Checks that the rules fit the source of keys. The owner of a JWK set signs tokens for other services too, and
    /// perhaps for other issuers, so a token of it is valid here only by audience and issuer (RFC 8725, sections 3.8 and
    /// 3.9).
    pub(super) fn check_sources(&self, settings: &Settings, has_secrets: bool) -> Result<(), ConfigError> {
        let key_set = ["JWKS_FILE", "JWKS_URL"].into_iter().find(|name| settings.text(name).is_some());
        for (name, value) in [("JWT_AUDIENCE", &self.audience), ("JWT_ISSUER", &self.issuer)] {
            if let (Some(key_set), None) = (key_set, value) {
                return Err(ConfigError::variable(name, format!("is needed with {key_set}; set it")));
            }
        }
        // Rules without keys would have no effect without a warning.
        let rules =
            ["JWT_AUDIENCE", "JWT_ISSUER", "JWT_ADMIN_CLAIM", "JWT_OPERATOR_CLAIM", "JWT_READER_CLAIM"];
        let rule = rules.into_iter().find(|name| settings.text(name).is_some());
        match rule {
            Some(rule) if key_set.is_none() && !has_secrets => Err(ConfigError::variable(
                rule,
                "has no effect without JWT_SECRET, JWKS_FILE or JWKS_URL; set one of them, or remove this variable",
            )),
            _ => Ok(()),
        }
    }

    /// Checks the claims of a token with a valid signature as of `now` (since 1970), and returns the caller.
    pub(super) fn check(&self, claims: &Claims, now: Duration) -> Result<Caller, AuthError> {
        if let Some(issuer) = &self.issuer
            && claims.get("iss").and_then(Value::as_str) != Some(issuer)
        {
            return Err(AuthError::WrongIssuer);
        }
        self.check_audience(claims.get("aud"))?;
        check_times(claims, now.as_secs_f64())?;
        let subject = match claims.get("sub") {
            None => None,
            Some(Value::String(subject)) => Some(subject.as_str()),
            Some(_) => return Err(AuthError::Malformed("the token's subject (sub) is not a text")),
        };
        let role = self.roles.role(claims).ok_or(AuthError::NotAllowed)?;
        Ok(Caller::jwt(subject, role))
    }

    /// A service without an audience rejects every token that has one: it can't be the one that the token is for.
    fn check_audience(&self, audience: Option<&Value>) -> Result<(), AuthError> {
        let is_own = |text: &Value| text.as_str().is_some_and(|text| self.audience.as_deref() == Some(text));
        let is_right = match audience {
            None => self.audience.is_none(),
            Some(Value::Array(several)) => several.iter().any(is_own),
            Some(one) => is_own(one),
        };
        if is_right { Ok(()) } else { Err(AuthError::WrongAudience) }
    }
}

/// Times are seconds since 1970 and may have a fraction.
fn check_times(claims: &Claims, now: f64) -> Result<(), AuthError> {
    if time(claims, "exp")?.ok_or(AuthError::NoExpiry)? + LEEWAY <= now {
        return Err(AuthError::Expired);
    }
    for name in ["nbf", "iat"] {
        if time(claims, name)?.is_some_and(|begins| begins > now + LEEWAY) {
            return Err(AuthError::NotYetValid);
        }
    }
    Ok(())
}

fn time(claims: &Claims, name: &str) -> Result<Option<f64>, AuthError> {
    let Some(value) = claims.get(name) else { return Ok(None) };
    value.as_f64().map(Some).ok_or(AuthError::Malformed("a time in the token is not a number"))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{AuthError, ClaimRules, Duration, RoleClaims};

    const NOW: u64 = 1_800_000_000;

    /// The outcome for these claims at [`NOW`].
    fn check(audience: Option<&str>, issuer: Option<&str>, claims: Value) -> Result<String, AuthError> {
        let Value::Object(claims) = claims else { unreachable!("claims are an object") };
        let list = |text: &str| text.parse().map_err(AuthError::Malformed);
        let roles = RoleClaims { admins: list("role=admin")?, operators: list("*")?, readers: list("")? };
        let (audience, issuer) = (audience.map(Into::into), issuer.map(Into::into));
        ClaimRules { audience, issuer, roles }
            .check(&claims, Duration::from_secs(NOW))
            .map(|caller| caller.name)
    }

    fn at(times: Value) -> Result<(), AuthError> {
        check(None, None, times).map(drop)
    }

    #[test]
    fn a_token_expires_30_seconds_after_its_time() {
        assert_eq!(at(json!({ "exp": NOW - 30 })), Err(AuthError::Expired));
        assert_eq!(at(json!({ "exp": 1_799_999_970.5 })), Ok(()));
        assert_eq!(at(json!({ "exp": -1 })), Err(AuthError::Expired));
        assert_eq!(at(json!({})), Err(AuthError::NoExpiry));
    }

    #[test]
    fn a_token_is_valid_30_seconds_before_its_time() {
        for name in ["nbf", "iat"] {
            assert_eq!(at(json!({ "exp": NOW, name: NOW + 30 })), Ok(()), "{name}");
            assert_eq!(at(json!({ "exp": NOW, name: NOW + 31 })), Err(AuthError::NotYetValid), "{name}");
        }
    }

    #[test]
    fn one_of_several_audiences_is_enough() {
        let outcome = |aud: Value| check(Some("tradeops"), None, json!({ "exp": NOW, "aud": aud })).map(drop);
        assert_eq!(outcome(json!(["others", 1, "tradeops"])), Ok(()));
        for wrong in [json!(["others"]), json!([]), json!("others"), json!(null), json!(1)] {
            assert_eq!(outcome(wrong.clone()), Err(AuthError::WrongAudience), "{wrong}");
        }
    }

    #[test]
    fn without_a_configured_audience_no_token_may_name_one_not_even_a_malformed_one() {
        for audience in [json!("tradeops"), json!([]), json!(1), json!({}), json!(null)] {
            let claims = json!({ "exp": NOW, "aud": audience });
            assert_eq!(check(None, None, claims), Err(AuthError::WrongAudience), "{audience}");
        }
    }

    #[test]
    fn an_issuer_is_one_text() {
        let outcome = |iss: Value| check(None, Some("issuer"), json!({ "exp": NOW, "iss": iss })).map(drop);
        assert_eq!(outcome(json!("issuer")), Ok(()));
        assert_eq!(outcome(json!(["issuer"])), Err(AuthError::WrongIssuer));
    }
}

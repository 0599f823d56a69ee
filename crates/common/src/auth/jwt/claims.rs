//! What the claims of a token must say (RFC 7519, section 4.1), and whom they name.

use std::str::FromStr;
use std::time::Duration;

use serde_json::Value;

use super::compact::Claims;
use crate::auth::{Caller, Refusal, Role};
use crate::config::{ConfigError, Settings};

/// How far clocks may be apart, in seconds.
const LEEWAY: f64 = 30.0;

/// The rules for claims.
pub(super) struct ClaimRules {
    audience: Option<String>,
    issuer: Option<String>,
    admin: AdminClaim,
}

/// The claim that makes a caller an administrator.
struct AdminClaim {
    path: String,
    value: String,
}

impl ClaimRules {
    pub(super) fn from_settings(settings: &Settings) -> Result<Self, ConfigError> {
        let default = || AdminClaim { path: "role".to_owned(), value: "admin".to_owned() };
        Ok(Self {
            audience: settings.text("JWT_AUDIENCE"),
            issuer: settings.text("JWT_ISSUER"),
            admin: settings.parsed("JWT_ADMIN_CLAIM")?.unwrap_or_else(default),
        })
    }

    /// That the rules fit where keys come from. A JWK set's owner signs for other services too, and maybe for other
    /// issuers: tokens of it are ours only by audience and issuer (RFC 8725, sections 3.8 and 3.9).
    pub(super) fn fit_sources(&self, settings: &Settings, secrets: bool) -> Result<(), ConfigError> {
        let key_set = ["JWKS_FILE", "JWKS_URL"].into_iter().find(|name| settings.text(name).is_some());
        for (name, value) in [("JWT_AUDIENCE", &self.audience), ("JWT_ISSUER", &self.issuer)] {
            if let (Some(key_set), None) = (key_set, value) {
                return Err(ConfigError::variable(name, format!("is needed with {key_set}; set it")));
            }
        }
        // Rules without keys would look like protection, and protect nothing.
        let rules = ["JWT_AUDIENCE", "JWT_ISSUER", "JWT_ADMIN_CLAIM"];
        let rule = rules.into_iter().find(|name| settings.text(name).is_some());
        match rule {
            Some(rule) if key_set.is_none() && !secrets => Err(ConfigError::variable(
                rule,
                "has no effect without JWT_SECRET, JWKS_FILE or JWKS_URL; set one of them, or not this",
            )),
            _ => Ok(()),
        }
    }

    /// Checks the claims of a token whose signature is right, as of `now` (since 1970), and says whose it is.
    pub(super) fn check(&self, claims: &Claims, now: Duration) -> Result<Caller, Refusal> {
        if let Some(issuer) = &self.issuer
            && claims.get("iss").and_then(Value::as_str) != Some(issuer)
        {
            return Err(Refusal::WrongIssuer);
        }
        self.check_audience(claims.get("aud"))?;
        check_times(claims, now.as_secs_f64())?;
        let subject = match claims.get("sub") {
            None => None,
            Some(Value::String(subject)) => Some(subject.as_str()),
            Some(_) => return Err(Refusal::Malformed("the token's subject (sub) is not a text")),
        };
        let role = if self.admin.is_in(claims) { Role::Admin } else { Role::Internal };
        Ok(Caller::jwt(subject, role))
    }

    /// A token that names audiences is refused by a service that is none of them, and so by one that has no name.
    fn check_audience(&self, audience: Option<&Value>) -> Result<(), Refusal> {
        let ours = |text: &Value| text.as_str().is_some_and(|text| self.audience.as_deref() == Some(text));
        let right = match audience {
            None => self.audience.is_none(),
            Some(Value::Array(several)) => several.iter().any(ours),
            Some(one) => ours(one),
        };
        if right { Ok(()) } else { Err(Refusal::WrongAudience) }
    }
}

/// Times are in seconds since 1970, with or without a fraction.
fn check_times(claims: &Claims, now: f64) -> Result<(), Refusal> {
    if time(claims, "exp")?.ok_or(Refusal::NoExpiry)? + LEEWAY <= now {
        return Err(Refusal::Expired);
    }
    for name in ["nbf", "iat"] {
        if time(claims, name)?.is_some_and(|begins| begins > now + LEEWAY) {
            return Err(Refusal::NotYetValid);
        }
    }
    Ok(())
}

fn time(claims: &Claims, name: &str) -> Result<Option<f64>, Refusal> {
    let Some(value) = claims.get(name) else { return Ok(None) };
    value.as_f64().map(Some).ok_or(Refusal::Malformed("a time in the token is not a number"))
}

impl AdminClaim {
    /// A claim holds the value when it is that text, a text of several words (as `scope` is, RFC 8693, section 4.2)
    /// with the value among them, or an array with it.
    fn is_in(&self, claims: &Claims) -> bool {
        match self.find(claims) {
            Some(Value::String(text)) => {
                text == &self.value || text.split(' ').any(|word| word == self.value)
            }
            Some(Value::Array(items)) => items.iter().any(|item| item.as_str() == Some(&self.value)),
            _ => false,
        }
    }

    /// A claim may have dots in its own name, as URLs do: that name goes before the path.
    fn find<'c>(&self, claims: &'c Claims) -> Option<&'c Value> {
        if let Some(value) = claims.get(&self.path) {
            return Some(value);
        }
        let mut steps = self.path.split('.');
        let first = claims.get(steps.next()?)?;
        steps.try_fold(first, |value, step| value.as_object()?.get(step))
    }
}

impl FromStr for AdminClaim {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('=').map(|(path, value)| (path.trim(), value.trim())) {
            Some((path, value)) if !path.is_empty() && !value.is_empty() => {
                Ok(Self { path: path.to_owned(), value: value.to_owned() })
            }
            _ => Err("write it as CLAIM=VALUE, such as role=admin or realm_access.roles=admin"),
        }
    }
}

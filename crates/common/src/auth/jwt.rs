//! Bearer tokens in the form of a signed JWT (RFC 7519), held to the practices of RFC 8725.
//!
//! `jsonwebtoken` checks signatures. Which key may check what, and the claims, are decided here: so that every
//! refusal has its own reason, `iat` counts too, and keys can change while the service runs.

mod claims;
mod compact;
mod key_set;
mod remote_keys;

use std::sync::Arc;
use std::time::Duration;

use jsonwebtoken::{Algorithm, DecodingKey};

pub(super) use self::compact::Compact;

use self::claims::ClaimRules;
use self::key_set::KeySet;
use self::remote_keys::RemoteKeys;
use super::reloading::Reloading;
use super::shared_secret::lines;
use super::{Caller, Refusal};
use crate::config::{ConfigError, Settings};

/// How long a secret of HS256 must be, in bytes (RFC 7518, section 3.2).
const SHORTEST_SECRET: usize = 32;

/// Checks JWTs.
pub(super) struct Jwt {
    secrets: Option<Reloading<Vec<DecodingKey>>>,
    keys: Option<PublicKeys>,
    rules: ClaimRules,
}

/// Where public keys come from.
enum PublicKeys {
    File(Reloading<KeySet>),
    Url(Arc<RemoteKeys>),
}

impl Jwt {
    /// None when neither secrets nor keys are configured.
    pub(super) async fn from_settings(settings: &Settings) -> Result<Option<Self>, ConfigError> {
        let secrets = Reloading::secret(settings, "JWT_SECRET", parse_secrets)?;
        // What needs no network comes first: a fault of the configuration is told at once.
        let rules = ClaimRules::from_settings(settings)?;
        rules.fit_sources(settings, secrets.is_some())?;
        let keys = PublicKeys::from_settings(settings).await?;
        if secrets.is_none() && keys.is_none() {
            return Ok(None);
        }
        Ok(Some(Self { secrets, keys, rules }))
    }

    /// Checks the signature, then the claims as of `now` (since 1970), and says whose token it is.
    pub(super) async fn verify(&self, token: &Compact<'_>, now: Duration) -> Result<Caller, Refusal> {
        // The algorithm chooses the kind of key, and no key is ever used with another algorithm than its own: so
        // neither can a public key pass as a secret of HS256, nor `none` as a signature (RFC 8725, section 3.1).
        let algorithm = token.algorithm().ok_or(Refusal::Algorithm)?;
        match (algorithm, &self.secrets, &self.keys) {
            (Algorithm::HS256, Some(secrets), _) => {
                token.signed_by_any(secrets.get().iter(), algorithm)?;
            }
            (Algorithm::HS256, None, _) | (_, _, None) => return Err(Refusal::Algorithm),
            (_, _, Some(PublicKeys::File(keys))) => keys.get().check_signature(token, algorithm)?,
            (_, _, Some(PublicKeys::Url(keys))) => keys.check_signature(token, algorithm).await?,
        }
        self.rules.check(token.claims(), now)
    }
}

impl PublicKeys {
    async fn from_settings(settings: &Settings) -> Result<Option<Self>, ConfigError> {
        match (settings.text("JWKS_FILE"), settings.text("JWKS_URL")) {
            (Some(_), Some(_)) => {
                Err(ConfigError::variable("JWKS_URL", "JWKS_FILE is set too; set one of the two"))
            }
            (Some(path), None) => {
                Reloading::file("JWKS_FILE", path.into(), KeySet::parse).map(|keys| Some(Self::File(keys)))
            }
            (None, Some(url)) => RemoteKeys::connect(&url).await.map(|keys| Some(Self::Url(keys))),
            (None, None) => Ok(None),
        }
    }
}

fn parse_secrets(text: &str) -> Result<Vec<DecodingKey>, &'static str> {
    let secrets = lines(text)?;
    if secrets.iter().any(|secret| secret.len() < SHORTEST_SECRET) {
        return Err(
            "a secret is shorter than 32 bytes, which HS256 needs; `openssl rand -base64 32` makes one",
        );
    }
    Ok(secrets.into_iter().map(|secret| DecodingKey::from_secret(secret.as_bytes())).collect())
}

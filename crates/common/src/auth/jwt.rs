//! Bearer tokens that are signed JWTs (RFC 7519), checked by the practices of RFC 8725.
//!
//! `jsonwebtoken` parses keys and verifies signatures. The claims are checked here and not by its `decode` with a
//! `Validation`, because that accepts and rejects other tokens:
//!
//! - It rejects a valid token whose header has a further member that is not a string, such as the `exp` that AWS load
//!   balancers add. RFC 7515, section 4, requires that unknown members are ignored.
//! - It accepts an array as `iss`, and accepts a malformed `aud` where no audience is configured.
//! - It checks neither `iat` nor `crit`, and reports several faults of one token in random order.

mod claim_list;
mod claims;
mod compact;
mod key_set;
mod remote_keys;
mod role_claims;

use std::sync::Arc;
use std::time::Duration;

use jsonwebtoken::{Algorithm, DecodingKey};

pub(super) use self::claims::LEEWAY;
pub(super) use self::compact::CompactToken;

use self::claims::ClaimRules;
use self::key_set::KeySet;
use self::remote_keys::RemoteKeys;
use super::caller::Caller;
use super::error::AuthError;
use super::reloading::Reloading;
use super::shared_secret::lines;
use crate::config::{ConfigError, Settings};

/// The minimum length of an HS256 secret in bytes (RFC 7518, section 3.2).
const MIN_SECRET_BYTES: usize = 32;

/// Verifies JWTs.
pub(super) struct JwtVerifier {
    secrets: Option<Reloading<Vec<DecodingKey>>>,
    keys: Option<PublicKeys>,
    rules: ClaimRules,
}

/// The source of public keys.
enum PublicKeys {
    File(Reloading<KeySet>),
    Url(Arc<RemoteKeys>),
}

impl JwtVerifier {
    /// None when neither secrets nor keys are configured.
    pub(super) async fn from_settings(settings: &Settings) -> Result<Option<Self>, ConfigError> {
        let secrets = Reloading::secret(settings, "JWT_SECRET", parse_secrets)?;
        // The network comes last, so that an error of the configuration is reported immediately.
        let rules = ClaimRules::from_settings(settings)?;
        rules.check_sources(settings, secrets.is_some())?;
        let keys = PublicKeys::from_settings(settings).await?;
        if secrets.is_none() && keys.is_none() {
            return Ok(None);
        }
        Ok(Some(Self { secrets, keys, rules }))
    }

    /// Checks the signature, then the claims as of `now` (since 1970), and returns the caller.
    pub(super) async fn verify(&self, token: &CompactToken<'_>, now: Duration) -> Result<Caller, AuthError> {
        // The algorithm selects the kind of key, and each key is used with its own algorithm only: a public key can't be
        // used as an HS256 secret, and `none` is never a signature (RFC 8725, section 3.1).
        let algorithm = token.algorithm().ok_or(AuthError::Algorithm)?;
        match (algorithm, &self.secrets, &self.keys) {
            (Algorithm::HS256, Some(secrets), _) => {
                let secrets = secrets.get();
                token.signed_by_any(secrets.iter().flat_map(|secrets| secrets.iter()), algorithm)?;
            }
            (Algorithm::HS256, None, _) | (_, _, None) => return Err(AuthError::Algorithm),
            (_, _, Some(PublicKeys::File(keys))) => {
                keys.get().ok_or(AuthError::WrongKey)?.check_signature(token, algorithm)?;
            }
            (_, _, Some(PublicKeys::Url(keys))) => keys.check_signature(token, algorithm).await?,
        }
        self.rules.check(token.claims(), now)
    }

    /// The settings whose values can change, and whether they are revoked. Files and keys that are old are read again.
    pub(super) fn revocations(&self) -> impl Iterator<Item = (&str, bool)> {
        let secrets = self.secrets.as_ref().and_then(Reloading::revocation);
        let keys = self.keys.as_ref().and_then(PublicKeys::revocation);
        [secrets, keys].into_iter().flatten()
    }
}

impl PublicKeys {
    async fn from_settings(settings: &Settings) -> Result<Option<Self>, ConfigError> {
        match (settings.text("JWKS_FILE"), settings.text("JWKS_URL")) {
            (Some(_), Some(_)) => {
                Err(ConfigError::variable("JWKS_URL", "JWKS_FILE is set too; set one of the two"))
            }
            (Some(path), None) => Reloading::file("JWKS_FILE", path.into(), KeySet::parse_with_keys)
                .map(|keys| Some(Self::File(keys))),
            (None, Some(url)) => RemoteKeys::connect(&url).await.map(|keys| Some(Self::Url(keys))),
            (None, None) => Ok(None),
        }
    }

    fn revocation(&self) -> Option<(&str, bool)> {
        match self {
            Self::File(keys) => keys.revocation(),
            Self::Url(keys) => Some(("JWKS_URL", keys.revoked())),
        }
    }
}

fn parse_secrets(text: &str) -> Result<Vec<DecodingKey>, &'static str> {
    let secrets = lines(text)?;
    if secrets.iter().any(|secret| secret.len() < MIN_SECRET_BYTES) {
        return Err(
            "a secret is shorter than 32 bytes, the minimum for HS256; create one with `openssl rand -base64 32`",
        );
    }
    Ok(secrets.into_iter().map(|secret| DecodingKey::from_secret(secret.as_bytes())).collect())
}

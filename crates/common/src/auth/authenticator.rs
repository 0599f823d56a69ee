//! The checks of all credentials of a request.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use ::http::HeaderMap;

use super::authentication::Authentication;
use super::caller::Caller;
use super::credentials::{self, ADMIN_SECRET_HEADER, INTERNAL_TOKEN_HEADER};
use super::error::AuthError;
use super::jwt::{CompactToken, JwtVerifier};
use super::reloading::CHECK_INTERVAL;
use super::shared_secret::{SharedSecret, check_distinct};
use super::token_review::{TokenReviewer, TokenReviews};
use crate::config::{ConfigError, Settings};

/// Checks the credentials of requests.
pub struct Authenticator {
    admin_secret: Option<SharedSecret>,
    internal_token: Option<SharedSecret>,
    jwt: Option<JwtVerifier>,
    token_reviews: Option<TokenReviews>,
}

impl Authenticator {
    /// Reads [`VARIABLES`](super::VARIABLES) and the files they name, and fetches the keys of `JWKS_URL`. When that
    /// server can't be reached, the service starts nevertheless: bearer tokens that need its keys are
    /// [`AuthError::Unavailable`] until it can.
    ///
    /// # Errors
    /// When a variable or file can't be used, or `TOKEN_REVIEW_AUDIENCE` is set and there is no `reviewer`.
    pub async fn from_settings(
        settings: &Settings,
        reviewer: Option<Arc<dyn TokenReviewer>>,
    ) -> Result<Self, ConfigError> {
        check_distinct(settings)?;
        Ok(Self {
            admin_secret: SharedSecret::from_settings(settings, "ADMIN_SECRET")?,
            internal_token: SharedSecret::from_settings(settings, "INTERNAL_TOKEN")?,
            jwt: JwtVerifier::from_settings(settings).await?,
            token_reviews: TokenReviews::from_settings(settings, reviewer)?,
        })
    }

    /// Whether any credential is configured. When none is, every request is `Ok(None)`, and the service decides what
    /// such a caller may do.
    pub fn configured(&self) -> bool {
        let Self { admin_secret, internal_token, jwt, token_reviews } = self;
        admin_secret.is_some() || internal_token.is_some() || jwt.is_some() || token_reviews.is_some()
    }

    /// The settings whose values can change while the program runs, and whether the value of each is revoked: its file was
    /// emptied or removed, or the key set has no keys. The state is at most a second old; that of a key set at a URL, at
    /// most five minutes.
    pub fn revocations(&self) -> impl Iterator<Item = (&str, bool)> {
        let secrets = [&self.admin_secret, &self.internal_token].into_iter().flatten();
        let tokens = self.jwt.iter().flat_map(JwtVerifier::revocations);
        secrets.filter_map(SharedSecret::revocation).chain(tokens)
    }

    /// Reads files again that have changed, and fetches keys again that are old, so that a revocation applies and is
    /// logged without a request. It never returns.
    pub async fn keep_current(&self) {
        let mut ticks = tokio::time::interval(CHECK_INTERVAL);
        loop {
            ticks.tick().await;
            self.revocations().for_each(drop);
            self.token_reviews.iter().for_each(TokenReviews::remove_idle);
        }
    }

    /// Checks every credential of a request with these headers; see the module's rules. The address of the client limits what
    /// its credentials cost others; None counts as one address.
    pub async fn authenticate(&self, headers: &HeaderMap, address: Option<IpAddr>) -> Authentication {
        let internal = check_shared(self.internal_token.as_ref(), headers, INTERNAL_TOKEN_HEADER);
        let admin = check_shared(self.admin_secret.as_ref(), headers, ADMIN_SECRET_HEADER);
        let internal = internal.map(|valid| valid.then(Caller::internal_token));
        let admin = admin.map(|valid| valid.then(Caller::admin_secret));
        Authentication::of([internal, admin, self.check_bearer(headers, address).await])
    }

    async fn check_bearer(
        &self,
        headers: &HeaderMap,
        address: Option<IpAddr>,
    ) -> Result<Option<Caller>, AuthError> {
        if self.jwt.is_none() && self.token_reviews.is_none() {
            return Ok(None);
        }
        let Some(token) = credentials::bearer(headers)? else { return Ok(None) };
        let parsed = CompactToken::parse(token)?;
        let caller = match (&self.token_reviews, &self.jwt) {
            (Some(reviews), _) if parsed.names_service_account() => {
                reviews.check(token, &parsed, address, unix_time()).await?
            }
            (_, Some(jwt)) => jwt.verify(&parsed, unix_time()).await?,
            // Only tokens of ServiceAccounts are accepted, and this one is of another issuer.
            (_, None) => return Err(AuthError::WrongIssuer),
        };
        Ok(Some(caller))
    }
}

impl fmt::Debug for Authenticator {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Authenticator")
            .field("admin_secret", &self.admin_secret.is_some())
            .field("internal_token", &self.internal_token.is_some())
            .field("jwt", &self.jwt.is_some())
            .field("token_reviews", &self.token_reviews.is_some())
            .finish()
    }
}

/// Whether the header contains a valid secret; false when it is absent or the secret is not configured.
fn check_shared(secret: Option<&SharedSecret>, headers: &HeaderMap, name: &str) -> Result<bool, AuthError> {
    let Some(secret) = secret else { return Ok(false) };
    match credentials::single(headers, name)? {
        None => Ok(false),
        Some(presented) if secret.accepts(presented) => Ok(true),
        Some(_) => Err(AuthError::WrongToken),
    }
}

/// The time since 1970 in UTC, which RFC 7519 calls a `NumericDate`.
fn unix_time() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("the clock is past 1970")
}

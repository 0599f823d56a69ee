//! The checks of all credentials of a request.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use ::http::HeaderMap;

use super::authentication::Authentication;
use super::caller::{AuthMethod, Caller};
use super::credentials::{self, ADMIN_SECRET_HEADER, INTERNAL_TOKEN_HEADER, READ_TOKEN_HEADER};
use super::error::AuthError;
use super::jwt::{CompactToken, JwtVerifier};
use super::reloading::CHECK_INTERVAL;
use super::shared_secret::{SharedSecret, check_distinct};
use super::token_review::{TokenReviewer, TokenReviews};
use super::trusted_callers::{OnBehalfOfError, TrustedCallers};
use crate::config::{ConfigError, Settings};

/// Checks the credentials of requests.
pub struct Authenticator {
    credentials: Credentials,
    trusted_callers: TrustedCallers,
}

/// The configured kinds of credentials.
struct Credentials {
    admin_secret: Option<SharedSecret>,
    internal_token: Option<SharedSecret>,
    read_token: Option<SharedSecret>,
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
        let credentials = Credentials {
            admin_secret: SharedSecret::from_settings(settings, "ADMIN_SECRET")?,
            internal_token: SharedSecret::from_settings(settings, "INTERNAL_TOKEN")?,
            read_token: SharedSecret::from_settings(settings, "READ_TOKEN")?,
            jwt: JwtVerifier::from_settings(settings).await?,
            token_reviews: TokenReviews::from_settings(settings, reviewer)?,
        };
        let trusted_callers =
            TrustedCallers::from_settings(settings, |method| credentials.can_identify(method))?;
        Ok(Self { credentials, trusted_callers })
    }

    /// Whether any credential is configured. When none is, every request is `Ok(None)`, and the service decides what
    /// such a caller may do.
    pub fn configured(&self) -> bool {
        !self.credentials.can_identify(AuthMethod::None)
    }

    /// Whether the only credential is that of readers, so that no caller can change anything.
    pub fn only_readers(&self) -> bool {
        let is_configured = |method| self.credentials.can_identify(method);
        let others =
            [AuthMethod::InternalToken, AuthMethod::AdminSecret, AuthMethod::Jwt, AuthMethod::ServiceAccount];
        is_configured(AuthMethod::ReadToken) && !others.into_iter().any(is_configured)
    }

    /// The person on whose behalf the caller sends a request with these headers; None if it names none.
    ///
    /// # Errors
    /// When the caller is not trusted to name a person, or the name can't be used.
    pub fn person(&self, headers: &HeaderMap, caller: &Caller) -> Result<Option<String>, OnBehalfOfError> {
        self.trusted_callers.person(headers, caller)
    }

    /// The settings whose values can change while the program runs, and whether the value of each is revoked: its file was
    /// emptied or removed, or the key set has no keys. The state is at most a second old; that of a key set at a URL, at
    /// most five minutes.
    pub fn revocations(&self) -> impl Iterator<Item = (&str, bool)> {
        let Credentials { admin_secret, internal_token, read_token, jwt, token_reviews: _ } =
            &self.credentials;
        let secrets = [admin_secret, internal_token, read_token].into_iter().flatten();
        let tokens = jwt.iter().flat_map(JwtVerifier::revocations);
        secrets.filter_map(SharedSecret::revocation).chain(tokens)
    }

    /// Reads files again that have changed, and fetches keys again that are old, so that a revocation applies and is
    /// logged without a request. It never returns.
    pub async fn keep_current(&self) {
        let mut ticks = tokio::time::interval(CHECK_INTERVAL);
        loop {
            ticks.tick().await;
            self.revocations().for_each(drop);
            self.credentials.token_reviews.iter().for_each(TokenReviews::remove_idle);
        }
    }

    /// Checks every credential of a request with these headers; see the module's rules. The address of the client limits what
    /// its credentials cost others; None counts as one address.
    pub async fn authenticate(&self, headers: &HeaderMap, address: Option<IpAddr>) -> Authentication {
        let Credentials { admin_secret, internal_token, read_token, .. } = &self.credentials;
        let read = check_shared(read_token.as_ref(), headers, READ_TOKEN_HEADER);
        let internal = check_shared(internal_token.as_ref(), headers, INTERNAL_TOKEN_HEADER);
        let admin = check_shared(admin_secret.as_ref(), headers, ADMIN_SECRET_HEADER);
        let read = read.map(|valid| valid.then(Caller::read_token));
        let internal = internal.map(|valid| valid.then(Caller::internal_token));
        let admin = admin.map(|valid| valid.then(Caller::admin_secret));
        Authentication::of([read, internal, admin, self.credentials.check_bearer(headers, address).await])
    }
}

impl Credentials {
    /// Whether a request can have a caller that this kind of credential identifies.
    fn can_identify(&self, method: AuthMethod) -> bool {
        let Self { admin_secret, internal_token, read_token, jwt, token_reviews } = self;
        match method {
            AuthMethod::None => {
                let secrets = [admin_secret, internal_token, read_token];
                secrets.into_iter().all(Option::is_none) && jwt.is_none() && token_reviews.is_none()
            }
            AuthMethod::ReadToken => read_token.is_some(),
            AuthMethod::InternalToken => internal_token.is_some(),
            AuthMethod::AdminSecret => admin_secret.is_some(),
            AuthMethod::Jwt => jwt.is_some(),
            AuthMethod::ServiceAccount => token_reviews.is_some(),
        }
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
            .field("admin_secret", &self.credentials.admin_secret.is_some())
            .field("internal_token", &self.credentials.internal_token.is_some())
            .field("read_token", &self.credentials.read_token.is_some())
            .field("jwt", &self.credentials.jwt.is_some())
            .field("token_reviews", &self.credentials.token_reviews.is_some())
            .finish_non_exhaustive()
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

//! Who calls an HTTP service: authentication by the credentials in a request's headers.
//!
//! | credential | checked against | caller |
//! |---|---|---|
//! | `X-Internal-Token` | `INTERNAL_TOKEN`, in constant time | `internal-token`, [`Role::Internal`] |
//! | `X-Admin-Secret` | `ADMIN_SECRET`, in constant time | `admin-secret`, [`Role::Admin`] |
//! | a bearer, JWT | `JWT_SECRET`, or the keys of `JWKS_FILE` or `JWKS_URL` | `jwt:<sub>`, role by a claim |
//! | a bearer, of a ServiceAccount | Kubernetes' TokenReview | `serviceaccount:<namespace>:<name>`, role by lists |
//!
//! The rules of a request:
//!
//! - Every credential in it must be valid: one wrong credential refuses the request, whatever else it carries.
//!   Of several valid ones the strongest role counts, and of equal roles the bearer, which names somebody.
//! - A kind of credential that is not configured is not looked at, as if its header were absent; so is an
//!   `Authorization` of a scheme other than `Bearer`. Neither can gain anything.
//! - A bearer whose claims name a Kubernetes ServiceAccount (`kubernetes.io`) goes to the TokenReview where one is
//!   configured, and any other to the JWT keys. The claim is not verified at that point, and need not be: it chooses
//!   the judge, and each judge checks the whole token.
//! - A header that occurs twice, is empty or holds anything but visible ASCII is malformed.
//!
//! Secrets from files are read again when they change, keys from a URL are fetched again as they rotate: neither
//! needs a restart. Nothing here shows a secret or a token in a log, an error or a `Debug` text.

mod caller;
mod credentials;
mod jwt;
mod refusal;
mod reloading;
mod shared_secret;
mod token_review;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use ::http::HeaderMap;

pub use self::caller::{Caller, Method, Role};
pub use self::credentials::{ADMIN_SECRET_HEADER, INTERNAL_TOKEN_HEADER};
pub use self::refusal::Refusal;
pub use self::token_review::{ReviewError, Reviewed, TokenReviewer};

use self::jwt::{Compact, Jwt};
use self::shared_secret::SharedSecret;
use self::token_review::TokenReviews;
use crate::config::{ConfigError, Settings, Variable};

/// The variables of this module, for a program's list. A secret holds one value per line; all are valid at once, so
/// that one can be rotated.
pub const VARIABLES: [Variable; 11] = [
    Variable::secret("INTERNAL_TOKEN", "accepted in X-Internal-Token; one per line"),
    Variable::secret("ADMIN_SECRET", "accepted in X-Admin-Secret, for administrators; one per line"),
    Variable::secret("JWT_SECRET", "of HS256 bearer tokens, at least 32 bytes; one per line"),
    Variable::plain("JWKS_FILE", "public keys of RS256, ES256 and EdDSA bearer tokens, as a JWK set"),
    Variable::plain("JWKS_URL", "the same from a server, in place of JWKS_FILE"),
    Variable::plain("JWT_AUDIENCE", "the audience of bearer tokens; needed with a JWK set"),
    Variable::plain("JWT_ISSUER", "the issuer of bearer tokens; needed with a JWK set"),
    Variable::plain(
        "JWT_ADMIN_CLAIM",
        "CLAIM=VALUE, or a dotted path to a claim, of administrators; role=admin",
    ),
    Variable::plain("TOKEN_REVIEW_AUDIENCE", "accept ServiceAccount tokens of this audience; none"),
    Variable::plain(
        "TOKEN_REVIEW_ADMINS",
        "NAMESPACE/NAME,... of ServiceAccounts that are administrators; none",
    ),
    Variable::plain(
        "TOKEN_REVIEW_ALLOWED",
        "NAMESPACE/NAME or NAMESPACE/*,... of the other ServiceAccounts; all",
    ),
];

/// Checks the credentials of requests.
pub struct Authenticator {
    admin_secret: Option<SharedSecret>,
    internal_token: Option<SharedSecret>,
    jwt: Option<Jwt>,
    token_reviews: Option<TokenReviews>,
}

impl Authenticator {
    /// Reads [`VARIABLES`] and the files they name, and fetches the keys of `JWKS_URL`. When that server can't be
    /// reached the service starts even so: bearers that need its keys are [`Refusal::Unavailable`] until it can.
    ///
    /// # Errors
    /// When a variable or file can't be used, or `TOKEN_REVIEW_AUDIENCE` is set and there is no `reviewer`.
    pub async fn from_settings(
        settings: &Settings,
        reviewer: Option<Arc<dyn TokenReviewer>>,
    ) -> Result<Self, ConfigError> {
        Ok(Self {
            admin_secret: SharedSecret::from_settings(settings, "ADMIN_SECRET")?,
            internal_token: SharedSecret::from_settings(settings, "INTERNAL_TOKEN")?,
            jwt: Jwt::from_settings(settings).await?,
            token_reviews: TokenReviews::from_settings(settings, reviewer)?,
        })
    }

    /// Whether any credential is configured. When none is, every request is `Ok(None)`, and the service decides what
    /// such a caller may do.
    pub fn configured(&self) -> bool {
        let Self { admin_secret, internal_token, jwt, token_reviews } = self;
        admin_secret.is_some() || internal_token.is_some() || jwt.is_some() || token_reviews.is_some()
    }

    /// Finds out who sent a request with these headers; None when it carries no credential of a configured kind.
    ///
    /// # Errors
    /// When a credential is wrong or can't be checked; see the module's rules.
    pub async fn authenticate(&self, headers: &HeaderMap) -> Result<Option<Caller>, Refusal> {
        // What costs nothing comes first: a wrong secret is refused before any key server is asked.
        let admin = check_shared(self.admin_secret.as_ref(), headers, ADMIN_SECRET_HEADER)?;
        let internal = check_shared(self.internal_token.as_ref(), headers, INTERNAL_TOKEN_HEADER)?;
        let admin = admin.then(Caller::admin_secret);
        let internal = internal.then(Caller::internal_token);
        let bearer = self.check_bearer(headers).await?;
        // The last of equal ones wins.
        Ok([internal, admin, bearer].into_iter().flatten().max_by_key(|caller| caller.role))
    }

    async fn check_bearer(&self, headers: &HeaderMap) -> Result<Option<Caller>, Refusal> {
        if self.jwt.is_none() && self.token_reviews.is_none() {
            return Ok(None);
        }
        let Some(token) = credentials::bearer(headers)? else { return Ok(None) };
        let parsed = Compact::parse(token)?;
        let caller = match (&self.token_reviews, &self.jwt) {
            (Some(reviews), _) if parsed.names_service_account() => {
                reviews.check(token, parsed.unverified_expiry(), unix_time()).await?
            }
            (_, Some(jwt)) => jwt.verify(&parsed, unix_time()).await?,
            // Only the cluster's tokens are accepted, and this one is not of a cluster.
            (_, None) => return Err(Refusal::WrongIssuer),
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

/// Whether the header holds a right secret; false when it is absent or the secret is not configured.
fn check_shared(secret: Option<&SharedSecret>, headers: &HeaderMap, name: &str) -> Result<bool, Refusal> {
    let Some(secret) = secret else { return Ok(false) };
    match credentials::single(headers, name)? {
        None => Ok(false),
        Some(presented) if secret.accepts(presented) => Ok(true),
        Some(_) => Err(Refusal::WrongToken),
    }
}

/// The time since 1970, in UTC: what RFC 7519 calls a `NumericDate`.
fn unix_time() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("the clock is past 1970")
}

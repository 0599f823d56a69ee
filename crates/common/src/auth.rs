//! Authentication of HTTP requests by the credentials in their headers.
//!
//! | credential | checked against | caller |
//! |---|---|---|
//! | `X-Internal-Token` | `INTERNAL_TOKEN`, in constant time | `internal-token`, [`Role::Internal`] |
//! | `X-Admin-Secret` | `ADMIN_SECRET`, in constant time | `admin-secret`, [`Role::Admin`] |
//! | bearer JWT | `JWT_SECRET`, or the keys of `JWKS_FILE` or `JWKS_URL` | `jwt:<sub>`, role by a claim |
//! | bearer token of a ServiceAccount | Kubernetes TokenReview | `serviceaccount:<namespace>:<name>`, role by lists |
//!
//! The rules of a request:
//!
//! - The valid credential with the most rights applies, whatever the others are; of equal roles the bearer token, because
//!   it names a caller. Wrong credentials are counted nevertheless. A request without a valid one is rejected.
//! - A kind of credential that is not configured is ignored, as if its header were absent. So is an `Authorization`
//!   header with a scheme other than `Bearer`. Neither grants access.
//! - A bearer token whose claims name a Kubernetes ServiceAccount (`kubernetes.io`) is sent to the TokenReview API where
//!   that is configured, and any other is checked with the JWT keys. The claim is not verified at that point and need not
//!   be: it only selects the check, and each check verifies the whole token.
//! - An empty header is not a credential. One that occurs twice, or contains anything but visible ASCII, is malformed.
//!
//! Secret files are read again when they change, and keys of a URL are fetched again as they rotate: neither needs a
//! restart. A credential is valid only while its file or its key set contains it: an emptied or removed file, and a key set
//! without keys, revoke it. The kind of credential stays configured, so that access is never open instead. No log line, error or `Debug` text contains a secret or a token.

mod authentication;
mod authenticator;
mod caller;
mod credentials;
mod error;
mod jwt;
mod reloading;
mod shared_secret;
mod token_review;

pub use self::authentication::Authentication;
pub use self::authenticator::Authenticator;
pub use self::caller::{AuthMethod, Caller, Role};
pub use self::credentials::{ADMIN_SECRET_HEADER, INTERNAL_TOKEN_HEADER};
pub use self::error::AuthError;
pub use self::token_review::{ReviewError, Reviewed, TokenReviewer};

use crate::config::Variable;

/// The variables of this module, for a program's list. A secret contains one value per line; all are valid at the same
/// time, which permits rotation.
pub const VARIABLES: [Variable; 11] = [
    Variable::secret("INTERNAL_TOKEN", "accepted in X-Internal-Token; one per line"),
    Variable::secret("ADMIN_SECRET", "accepted in X-Admin-Secret, for administrators; one per line"),
    Variable::secret("JWT_SECRET", "of HS256 bearer tokens, at least 32 bytes; one per line"),
    Variable::plain("JWKS_FILE", "public keys of RS256, ES256 and EdDSA bearer tokens, as a JWK set")
        .credential(),
    Variable::plain("JWKS_URL", "the same from a server, in place of JWKS_FILE").credential(),
    Variable::plain("JWT_AUDIENCE", "the audience of bearer tokens; needed with a JWK set").credential(),
    Variable::plain("JWT_ISSUER", "the issuer of bearer tokens; needed with a JWK set").credential(),
    Variable::plain(
        "JWT_ADMIN_CLAIM",
        "CLAIM=VALUE of administrators, or a dotted path to a claim; one per line",
    )
    .with_default("role=admin")
    .credential(),
    Variable::plain("TOKEN_REVIEW_AUDIENCE", "accept ServiceAccount tokens of this audience")
        .with_default_described("none")
        .credential(),
    Variable::plain("TOKEN_REVIEW_ADMINS", "NAMESPACE/NAME,... of ServiceAccounts that are administrators")
        .with_default_described("none")
        .credential(),
    Variable::plain("TOKEN_REVIEW_ALLOWED", "NAMESPACE/NAME or NAMESPACE/*,... of the other ServiceAccounts")
        .with_default_described("all")
        .credential(),
];

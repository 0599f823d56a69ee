//! Authentication of HTTP requests by the credentials in their headers.
//!
//! | credential | checked against | caller |
//! |---|---|---|
//! | `X-Read-Token` | `READ_TOKEN`, in constant time | `read-token`, [`Role::Reader`] |
//! | `X-Internal-Token` | `INTERNAL_TOKEN`, in constant time | `internal-token`, [`Role::Operator`] |
//! | `X-Admin-Secret` | `ADMIN_SECRET`, in constant time | `admin-secret`, [`Role::Admin`] |
//! | bearer JWT | `JWT_SECRET`, or the keys of `JWKS_FILE` or `JWKS_URL` | `jwt:<sub>`, role by claims |
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
//! - A caller that `TRUSTED_CALLERS` names may send `X-On-Behalf-Of` with the name of a person.
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
mod trusted_callers;

pub use self::authentication::Authentication;
pub use self::authenticator::Authenticator;
pub use self::caller::{AuthMethod, Caller, Role};
pub use self::credentials::{ADMIN_SECRET_HEADER, INTERNAL_TOKEN_HEADER, READ_TOKEN_HEADER};
pub use self::error::AuthError;
pub use self::token_review::{ReviewError, Reviewed, TokenReviewer};
pub use self::trusted_callers::OnBehalfOfError;

use crate::config::Variable;

/// The variables of this module, for a program's list. A secret contains one value per line; all are valid at the same
/// time, which permits rotation.
pub const VARIABLES: [Variable; 16] = [
    Variable::secret("READ_TOKEN", "accepted in X-Read-Token, for readers; one per line"),
    Variable::secret("INTERNAL_TOKEN", "accepted in X-Internal-Token, for operators; one per line"),
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
    Variable::plain("JWT_OPERATOR_CLAIM", "the same of operators; * is every other token")
        .with_default("*")
        .credential(),
    Variable::plain("JWT_READER_CLAIM", "the same of readers; needs JWT_OPERATOR_CLAIM")
        .with_default_described("none")
        .credential(),
    Variable::plain("TOKEN_REVIEW_AUDIENCE", "accept ServiceAccount tokens of this audience")
        .with_default_described("none")
        .credential(),
    Variable::plain("TOKEN_REVIEW_ADMINS", "NAMESPACE/NAME,... of ServiceAccounts that are administrators")
        .with_default_described("none")
        .credential(),
    Variable::plain("TOKEN_REVIEW_ALLOWED", "NAMESPACE/NAME or NAMESPACE/*,... of those that are operators")
        .with_default_described("all")
        .credential(),
    Variable::plain("TOKEN_REVIEW_READERS", "the same of readers; needs TOKEN_REVIEW_ALLOWED")
        .with_default_described("none")
        .credential(),
    Variable::plain(
        "TRUSTED_CALLERS",
        "the callers that may send X-On-Behalf-Of with a person, such as internal-token; one per line",
    )
    .with_default_described("none")
    .credential(),
];

//! Why a credential is rejected.

/// Why a credential is rejected. No text contains the credential, so each may be logged and counted. The service decides
/// how much of it a client receives.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum AuthError {
    /// A header or token can't be parsed.
    #[error("the credential is malformed: {0}")]
    Malformed(&'static str),
    /// `X-Read-Token`, `X-Internal-Token` or `X-Admin-Secret` is none of the configured secrets.
    #[error("the secret is wrong")]
    WrongToken,
    /// The token's algorithm is not accepted, or does not fit the key that the token names.
    #[error("the token's algorithm is not accepted")]
    Algorithm,
    /// No key has the identifier (`kid`) that the token names.
    #[error("the token names an unknown key")]
    WrongKey,
    /// The token's signature is not of any of the keys.
    #[error("the token's signature is wrong")]
    BadSignature,
    /// The token has no expiry (`exp`) and would be valid indefinitely.
    #[error("the token has no expiry")]
    NoExpiry,
    /// The token has expired.
    #[error("the token has expired")]
    Expired,
    /// The token is not valid yet (`nbf`), or was issued in the future (`iat`).
    #[error("the token is not valid yet")]
    NotYetValid,
    /// The token is for another audience (`aud`).
    #[error("the token is for another audience")]
    WrongAudience,
    /// The token is from another issuer (`iss`).
    #[error("the token is from another issuer")]
    WrongIssuer,
    /// The cluster's API server does not accept the ServiceAccount token for the configured audience.
    #[error("the cluster does not accept the token")]
    Rejected,
    /// The token is genuine, and its claims or its ServiceAccount have no role. This is the only error of an identified caller.
    #[error("the caller is not allowed")]
    NotAllowed,
    /// The credential is not checked, because this client, or all together, sent too many that need another server. It may be
    /// valid.
    #[error("the credential was not checked, because too many have to be checked")]
    Throttled,
    /// The credential can't be checked now, because the service that checks it can't be reached. It may be valid.
    #[error("the credential can't be checked now: {0} can't be reached")]
    Unavailable(&'static str),
}

impl AuthError {
    /// A stable label for metrics.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Malformed(_) => "malformed",
            Self::WrongToken => "wrong_token",
            Self::Algorithm => "algorithm",
            Self::WrongKey => "wrong_key",
            Self::BadSignature => "bad_signature",
            Self::NoExpiry => "no_expiry",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::WrongAudience => "wrong_audience",
            Self::WrongIssuer => "wrong_issuer",
            Self::Rejected => "rejected",
            Self::NotAllowed => "not_allowed",
            Self::Throttled => "throttled",
            Self::Unavailable(_) => "unavailable",
        }
    }
}

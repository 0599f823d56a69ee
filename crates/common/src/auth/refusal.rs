//! Why a credential is refused.

/// Why a credential is refused. No text shows the credential; each may be logged and counted, and what of it a
/// client is told is the service's decision.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// A header or token that can't be read as what it should be.
    #[error("the credential is malformed: {0}")]
    Malformed(&'static str),
    /// `X-Internal-Token` or `X-Admin-Secret` holds none of the configured secrets.
    #[error("the secret is not the right one")]
    WrongToken,
    /// The token's algorithm is not accepted here, or does not fit the key it names.
    #[error("the token's algorithm is not accepted")]
    Algorithm,
    /// No key has the identifier (`kid`) that the token names.
    #[error("the token names a key that is not known")]
    WrongKey,
    /// None of the keys made the token's signature.
    #[error("the token's signature is wrong")]
    BadSignature,
    /// The token has no time of expiry (`exp`): it would be valid for ever.
    #[error("the token never expires")]
    NoExpiry,
    /// The token has expired.
    #[error("the token has expired")]
    Expired,
    /// The token is not valid yet (`nbf`), or was issued in the future (`iat`).
    #[error("the token is not valid yet")]
    NotYetValid,
    /// The token is meant for others (`aud`).
    #[error("the token is for another audience")]
    WrongAudience,
    /// The token is from somebody else (`iss`).
    #[error("the token is from another issuer")]
    WrongIssuer,
    /// The cluster's API server does not accept the ServiceAccount token for our audience.
    #[error("the cluster does not accept the token")]
    Rejected,
    /// A genuine token of somebody who is in no list: the one refusal of a caller who is known.
    #[error("the caller is not allowed in")]
    NotAllowed,
    /// The credential can't be checked now, because what checks it is out of reach; it may be right.
    #[error("the credential can't be checked now: {0} can't be reached")]
    Unavailable(&'static str),
}

impl Refusal {
    /// A short text for metrics; it never changes.
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
            Self::Unavailable(_) => "unavailable",
        }
    }
}

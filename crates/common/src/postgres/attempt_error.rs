//! The errors of one attempt to connect.

use std::fmt;

/// The error of an attempt to connect to one candidate.
#[derive(Debug)]
pub(super) enum AttemptError {
    Unreachable(String),
    LoginRefused(String),
    DatabaseRefused(String),
    /// The server's certificate was rejected.
    Untrusted(String),
    /// A file for TLS can't be used.
    TlsFile(String),
    /// TLS failed for a reason other than the server's certificate.
    Handshake(String),
    TlsRefused,
    ParameterRefused(String),
    Other(String),
}

impl fmt::Display for AttemptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TlsRefused => f.write_str("the server refuses TLS"),
            Self::ParameterRefused(name) => write!(f, "the start-up parameter {name} is refused"),
            Self::Unreachable(reason)
            | Self::LoginRefused(reason)
            | Self::DatabaseRefused(reason)
            | Self::Untrusted(reason)
            | Self::TlsFile(reason)
            | Self::Handshake(reason)
            | Self::Other(reason) => f.write_str(reason),
        }
    }
}

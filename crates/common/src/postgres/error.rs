//! Errors of connecting, by what an operator must do about them.

/// There is no connection. No text contains a password, a URL or the value of a parameter.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// No server accepts the connection now.
    #[error(
        "{place} can't be reached: {reason}; check the address in {setting}, and that the server runs and accepts connections"
    )]
    Unreachable {
        /// The variable with the address.
        setting: String,
        /// The server: host, port, database and user.
        place: String,
        /// The errors of the attempts.
        reason: String,
    },
    /// The server rejects the login.
    #[error(
        "{place} refuses the login: {reason}; check user and password in {setting}, and pg_hba.conf of the server"
    )]
    LoginRefused {
        /// The variable with the address.
        setting: String,
        /// The server: host, port, database and user.
        place: String,
        /// The server's reason.
        reason: String,
    },
    /// The database does not exist, or the user may not connect to it.
    #[error(
        "{place} refuses the database: {reason}; check the database in {setting}, and that the user may connect to it"
    )]
    DatabaseRefused {
        /// The variable with the address.
        setting: String,
        /// The server: host, port, database and user.
        place: String,
        /// The server's reason.
        reason: String,
    },
    /// The server's certificate is not trusted, or a file for TLS can't be used.
    #[error("the TLS connection to {place} failed: {reason}")]
    Untrusted {
        /// The variable with the address.
        setting: String,
        /// The server: host, port, database and user.
        place: String,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// The server has no TLS, and the setting requires it.
    #[error(
        "{place} refuses TLS, which sslmode in {setting} requires; turn TLS on at the server (ssl = on), or use sslmode=prefer"
    )]
    TlsRefused {
        /// The variable with the address.
        setting: String,
        /// The server: host, port, database and user.
        place: String,
    },
    /// Servers were reached, but none has the attributes that `target_session_attrs` requires.
    #[error("no server of {place} is suitable for target_session_attrs in {setting}: {reason}")]
    NoSuitableHost {
        /// The variable with the address.
        setting: String,
        /// The servers: hosts, ports, database and user.
        place: String,
        /// Why each of them is not suitable.
        reason: String,
    },
    /// A pooler rejects a start-up parameter.
    #[error(
        "the pooler at {place} refuses the start-up parameter {parameter}; remove it from {setting}, or add it to ignore_startup_parameters of the pooler"
    )]
    ParameterRefused {
        /// The variable with the address.
        setting: String,
        /// The server: host, port, database and user.
        place: String,
        /// The parameter's name.
        parameter: String,
    },
    /// Anything else.
    #[error("connecting to {place} failed: {reason}; check {setting}")]
    Other {
        /// The variable with the address.
        setting: String,
        /// The server: host, port, database and user.
        place: String,
        /// What happened.
        reason: String,
    },
}

impl ConnectError {
    /// Whether another attempt may succeed without a change.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::NoSuitableHost { .. })
    }

    /// The variable with the address.
    pub fn setting(&self) -> &str {
        match self {
            Self::Unreachable { setting, .. }
            | Self::LoginRefused { setting, .. }
            | Self::DatabaseRefused { setting, .. }
            | Self::Untrusted { setting, .. }
            | Self::TlsRefused { setting, .. }
            | Self::NoSuitableHost { setting, .. }
            | Self::ParameterRefused { setting, .. }
            | Self::Other { setting, .. } => setting,
        }
    }

    /// The server: host, port, database and user.
    pub fn place(&self) -> &str {
        match self {
            Self::Unreachable { place, .. }
            | Self::LoginRefused { place, .. }
            | Self::DatabaseRefused { place, .. }
            | Self::Untrusted { place, .. }
            | Self::TlsRefused { place, .. }
            | Self::NoSuitableHost { place, .. }
            | Self::ParameterRefused { place, .. }
            | Self::Other { place, .. } => place,
        }
    }
}

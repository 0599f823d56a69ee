//! One attempt to connect to one candidate.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use secrecy::ExposeSecret;
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use sqlx::{ConnectOptions, PgConnection};
use tokio::time::timeout;

use super::Server;
use super::classification::classify;
use super::relay::{Socket, Task};
use super::target::{Candidate, Host};
use super::tls_settings::Mode;
use super::upstream::{self, Encrypted};

/// How long the reason of a broken session may take to be known.
const REASON_TIMEOUT: Duration = Duration::from_millis(200);

/// Why an attempt failed.
#[derive(Debug)]
pub(super) enum Failure {
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

impl fmt::Display for Failure {
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

impl Server {
    /// Connects to the first address of the candidate that takes the connection.
    pub(super) async fn try_candidate(&self, candidate: &Candidate) -> Result<PgConnection, Failure> {
        let Host::Tcp { name, .. } = &candidate.host else {
            return self.within(self.connect_directly(&self.options(candidate), candidate)).await;
        };
        let mut last = None;
        for address in self.within(candidate.addresses()).await? {
            match self.within(self.try_address(candidate, name, address)).await {
                Err(Failure::Unreachable(reason)) => last = Some(reason),
                outcome => return outcome,
            }
        }
        Err(Failure::Unreachable(last.unwrap_or_else(|| "its name has no address".to_owned())))
    }

    pub(super) async fn within<T>(
        &self,
        attempt: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let Some(limit) = self.target.connect_timeout else { return attempt.await };
        let late = |_| Failure::Unreachable(format!("no answer within {} s", limit.as_secs()));
        timeout(limit, attempt).await.map_err(late)?
    }

    async fn try_address(
        &self,
        candidate: &Candidate,
        name: &str,
        address: SocketAddr,
    ) -> Result<PgConnection, Failure> {
        let direct = self.options(candidate).host(&address.ip().to_string());
        let mode = self.target.tls.mode;
        if mode == Mode::Disable {
            return self.connect_directly(&direct, candidate).await;
        }
        let failure = match self.encrypt(name, address).await {
            Ok(upstream) => match self.connect_relayed(candidate, upstream).await {
                Ok(connection) => return Ok(connection),
                Err(failure) => failure,
            },
            Err(failure) => failure,
        };
        // As libpq does, prefer falls back to a connection without TLS: where the server has no TLS, where the handshake
        // fails, and where pg_hba.conf rejects encrypted connections. A wrong password is not sent again in clear text.
        let falls_back = match &failure {
            Failure::TlsRefused | Failure::Untrusted(_) | Failure::Handshake(_) => true,
            Failure::LoginRefused(reason) => reason.contains("pg_hba.conf"),
            _ => false,
        };
        if mode != Mode::Prefer || !falls_back {
            return Err(failure);
        }
        self.warn_of_clear_text(candidate, &failure);
        match self.connect_directly(&direct, candidate).await {
            // Both were rejected: the first reason is the one about the better connection.
            Err(Failure::LoginRefused(_)) if matches!(failure, Failure::LoginRefused(_)) => Err(failure),
            outcome => outcome,
        }
    }

    async fn encrypt(&self, name: &str, address: SocketAddr) -> Result<Encrypted, Failure> {
        let config = Arc::new(self.target.tls.config().map_err(Failure::TlsFile)?);
        upstream::connect(address, name, config).await?.ok_or(Failure::TlsRefused)
    }

    async fn connect_directly(
        &self,
        options: &PgConnectOptions,
        candidate: &Candidate,
    ) -> Result<PgConnection, Failure> {
        options.connect().await.map_err(|error| classify(&error, candidate, &self.target.user))
    }

    async fn connect_relayed(
        &self,
        candidate: &Candidate,
        upstream: Encrypted,
    ) -> Result<PgConnection, Failure> {
        let socket = Socket::bind(candidate.port).map_err(|error| no_relay(&error))?;
        let options = self.options(candidate).socket(socket.folder());
        let relay = socket.serve_once(upstream);
        match options.connect().await {
            Ok(connection) => {
                relay.detach();
                Ok(connection)
            }
            Err(sqlx::Error::Io(error)) => Err(broken(&error, relay).await),
            Err(error) => Err(classify(&error, candidate, &self.target.user)),
        }
    }

    /// What all connections to the candidate have in common.
    pub(super) fn options(&self, candidate: &Candidate) -> PgConnectOptions {
        let target = &self.target;
        let password = candidate.password.as_ref().map_or("", |password| password.expose_secret());
        // sqlx starts from the variables of the environment; here, each has been honoured or rejected already, and each
        // value is replaced.
        let options = PgConnectOptions::new_without_pgpass()
            .port(candidate.port)
            .username(&target.user)
            .password(password)
            .database(&target.database)
            .application_name(&target.application_name)
            .ssl_mode(PgSslMode::Disable)
            // PgBouncer refuses this start-up parameter.
            .extra_float_digits(None)
            .disable_statement_logging();
        let options = match &candidate.host {
            Host::Tcp { address: Some(address), .. } => options.host(&address.to_string()),
            Host::Tcp { name, .. } => options.host(name),
            Host::Socket(folder) => match folder.strip_prefix('@') {
                Some(name) => options.socket(format!("\0{name}")),
                None => options.socket(folder),
            },
        };
        // With PGOPTIONS, sqlx has taken them already.
        if options.get_options().is_some_and(|options| !options.is_empty()) || target.options.is_empty() {
            return options;
        }
        options.options(target.options.iter().map(|(name, value)| (name, value)))
    }

    /// Warns once: nothing was sent yet. Where the operator has chosen this, it warns only if the server has TLS, and the
    /// handshake failed.
    fn warn_of_clear_text(&self, candidate: &Candidate, reason: &Failure) {
        let has_tls = matches!(reason, Failure::Handshake(_) | Failure::Untrusted(_));
        let chosen = self.target.tls.mode_is_chosen || candidate.password.is_none();
        if (chosen && !has_tls) || self.warned.swap(true, Ordering::Relaxed) {
            return;
        }
        let (setting, server) = (&self.setting, self.place(candidate));
        tracing::warn!(
            setting,
            server,
            %reason,
            "the connection to Postgres has no TLS, so the password and the data may be read on the way; \
             put sslmode=require into {setting} to forbid that, or sslmode=disable to accept it"
        );
    }
}

impl Candidate {
    async fn addresses(&self) -> Result<Vec<SocketAddr>, Failure> {
        match &self.host {
            Host::Tcp { address: Some(address), .. } => Ok(vec![(*address, self.port).into()]),
            Host::Tcp { name, .. } => {
                let found = tokio::net::lookup_host((name.as_str(), self.port)).await;
                let unknown = |error| Failure::Unreachable(format!("its name can't be resolved: {error}"));
                found.map(Iterator::collect).map_err(unknown)
            }
            Host::Socket(_) => Ok(Vec::new()),
        }
    }
}

pub(super) fn no_relay(error: &std::io::Error) -> Failure {
    Failure::Other(format!("no Unix socket for TLS inside this process: {error}"))
}

/// Why a session broke off while it was being set up: the relay knows what TLS reported.
async fn broken(error: &std::io::Error, relay: Task<std::io::Result<()>>) -> Failure {
    match timeout(REASON_TIMEOUT, relay.result()).await {
        Ok(Some(Err(cause))) => upstream::tls_failure(&cause),
        _ => Failure::Unreachable(error.to_string()),
    }
}

//! One attempt to connect to one candidate.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use secrecy::ExposeSecret;
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use sqlx::{ConnectOptions, PgConnection};
use tokio::time::timeout;

use super::attempt_error::AttemptError;
use super::classification::classify;
use super::relay::{AbortOnDrop, RelaySocket};
use super::target::{Candidate, Host, Target};
use super::tls_settings::SslMode;
use super::upstream::{self, TlsUpstream};

/// The maximum time to wait for the relay's error after a session broke.
const RELAY_ERROR_TIMEOUT: Duration = Duration::from_millis(200);

/// An attempt to connect.
pub(super) struct Attempt<'a> {
    /// The variable with the address.
    pub(super) setting: &'a str,
    pub(super) target: &'a Target,
    /// Whether a warning about a connection without TLS was logged.
    pub(super) warned: &'a AtomicBool,
}

impl Attempt<'_> {
    /// Connects to the first address of the candidate that accepts the connection.
    pub(super) async fn connect(&self, candidate: &Candidate) -> Result<PgConnection, AttemptError> {
        let Host::Tcp { name, .. } = &candidate.host else {
            return self.within(self.connect_directly(&self.options(candidate), candidate)).await;
        };
        let mut last = None;
        for address in self.within(candidate.addresses()).await? {
            match self.within(self.try_address(candidate, name, address)).await {
                Err(AttemptError::Unreachable(reason)) => last = Some(reason),
                outcome => return outcome,
            }
        }
        Err(AttemptError::Unreachable(last.unwrap_or_else(|| "its name has no address".to_owned())))
    }

    /// Limits a step of the attempt to `connect_timeout`.
    pub(super) async fn within<T>(
        &self,
        step: impl Future<Output = Result<T, AttemptError>>,
    ) -> Result<T, AttemptError> {
        let Some(limit) = self.target.connect_timeout else { return step.await };
        let late = |_| AttemptError::Unreachable(format!("no answer within {} s", limit.as_secs()));
        timeout(limit, step).await.map_err(late)?
    }

    async fn try_address(
        &self,
        candidate: &Candidate,
        name: &str,
        address: SocketAddr,
    ) -> Result<PgConnection, AttemptError> {
        let direct = self.options(candidate).host(&address.ip().to_string());
        let mode = self.target.tls.mode;
        if mode == SslMode::Disable {
            return self.connect_directly(&direct, candidate).await;
        }
        let error = match self.encrypt(name, address).await {
            Ok(upstream) => match self.connect_relayed(candidate, upstream).await {
                Ok(connection) => return Ok(connection),
                Err(error) => error,
            },
            Err(error) => error,
        };
        // As in libpq, `prefer` falls back to a connection without TLS when the server has no TLS, when the handshake fails,
        // and when pg_hba.conf rejects encrypted connections. A wrong password is not sent again in clear text.
        let falls_back = match &error {
            AttemptError::TlsRefused | AttemptError::Untrusted(_) | AttemptError::Handshake(_) => true,
            AttemptError::LoginRefused(reason) => reason.contains("pg_hba.conf"),
            _ => false,
        };
        if mode != SslMode::Prefer || !falls_back {
            return Err(error);
        }
        self.warn_of_clear_text(candidate, &error);
        match self.connect_directly(&direct, candidate).await {
            // Both logins were rejected. The reason for the encrypted connection is reported.
            Err(AttemptError::LoginRefused(_)) if matches!(error, AttemptError::LoginRefused(_)) => {
                Err(error)
            }
            outcome => outcome,
        }
    }

    async fn encrypt(&self, name: &str, address: SocketAddr) -> Result<TlsUpstream, AttemptError> {
        let config = Arc::new(self.target.tls.config().map_err(AttemptError::TlsFile)?);
        upstream::connect(address, name, config).await?.ok_or(AttemptError::TlsRefused)
    }

    async fn connect_directly(
        &self,
        options: &PgConnectOptions,
        candidate: &Candidate,
    ) -> Result<PgConnection, AttemptError> {
        options.connect().await.map_err(|error| classify(&error, candidate, &self.target.user))
    }

    async fn connect_relayed(
        &self,
        candidate: &Candidate,
        upstream: TlsUpstream,
    ) -> Result<PgConnection, AttemptError> {
        let socket = RelaySocket::bind(candidate.port).map_err(|error| no_relay(&error))?;
        let options = self.options(candidate).socket(socket.folder());
        let relay = socket.serve_once(upstream);
        match options.connect().await {
            Ok(connection) => {
                relay.detach();
                Ok(connection)
            }
            Err(sqlx::Error::Io(error)) => Err(session_error(&error, relay).await),
            Err(error) => Err(classify(&error, candidate, &self.target.user)),
        }
    }

    /// The options of all connections to the candidate.
    fn options(&self, candidate: &Candidate) -> PgConnectOptions {
        let target = self.target;
        let password = candidate.password.as_ref().map_or("", |password| password.expose_secret());
        // sqlx reads the environment variables itself. Each of them was applied or rejected before, so every value is
        // replaced.
        let options = PgConnectOptions::new_without_pgpass()
            .port(candidate.port)
            .username(&target.user)
            .password(password)
            .database(&target.database)
            .application_name(&target.application_name)
            .ssl_mode(PgSslMode::Disable)
            // PgBouncer rejects this start-up parameter.
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
        // sqlx has already read PGOPTIONS.
        if options.get_options().is_some_and(|options| !options.is_empty()) || target.options.is_empty() {
            return options;
        }
        options.options(target.options.iter().map(|(name, value)| (name, value)))
    }

    /// Warns once, before the password is sent. Where the operator has set `sslmode`, it warns only if the server has TLS and
    /// the handshake failed.
    fn warn_of_clear_text(&self, candidate: &Candidate, reason: &AttemptError) {
        let has_tls = matches!(reason, AttemptError::Handshake(_) | AttemptError::Untrusted(_));
        let chosen = self.target.tls.mode_is_chosen || candidate.password.is_none();
        if (chosen && !has_tls) || self.warned.swap(true, Ordering::Relaxed) {
            return;
        }
        let (setting, server) = (self.setting, self.target.place(candidate));
        tracing::warn!(
            setting,
            server,
            %reason,
            "the connection to Postgres has no TLS, so the password and the data can be read by others; \
             put sslmode=require into {setting} to prevent that, or sslmode=disable to accept it"
        );
    }
}

impl Candidate {
    async fn addresses(&self) -> Result<Vec<SocketAddr>, AttemptError> {
        match &self.host {
            Host::Tcp { address: Some(address), .. } => Ok(vec![(*address, self.port).into()]),
            Host::Tcp { name, .. } => {
                let found = tokio::net::lookup_host((name.as_str(), self.port)).await;
                let unknown =
                    |error| AttemptError::Unreachable(format!("its name can't be resolved: {error}"));
                found.map(Iterator::collect).map_err(unknown)
            }
            Host::Socket(_) => Ok(Vec::new()),
        }
    }
}

fn no_relay(error: &std::io::Error) -> AttemptError {
    AttemptError::Other(format!("no Unix socket for TLS inside this process: {error}"))
}

/// Why a session broke during its start-up. The relay has the error of the TLS connection.
async fn session_error(error: &std::io::Error, relay: AbortOnDrop<std::io::Result<()>>) -> AttemptError {
    match timeout(RELAY_ERROR_TIMEOUT, relay.result()).await {
        Ok(Some(Err(cause))) => upstream::tls_error(&cause),
        _ => AttemptError::Unreachable(error.to_string()),
    }
}

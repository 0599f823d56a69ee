//! Connections to Postgres, by the addresses that libpq reads.
//!
//! An address is read as libpq reads it, completed from libpq's variables, and rejected by name where it asks for what
//! is not supported. TLS has libpq's meaning of `sslmode` and `sslrootcert`; how, is described in [`relay`]. No error
//! and no log line contains a part of a password or the value of a parameter.

mod attempt;
mod classification;
mod conninfo;
mod environment;
mod error;
mod failure;
mod keywords;
mod names;
mod passfile;
mod relay;
mod session_attributes;
mod target;
mod tls_settings;
mod upstream;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use secrecy::{ExposeSecret, SecretString};
use sqlx::{Connection, PgConnection};
use tokio::time::{Instant, sleep, timeout};

use self::attempt::Failure;
use self::classification::server_text;
use self::session_attributes::SessionAttributes;
use self::target::{Candidate, Host, Target};
use crate::config::ConfigError;
use crate::text::single_line;

pub use self::environment::Environment;
pub use self::error::ConnectError;
pub use self::failure::{is_connection_failure, reason, sqlstate};

/// A Postgres server, or several candidates, as one setting describes it.
///
/// `Debug` and `Display` show hosts, ports, database and user, and nothing else.
#[derive(Clone)]
pub struct Server {
    setting: String,
    target: Arc<Target>,
    /// Whether a warning about a connection without TLS was logged.
    warned: Arc<AtomicBool>,
}

impl Server {
    /// Reads an address: a URL or a key-value string of libpq, completed from libpq's variables of the environment.
    ///
    /// `setting` names the variable in messages. `application_name` is used when the address gives none.
    ///
    /// # Errors
    /// When the address can't be used. The error contains no part of it.
    pub fn parse(setting: &str, text: &SecretString, application_name: &str) -> Result<Self, ConfigError> {
        Self::parse_in(setting, text, application_name, &Environment::of_process()?)
    }

    /// [`Server::parse`] in another environment than that of this process.
    ///
    /// # Errors
    /// When the address can't be used. The error contains no part of it.
    pub fn parse_in(
        setting: &str,
        text: &SecretString,
        application_name: &str,
        environment: &Environment,
    ) -> Result<Self, ConfigError> {
        let target = Target::read(text.expose_secret(), application_name, environment);
        let target = target.map_err(|problem| ConfigError::variable(setting, problem))?;
        Ok(Self { setting: setting.to_owned(), target: Arc::new(target), warned: Arc::default() })
    }

    /// The variable with the address.
    pub fn setting(&self) -> &str {
        &self.setting
    }

    /// Connects: one attempt over all candidates.
    ///
    /// # Errors
    /// When no candidate takes the connection, or none is suitable.
    pub async fn connect(&self) -> Result<PgConnection, ConnectError> {
        self.find().await
    }

    /// Connects, and repeats that with growing pauses while the failure is transient, until `patience` is over.
    ///
    /// # Errors
    /// The last failure, or the first that is not transient.
    pub async fn connect_within(&self, patience: Duration) -> Result<PgConnection, ConnectError> {
        let deadline = Instant::now() + patience;
        let mut pauses = ExponentialBuilder::new()
            .with_min_delay(Duration::from_millis(200))
            .with_max_delay(Duration::from_secs(5))
            .without_max_times()
            .with_jitter()
            .build();
        let mut last = None;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let error = match timeout(left, self.connect()).await {
                Ok(Err(error)) if error.is_transient() => error,
                Ok(outcome) => return outcome,
                Err(_) => {
                    let reason = format!("no answer within {:.1} s", patience.as_secs_f32());
                    return Err(last.unwrap_or_else(|| self.unreachable(reason)));
                }
            };
            let pause = pauses.next().unwrap_or_default();
            if Instant::now() + pause >= deadline {
                return Err(error);
            }
            tracing::warn!(%error, "no connection to Postgres, trying again");
            last = Some(error);
            sleep(pause).await;
        }
    }

    /// Tries the candidates in their order.
    async fn find(&self) -> Result<PgConnection, ConnectError> {
        let mut reasons = Vec::new();
        let mut was_reached = false;
        for pass in self.target.session.passes() {
            reasons.clear();
            for candidate in &self.target.candidates {
                let found = match self.try_candidate(candidate).await {
                    Ok(connection) => self.within(self.check(*pass, connection, candidate)).await,
                    Err(failure) => Err(failure),
                };
                let reason = match found {
                    Ok(Ok(connection)) => return Ok(connection),
                    Ok(Err(problem)) => {
                        was_reached = true;
                        format!("it is {problem}")
                    }
                    Err(Failure::Unreachable(reason)) => reason,
                    Err(failure) => return Err(self.error(failure, candidate)),
                };
                reasons.push((candidate, reason));
            }
        }
        let reason = match &reasons[..] {
            [(_, reason)] => reason.clone(),
            several => {
                let each = several.iter().map(|(candidate, reason)| format!("{candidate}: {reason}"));
                single_line(&each.collect::<Vec<_>>().join("; "), failure::MAX_REASON_BYTES)
            }
        };
        let (setting, place) = (self.setting.clone(), self.to_string());
        Err(if was_reached {
            ConnectError::NoSuitableHost { setting, place, reason }
        } else {
            self.unreachable(reason)
        })
    }

    /// The connection, or what its server is in place of what is asked for.
    async fn check(
        &self,
        wanted: SessionAttributes,
        mut connection: PgConnection,
        candidate: &Candidate,
    ) -> Result<Result<PgConnection, &'static str>, Failure> {
        match wanted.mismatch(&mut connection).await {
            Ok(None) => Ok(Ok(connection)),
            Ok(Some(problem)) => {
                let _ = connection.close().await;
                Ok(Err(problem))
            }
            Err(error) => Err(Failure::Unreachable(server_text(&error, candidate, &self.target.user))),
        }
    }

    fn unreachable(&self, reason: String) -> ConnectError {
        ConnectError::Unreachable { setting: self.setting.clone(), place: self.to_string(), reason }
    }

    fn error(&self, failure: Failure, candidate: &Candidate) -> ConnectError {
        let (setting, place) = (self.setting.clone(), self.place(candidate));
        match failure {
            Failure::Unreachable(reason) => ConnectError::Unreachable { setting, place, reason },
            Failure::LoginRefused(reason) => ConnectError::LoginRefused { setting, place, reason },
            Failure::DatabaseRefused(reason) => ConnectError::DatabaseRefused { setting, place, reason },
            Failure::Untrusted(problem) => {
                let advice = format!("name its root in sslrootcert in {setting}, or correct the certificate");
                ConnectError::Untrusted { setting, place, reason: format!("{problem}; {advice}") }
            }
            Failure::TlsFile(problem) => {
                ConnectError::Untrusted { reason: format!("{problem}; correct {setting}"), setting, place }
            }
            Failure::TlsRefused => ConnectError::TlsRefused { setting, place },
            Failure::ParameterRefused(parameter) => {
                ConnectError::ParameterRefused { setting, place, parameter }
            }
            Failure::Handshake(reason) => {
                ConnectError::Other { setting, place, reason: format!("TLS failed: {reason}") }
            }
            Failure::Other(reason) => ConnectError::Other { setting, place, reason },
        }
    }

    /// One candidate, for people.
    fn place(&self, candidate: &Candidate) -> String {
        let Target { database, user, .. } = &*self.target;
        single_line(&format!("{candidate} (database {database}, user {user})"), failure::MAX_REASON_BYTES)
    }
}

impl fmt::Display for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let port = self.port;
        match &self.host {
            Host::Tcp { name, .. } if name.contains(':') => write!(f, "[{name}]:{port}"),
            Host::Tcp { name, .. } | Host::Socket(name) => write!(f, "{name}:{port}"),
        }
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Target { candidates, database, user, .. } = &*self.target;
        let hosts = candidates.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let text = format!("{hosts} (database {database}, user {user})");
        f.write_str(&single_line(&text, failure::MAX_REASON_BYTES))
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Server({self})")
    }
}

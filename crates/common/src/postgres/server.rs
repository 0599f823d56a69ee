//! A server that one setting describes, and connecting to it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use secrecy::{ExposeSecret, SecretString};
use sqlx::{Connection, PgConnection};
use tokio::time::{Instant, sleep, timeout};

use super::attempt::Attempt;
use super::attempt_error::AttemptError;
use super::classification::server_text;
use super::environment::Environment;
use super::error::ConnectError;
use super::session_attributes::SessionAttributes;
use super::sql_error::MAX_REASON_BYTES;
use super::target::{Candidate, Target};
use crate::config::ConfigError;
use crate::text::single_line;

/// A Postgres server, or several candidates, described by one setting.
///
/// `Debug` and `Display` show only hosts, ports, database and user.
#[derive(Clone)]
pub struct Server {
    setting: String,
    target: Arc<Target>,
    /// Whether a warning about a connection without TLS was logged.
    warned: Arc<AtomicBool>,
}

impl Server {
    /// Parses an address: a URL or a key-value string of libpq, completed from libpq's environment variables.
    ///
    /// `setting` names the variable in messages. `application_name` is used when the address gives none.
    ///
    /// # Errors
    /// When the address can't be used. The error contains no part of it.
    pub fn parse(setting: &str, text: &SecretString, application_name: &str) -> Result<Self, ConfigError> {
        Self::parse_in(setting, text, application_name, &Environment::of_process()?)
    }

    /// [`Server::parse`] with another environment than that of this process.
    ///
    /// # Errors
    /// When the address can't be used. The error contains no part of it.
    pub fn parse_in(
        setting: &str,
        text: &SecretString,
        application_name: &str,
        environment: &Environment,
    ) -> Result<Self, ConfigError> {
        let target = Target::parse(text.expose_secret(), application_name, environment);
        let target = target.map_err(|problem| ConfigError::variable(setting, problem))?;
        Ok(Self { setting: setting.to_owned(), target: Arc::new(target), warned: Arc::default() })
    }

    /// The variable with the address.
    pub fn setting(&self) -> &str {
        &self.setting
    }

    /// Connects, with one attempt at each candidate.
    ///
    /// # Errors
    /// When no candidate accepts the connection, or none is suitable.
    pub async fn connect(&self) -> Result<PgConnection, ConnectError> {
        self.try_candidates().await
    }

    /// Connects, and retries transient errors with increasing pauses until `budget` is used up.
    ///
    /// # Errors
    /// The last error, or the first that is not transient.
    pub async fn connect_within(&self, budget: Duration) -> Result<PgConnection, ConnectError> {
        let deadline = Instant::now() + budget;
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
                    let reason = format!("no answer within {:.1} s", budget.as_secs_f32());
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

    /// Tries the candidates in order, once for each pass of the session attributes.
    async fn try_candidates(&self) -> Result<PgConnection, ConnectError> {
        let attempt = self.attempt();
        let mut reasons = Vec::new();
        let mut was_reached = false;
        for pass in self.target.session.passes() {
            reasons.clear();
            for candidate in &self.target.candidates {
                let outcome = match attempt.connect(candidate).await {
                    Ok(connection) => attempt.within(self.check(*pass, connection, candidate)).await,
                    Err(error) => Err(error),
                };
                let reason = match outcome {
                    Ok(Ok(connection)) => return Ok(connection),
                    Ok(Err(problem)) => {
                        was_reached = true;
                        format!("it is {problem}")
                    }
                    Err(AttemptError::Unreachable(reason)) => reason,
                    Err(error) => return Err(self.connect_error(error, candidate)),
                };
                reasons.push((candidate, reason));
            }
        }
        let reason = match &reasons[..] {
            [(_, reason)] => reason.clone(),
            several => {
                let each = several.iter().map(|(candidate, reason)| format!("{candidate}: {reason}"));
                single_line(&each.collect::<Vec<_>>().join("; "), MAX_REASON_BYTES)
            }
        };
        let (setting, place) = (self.setting.clone(), self.to_string());
        Err(if was_reached {
            ConnectError::NoSuitableHost { setting, place, reason }
        } else {
            self.unreachable(reason)
        })
    }

    /// The connection, or a description of its server when that does not have the required attributes.
    async fn check(
        &self,
        required: SessionAttributes,
        mut connection: PgConnection,
        candidate: &Candidate,
    ) -> Result<Result<PgConnection, &'static str>, AttemptError> {
        match required.mismatch(&mut connection).await {
            Ok(None) => Ok(Ok(connection)),
            Ok(Some(problem)) => {
                let _ = connection.close().await;
                Ok(Err(problem))
            }
            Err(error) => Err(AttemptError::Unreachable(server_text(&error, candidate, &self.target.user))),
        }
    }

    fn unreachable(&self, reason: String) -> ConnectError {
        ConnectError::Unreachable { setting: self.setting.clone(), place: self.to_string(), reason }
    }

    fn attempt(&self) -> Attempt<'_> {
        Attempt { setting: &self.setting, target: &self.target, warned: &self.warned }
    }

    fn connect_error(&self, error: AttemptError, candidate: &Candidate) -> ConnectError {
        let (setting, place) = (self.setting.clone(), self.target.place(candidate));
        match error {
            AttemptError::Unreachable(reason) => ConnectError::Unreachable { setting, place, reason },
            AttemptError::LoginRefused(reason) => ConnectError::LoginRefused { setting, place, reason },
            AttemptError::DatabaseRefused(reason) => ConnectError::DatabaseRefused { setting, place, reason },
            AttemptError::Untrusted(problem) => {
                let advice = format!("name its root in sslrootcert in {setting}, or correct the certificate");
                ConnectError::Untrusted { setting, place, reason: format!("{problem}; {advice}") }
            }
            AttemptError::TlsFile(problem) => {
                ConnectError::Untrusted { reason: format!("{problem}; correct {setting}"), setting, place }
            }
            AttemptError::TlsRefused => ConnectError::TlsRefused { setting, place },
            AttemptError::ParameterRefused(parameter) => {
                ConnectError::ParameterRefused { setting, place, parameter }
            }
            AttemptError::Handshake(reason) => {
                ConnectError::Other { setting, place, reason: format!("TLS failed: {reason}") }
            }
            AttemptError::Other(reason) => ConnectError::Other { setting, place, reason },
        }
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Target { candidates, database, user, .. } = &*self.target;
        let hosts = candidates.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let text = format!("{hosts} (database {database}, user {user})");
        f.write_str(&single_line(&text, MAX_REASON_BYTES))
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Server({self})")
    }
}

//! The connection to NATS.

pub(crate) mod certificates;
mod denied_subject;
mod event_log;
mod server_urls;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use async_nats::jetstream::{self, Context};
use async_nats::{Client, ConnectOptions, ServerAddr};
use futures_util::StreamExt;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::watch;

use self::event_log::{EventLog, SharedProblems};
use self::server_urls::{UrlCredentials, credentials_of, parse_servers, redact};

/// How often the connection is checked. Two checks without an answer end it.
const PING_INTERVAL: Duration = Duration::from_secs(2);
/// The time limit of an attempt to connect.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// The time limit of a request.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(3);
/// The maximum pause between two attempts to connect.
const MAX_RECONNECT_DELAY: Duration = Duration::from_secs(2);

/// Where NATS is, and how to authenticate.
#[derive(Clone, Debug)]
pub struct NatsSettings {
    /// One or more comma-separated URLs, `nats://` or `tls://`, which may contain a user and a password. Special characters of
    /// these are percent-encoded.
    pub url: SecretString,
    /// The credentials, if they are not part of the URL.
    pub credentials: Option<NatsCredentials>,
    /// A file with the certificates of the authorities that NATS's certificate may have, in place of the system's.
    pub ca_file: Option<PathBuf>,
    /// The JetStream domain.
    pub domain: Option<String>,
    /// The name of the client that NATS shows in its list of connections.
    pub client_name: String,
}

impl NatsSettings {
    /// The hosts of the URLs.
    ///
    /// # Errors
    /// When the text is not a list of URLs.
    pub fn hosts(&self) -> Result<Vec<String>, NatsSettingsError> {
        let servers = parse_servers(self.url.expose_secret())?;
        Ok(servers.iter().map(|server| server.host().to_owned()).collect())
    }
}

/// The credentials of a client.
#[derive(Clone, Debug)]
pub enum NatsCredentials {
    /// A token.
    Token(SecretString),
    /// A user and a password.
    Password {
        /// The user.
        user: String,
        /// The password.
        password: SecretString,
    },
    /// A file with a JWT and the seed of an NKey.
    CredentialsFile(PathBuf),
}

/// Settings that can't be used.
#[derive(Debug, thiserror::Error)]
pub enum NatsSettingsError {
    /// The URL is malformed. The message does not repeat it, because it may contain a password.
    #[error(
        "the address of NATS is not a list of URLs such as nats://nats:4222 or tls://nats:4222; \
         in a user or a password, write special characters percent-encoded, such as %2F for /"
    )]
    Url,
    /// The file of credentials can't be read.
    #[error(
        "NATS_CREDS_FILE: {path} can't be used ({problem}); name a file with a JWT and the seed of an NKey, as `nsc generate creds` \
         writes it"
    )]
    Credentials {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: std::io::ErrorKind,
    },
    /// The file of certificates can't be read, or has none.
    #[error("NATS_CA_FILE: {path} can't be read, or has no certificate of an authority in PEM")]
    Certificates {
        /// The file.
        path: PathBuf,
    },
    /// The client could not be created.
    #[error("the client of NATS can't be created")]
    Client,
}

/// Whether NATS is connected.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Link {
    /// Whether there is a connection.
    pub connected: bool,
    /// The number of connections since the program started. A new number means that messages may have been lost.
    pub connections: u64,
}

/// A connection that is established again whenever it is lost.
#[derive(Clone, Debug)]
pub struct NatsConnection {
    client: Client,
    jetstream: Context,
    link: watch::Receiver<Link>,
    problems: SharedProblems,
    url: String,
}

impl NatsConnection {
    /// Starts to connect, and returns at once, whether or not NATS is there.
    ///
    /// # Errors
    /// When a setting can't be used.
    pub async fn start(settings: &NatsSettings) -> Result<Self, NatsSettingsError> {
        let servers = parse_servers(settings.url.expose_secret())?;
        let (links, link) = watch::channel(Link::default());
        let log = EventLog::new(links);
        let problems = log.problems();
        let mut options = options(settings, &servers).await?.event_callback(move |event| {
            log.apply(&event);
            std::future::ready(())
        });
        if let Some(tls) = certificates::client_config(settings.ca_file.as_deref(), problems.clone())? {
            options = options.tls_client_config(tls);
        }
        // The client writes URLs to the log, so it gets them without credentials.
        let url = redact(&servers);
        let client = options.connect(parse_servers(&url)?).await;
        let client = client.map_err(|_| NatsSettingsError::Client)?;
        let mut jetstream = match &settings.domain {
            Some(domain) => jetstream::with_domain(client.clone(), domain),
            None => jetstream::new(client.clone()),
        };
        jetstream.set_timeout(REQUEST_TIMEOUT);
        Ok(Self { client, jetstream, link, problems, url })
    }

    /// The client.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// JetStream. Its requests have a time limit of three seconds.
    pub fn jetstream(&self) -> &Context {
        &self.jetstream
    }

    /// Whether NATS is connected, as a channel.
    pub fn link(&self) -> watch::Receiver<Link> {
        self.link.clone()
    }

    /// What prevents the use of NATS, in sentences without secrets: that there is no connection, and which subjects the
    /// permissions of the client deny.
    pub fn problems(&self) -> Vec<String> {
        self.problems.texts()
    }

    /// The configured URLs without credentials.
    pub fn redacted_url(&self) -> &str {
        &self.url
    }

    /// The time of a message to NATS and back; None when there is no answer in time.
    pub async fn latency(&self) -> Option<Duration> {
        let round_trip = async {
            let inbox = self.client.new_inbox();
            let mut answers = self.client.subscribe(inbox.clone()).await.ok()?;
            let began = Instant::now();
            self.client.publish(inbox, bytes::Bytes::new()).await.ok()?;
            answers.next().await?;
            Some(began.elapsed())
        };
        if !self.link.borrow().connected {
            return None;
        }
        tokio::time::timeout(REQUEST_TIMEOUT, round_trip).await.ok().flatten()
    }
}

async fn options(
    settings: &NatsSettings,
    servers: &[ServerAddr],
) -> Result<ConnectOptions, NatsSettingsError> {
    let options = ConnectOptions::new()
        .name(&settings.client_name)
        .retry_on_initial_connect()
        .ping_interval(PING_INTERVAL)
        .connection_timeout(CONNECT_TIMEOUT)
        .request_timeout(Some(REQUEST_TIMEOUT))
        .reconnect_delay_callback(reconnect_delay);
    Ok(match &settings.credentials {
        None => match servers.iter().find_map(credentials_of) {
            Some(UrlCredentials::Password(user, password)) => options.user_and_password(user, password),
            Some(UrlCredentials::Token(token)) => options.token(token),
            None => options,
        },
        Some(NatsCredentials::Token(token)) => options.token(token.expose_secret().to_owned()),
        Some(NatsCredentials::Password { user, password }) => {
            options.user_and_password(user.clone(), password.expose_secret().to_owned())
        }
        Some(NatsCredentials::CredentialsFile(path)) => {
            let loaded = options.credentials_file(path).await;
            loaded.map_err(|error| NatsSettingsError::Credentials {
                path: path.clone(),
                problem: error.kind(),
            })?
        }
    })
}

/// Exponential, with jitter, so that many clients do not return in the same moment.
fn reconnect_delay(attempts: usize) -> Duration {
    let doublings = u32::try_from(attempts).unwrap_or(u32::MAX).min(5);
    let delay = (Duration::from_millis(100) * 2_u32.pow(doublings)).min(MAX_RECONNECT_DELAY);
    delay.mul_f64(0.5 + fastrand::f64() / 2.0)
}

#[cfg(test)]
mod tests {
    use super::{MAX_RECONNECT_DELAY, reconnect_delay};

    #[test]
    fn reconnects_are_attempted_at_least_every_two_seconds() {
        for attempts in [0, 1, 5, 1_000_000, usize::MAX] {
            assert!(reconnect_delay(attempts) <= MAX_RECONNECT_DELAY);
        }
    }
}

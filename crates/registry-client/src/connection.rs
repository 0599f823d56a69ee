//! The connection to NATS.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use async_nats::jetstream::{self, Context};
use async_nats::{Client, ConnectOptions, Event, ServerAddr, ServerError};
use futures_util::StreamExt;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::watch;

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
    /// One or more comma-separated URLs, `nats://` or `tls://`, which may contain a user and a password.
    pub url: SecretString,
    /// The credentials, if they are not part of the URL.
    pub credentials: Option<NatsCredentials>,
    /// A file with the certificates of the authorities that NATS's certificate may have, in addition to the system's.
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
    #[error("the address of NATS is not a list of URLs such as nats://nats:4222 or tls://nats:4222")]
    Url,
    /// The file of credentials can't be read.
    #[error("the NATS credentials in {path} can't be used: {problem}")]
    Credentials {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: std::io::ErrorKind,
    },
    /// The client could not be created.
    #[error("the client of NATS can't be created; check the certificates in {ca_file:?}")]
    Client {
        /// The file with certificates.
        ca_file: Option<PathBuf>,
    },
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
        let log = EventLog { links, reported: AtomicU8::new(EventLog::NOTHING) };
        let options = options(settings, &servers).await?.event_callback(move |event| {
            log.apply(&event);
            std::future::ready(())
        });
        // The client writes URLs to the log, so it gets them without credentials.
        let url = redact(&servers);
        let client = options.connect(parse_servers(&url)?).await;
        let client = client.map_err(|_| NatsSettingsError::Client { ca_file: settings.ca_file.clone() })?;
        let mut jetstream = match &settings.domain {
            Some(domain) => jetstream::with_domain(client.clone(), domain),
            None => jetstream::new(client.clone()),
        };
        jetstream.set_timeout(REQUEST_TIMEOUT);
        Ok(Self { client, jetstream, link, url })
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

/// Reports events of the connection: each problem once, however often it is tried again.
struct EventLog {
    links: watch::Sender<Link>,
    reported: AtomicU8,
}

impl EventLog {
    const NOTHING: u8 = 0;
    const UNREACHABLE: u8 = 1;
    const REJECTED: u8 = 2;

    fn apply(&self, event: &Event) {
        match event {
            Event::Connected => {
                let connect =
                    |link: &mut Link| *link = Link { connected: true, connections: link.connections + 1 };
                self.links.send_modify(connect);
                self.reported.store(Self::NOTHING, Ordering::Relaxed);
                tracing::info!("connected to NATS");
            }
            Event::Disconnected | Event::Closed => {
                self.links.send_modify(|link| link.connected = false);
                self.report(Self::UNREACHABLE, "the connection to NATS is lost");
            }
            Event::ServerError(ServerError::AuthorizationViolation) => self.report_rejection(),
            // The texts of other errors come from the server, which may repeat what it received.
            Event::ServerError(_) => tracing::warn!("NATS reports an error"),
            Event::ClientError(error) if error.to_string().contains("authorization") => {
                self.report_rejection();
            }
            Event::ClientError(_) => self.report(Self::UNREACHABLE, "NATS can't be reached"),
            Event::LameDuckMode => tracing::info!("a server of NATS is shutting down"),
            Event::SlowConsumer(_) => {
                tracing::warn!("messages of NATS were dropped because they were read too slowly");
            }
            Event::Draining => {}
        }
    }

    fn report_rejection(&self) {
        self.report(Self::REJECTED, "NATS rejects the credentials of this client, or requires some");
    }

    fn report(&self, problem: u8, text: &str) {
        if self.reported.swap(problem, Ordering::Relaxed) != problem {
            tracing::warn!("{text}");
        }
    }
}

async fn options(
    settings: &NatsSettings,
    servers: &[ServerAddr],
) -> Result<ConnectOptions, NatsSettingsError> {
    let mut options = ConnectOptions::new()
        .name(&settings.client_name)
        .retry_on_initial_connect()
        .ping_interval(PING_INTERVAL)
        .connection_timeout(CONNECT_TIMEOUT)
        .request_timeout(Some(REQUEST_TIMEOUT))
        .reconnect_delay_callback(reconnect_delay);
    if let Some(file) = &settings.ca_file {
        options = options.add_root_certificates(file.clone());
    }
    Ok(match &settings.credentials {
        None => match servers.iter().find_map(credentials_of) {
            Some((user, Some(password))) => options.user_and_password(user, password),
            Some((token, None)) => options.token(token),
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

/// The user and the password of a URL, or its token. One client has one of them for all servers.
fn credentials_of(server: &ServerAddr) -> Option<(String, Option<String>)> {
    let user = server.username().filter(|user| !user.is_empty())?;
    Some((user.to_owned(), server.password().map(str::to_owned)))
}

/// Exponential, with jitter, so that many clients do not return in the same moment.
fn reconnect_delay(attempts: usize) -> Duration {
    let doublings = u32::try_from(attempts).unwrap_or(u32::MAX).min(5);
    let delay = (Duration::from_millis(100) * 2_u32.pow(doublings)).min(MAX_RECONNECT_DELAY);
    delay.mul_f64(0.5 + fastrand::f64() / 2.0)
}

fn parse_servers(urls: &str) -> Result<Vec<ServerAddr>, NatsSettingsError> {
    let servers: Result<Vec<ServerAddr>, _> = urls.split(',').map(|url| url.trim().parse()).collect();
    let servers = servers.map_err(|_| NatsSettingsError::Url)?;
    let is_supported =
        |server: &ServerAddr| matches!(server.scheme(), "nats" | "tls") && !server.host().is_empty();
    if servers.iter().all(is_supported) { Ok(servers) } else { Err(NatsSettingsError::Url) }
}

fn redact(servers: &[ServerAddr]) -> String {
    let urls = servers.iter().map(|server| {
        let host = server.host();
        let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        format!("{}://{host}:{}", server.scheme(), server.port())
    });
    urls.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::{MAX_RECONNECT_DELAY, parse_servers, reconnect_delay, redact};

    #[test]
    fn urls_are_shown_without_credentials() {
        for (given, shown) in [
            ("nats://nats:4222", "nats://nats:4222"),
            ("nats://user:secret@nats:4222", "nats://nats:4222"),
            ("tls://token@a, nats://b:1", "tls://a:4222,nats://b:1"),
            ("nats://[::1]:4222", "nats://[::1]:4222"),
        ] {
            assert_eq!(redact(&parse_servers(given).unwrap()), shown, "{given}");
        }
    }

    #[test]
    fn other_urls_are_errors_that_do_not_repeat_them() {
        for url in ["", "http://nats:4222", "nats://a:secret@b:port", "nats://a,,"] {
            let error = parse_servers(url).unwrap_err().to_string();
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn reconnects_are_attempted_at_least_every_two_seconds() {
        for attempts in [0, 1, 5, 1_000_000, usize::MAX] {
            assert!(reconnect_delay(attempts) <= MAX_RECONNECT_DELAY);
        }
    }
}

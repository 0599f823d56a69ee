//! The URLs of servers.

use async_nats::ServerAddr;
use percent_encoding::percent_decode_str;

use super::NatsSettingsError;

/// The credentials in a URL.
pub(super) enum UrlCredentials {
    /// A user and a password.
    Password(String, String),
    /// A token.
    Token(String),
}

/// The servers of comma-separated URLs.
pub(super) fn parse_servers(urls: &str) -> Result<Vec<ServerAddr>, NatsSettingsError> {
    let servers: Result<Vec<ServerAddr>, _> = urls.split(',').map(|url| url.trim().parse()).collect();
    let servers = servers.map_err(|_| NatsSettingsError::Url)?;
    let is_supported =
        |server: &ServerAddr| matches!(server.scheme(), "nats" | "tls") && !server.host().is_empty();
    if servers.iter().all(is_supported) { Ok(servers) } else { Err(NatsSettingsError::Url) }
}

/// The user and the password of a URL, or its token. One client has one of them for all servers.
pub(super) fn credentials_of(server: &ServerAddr) -> Option<UrlCredentials> {
    let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let user = server.username().filter(|user| !user.is_empty())?;
    Some(match server.password() {
        Some(password) => UrlCredentials::Password(decode(user), decode(password)),
        None => UrlCredentials::Token(decode(user)),
    })
}

/// The URLs without credentials.
pub(super) fn redact(servers: &[ServerAddr]) -> String {
    let urls = servers.iter().map(|server| {
        let host = server.host();
        let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        format!("{}://{host}:{}", server.scheme(), server.port())
    });
    urls.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::{UrlCredentials, credentials_of, parse_servers, redact};

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
    fn credentials_in_urls_are_percent_decoded() {
        for (given, user, password) in [
            ("nats://user:plain+1@nats", "user", Some("plain+1")),
            ("nats://us%40er:a%2Fb%25c%2C@nats", "us@er", Some("a/b%c,")),
            ("nats://100%:a%b@nats", "100%", Some("a%b")),
            ("nats://tok%3Aen@nats", "tok:en", None),
        ] {
            let decoded = match credentials_of(&parse_servers(given).unwrap()[0]) {
                Some(UrlCredentials::Password(user, password)) => (user, Some(password)),
                Some(UrlCredentials::Token(token)) => (token, None),
                None => panic!("{given} has credentials"),
            };
            assert_eq!((decoded.0.as_str(), decoded.1.as_deref()), (user, password), "{given}");
        }
        assert!(credentials_of(&parse_servers("nats://nats").unwrap()[0]).is_none());
    }

    #[test]
    fn other_urls_are_errors_that_do_not_repeat_them() {
        for url in ["", "http://nats:4222", "nats://a:secret@b:port", "nats://a,,", "nats://a:secret/1@b"] {
            let error = parse_servers(url).unwrap_err().to_string();
            assert!(!error.contains("secret"), "{error}");
        }
    }
}

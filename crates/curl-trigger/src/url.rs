//! `http` and `https` URLs (RFC 3986).

pub mod glob;
pub(crate) mod path;
#[cfg(test)]
mod tests;

use alloc::{
    format,
    string::{String, ToString},
};
use core::{fmt, net::IpAddr};

use self::path::normalize_target;
use crate::{
    address::{parse_ipv4, parse_ipv6, show as address_text},
    exit::{ExitCode, Failure},
    text::{has, split_last, split_once},
};

/// The scheme of a URL.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Scheme {
    /// Unencrypted; default port 80.
    Http,
    /// TLS; default port 443.
    Https,
}

/// The host of a URL.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Host {
    /// A name in lower case.
    Name(String),
    /// An IP address.
    Address(IpAddr),
}

/// A valid URL. Its text has no control characters, so it can't add a line to a request or a message.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Url {
    /// `http` or `https`.
    pub scheme: Scheme,
    /// The host.
    pub host: Host,
    /// The port; the scheme's default if the text has none.
    pub port: u16,
    /// Path and query as sent in the request line; starts with `/`.
    pub target: String,
}

impl Url {
    /// Parses a URL. As with curl, `http://` is optional. The fragment is removed.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        check_characters(text)?;
        let (scheme, rest) = match split_once(text, "://") {
            None => (Scheme::Http, text),
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => (Scheme::Http, rest),
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => (Scheme::Https, rest),
            Some(_) => {
                return Err(Failure::new(
                    ExitCode::UnsupportedProtocol,
                    format_args!("the URL's scheme is not supported: use http or https"),
                ));
            }
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at(end);
        if has(authority, b'@') {
            return Err(Failure::usage(format_args!(
                "a user or password in the URL is not supported: give it with -u USER:PASSWORD, or in a file with -K or -H @FILE"
            )));
        }
        let (host, port) = split_authority(authority)?;
        let port = match port {
            Some(port) => port,
            None if scheme == Scheme::Https => 443,
            None => 80,
        };
        Ok(Self { scheme, host, port, target: normalize_target(target) })
    }

    /// Resolves a reference, such as a `Location`, against this URL (RFC 3986 section 5.2).
    pub fn join(&self, reference: &str) -> Result<Self, Failure> {
        check_characters(reference)?;
        let path_end = reference.find(['/', '?', '#']).unwrap_or(reference.len());
        if reference.get(..path_end).is_some_and(|scheme| scheme.ends_with(':')) {
            return Self::parse(reference);
        }
        if let Some(rest) = reference.strip_prefix("//") {
            let scheme = if self.scheme == Scheme::Https { "https" } else { "http" };
            return Self::parse(&format!("{scheme}://{rest}"));
        }
        let path = self.target.split('?').next().unwrap_or("/");
        let target = if reference.is_empty() || reference.starts_with('#') {
            self.target.clone()
        } else if reference.starts_with('/') {
            reference.to_string()
        } else if reference.starts_with('?') {
            format!("{path}{reference}")
        } else {
            let (directory, _) = split_last(path, b'/').unwrap_or_default();
            format!("{directory}/{reference}")
        };
        Ok(Self { target: normalize_target(&target), ..self.clone() })
    }

    /// Whether both have the same scheme, host and port. Credentials are sent only within one origin.
    pub fn same_origin(&self, other: &Self) -> bool {
        self.scheme == other.scheme && self.host == other.host && self.port == other.port
    }

    /// The path, without the query.
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or("/")
    }

    /// `host` or `host:port` for the `Host` header, without the scheme's default port.
    pub fn authority(&self) -> String {
        let host = match &self.host {
            Host::Name(name) => name.clone(),
            Host::Address(IpAddr::V4(address)) => address_text((*address).into()),
            Host::Address(IpAddr::V6(address)) => format!("[{}]", address_text((*address).into())),
        };
        match (self.scheme, self.port) {
            (Scheme::Http, 80) | (Scheme::Https, 443) => host,
            (_, port) => format!("{host}:{}", u64::from(port)),
        }
    }

    /// The URL for messages: without the query, which may contain a token.
    pub fn printable(&self) -> String {
        format!("{}{}{}", self.scheme, self.authority(), self.path())
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(if *self == Self::Https { "https://" } else { "http://" })
    }
}

impl fmt::Display for Url {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}{}{}", self.scheme, self.authority(), self.target)
    }
}

fn bad_url(message: &str) -> Failure {
    Failure::new(ExitCode::BadUrl, format_args!("{message}"))
}

fn check_characters(text: &str) -> Result<(), Failure> {
    if text.bytes().any(|byte| byte <= b' ' || byte == 0x7f) {
        return Err(bad_url("the URL contains a space, a line break or another control character"));
    }
    Ok(())
}

fn split_authority(authority: &str) -> Result<(Host, Option<u16>), Failure> {
    if let Some(rest) = authority.strip_prefix('[') {
        let (address, port) =
            rest.split_once(']').ok_or_else(|| bad_url("the URL's host has [ without ]"))?;
        let address =
            parse_ipv6(address).ok_or_else(|| bad_url("the URL's host in [] is not an IPv6 address"))?;
        let port = match port.strip_prefix(':') {
            Some(port) => parse_port(port)?,
            None if port.is_empty() => None,
            None => return Err(bad_url("the URL has something other than a port after its host")),
        };
        return Ok((Host::Address(IpAddr::V6(address)), port));
    }
    let (host, port) = match authority.split_once(':') {
        Some((host, port)) => (host, parse_port(port)?),
        None => (authority, None),
    };
    if host.is_empty() {
        return Err(bad_url("the URL has no host"));
    }
    if let Some(address) = parse_ipv4(host) {
        return Ok((Host::Address(IpAddr::V4(address)), port));
    }
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if !host.bytes().all(allowed) {
        return Err(bad_url(
            "the URL's host has an invalid character; write an international name in its xn-- form",
        ));
    }
    Ok((Host::Name(host.to_ascii_lowercase()), port))
}

fn parse_port(port: &str) -> Result<Option<u16>, Failure> {
    if port.is_empty() {
        return Ok(None);
    }
    let digits = port.bytes().all(|byte| byte.is_ascii_digit());
    match port.parse() {
        Ok(number) if digits => Ok(Some(number)),
        _ => Err(bad_url("the URL's port is not a number from 0 to 65535")),
    }
}

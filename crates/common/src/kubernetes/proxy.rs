//! The proxy to the API server, with the rules of kubectl, which are those of Go.

use std::collections::HashMap;
use std::net::IpAddr;

use http::Uri;

use crate::config::{ConfigError, from_environment};

/// The variables, each with its second spelling.
const HTTPS_PROXY: [&str; 2] = ["HTTPS_PROXY", "https_proxy"];
const NO_PROXY: [&str; 2] = ["NO_PROXY", "no_proxy"];

/// The values of the variables above.
pub(super) struct ProxyEnvironment(HashMap<String, String>);

impl ProxyEnvironment {
    pub(super) fn read() -> Result<Self, ConfigError> {
        from_environment(&[HTTPS_PROXY, NO_PROXY].concat()).map(Self)
    }

    fn get(&self, names: [&str; 2]) -> Option<&str> {
        let values = names.into_iter().filter_map(|name| self.0.get(name));
        values.map(String::as_str).find(|value| !value.is_empty())
    }

    /// The proxy for this server. The `proxy-url` of a kubeconfig has priority, and `NO_PROXY` does not limit it. A server
    /// without TLS is reached directly, because a proxy would see the token.
    ///
    /// The error does not contain the URL, because it may contain a password.
    pub(super) fn proxy(&self, server: &Uri, proxy_url: Option<&str>) -> Result<Option<Uri>, String> {
        if let Some(url) = proxy_url.filter(|url| !url.is_empty()) {
            return parse(url).map(Some).map_err(|problem| format!("proxy-url of the kubeconfig {problem}"));
        }
        if server.scheme_str() != Some("https") || self.bypasses(server) {
            return Ok(None);
        }
        let named = self.get(HTTPS_PROXY).map(parse).transpose();
        named.map_err(|problem| format!("HTTPS_PROXY {problem}"))
    }

    fn bypasses(&self, server: &Uri) -> bool {
        let host = server.host().unwrap_or_default().trim_matches(['[', ']']).to_ascii_lowercase();
        let port = server.port_u16().unwrap_or(443);
        let address = host.parse::<IpAddr>().ok().map(|address| address.to_canonical());
        if host == "localhost" || address.is_some_and(|address| address.is_loopback()) {
            return true;
        }
        let entries = self.get(NO_PROXY).unwrap_or_default().split(',').map(str::trim);
        entries.filter(|entry| !entry.is_empty()).any(|entry| match address {
            _ if entry == "*" => true,
            Some(address) => covers_address(entry, address, port),
            None => covers_name(&entry.to_ascii_lowercase(), &host, port),
        })
    }
}

fn covers_address(entry: &str, address: IpAddr, port: u16) -> bool {
    if let Some((network, length)) = entry.split_once('/') {
        let (Ok(network), Ok(length)) = (network.parse::<IpAddr>(), length.parse::<u32>()) else {
            return false;
        };
        let (network, address, bits) = match (network, address) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                (network.to_bits().into(), address.to_bits().into(), 32)
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => (network.to_bits(), address.to_bits(), 128),
            _ => return false,
        };
        let different: u128 = network ^ address;
        return length <= bits && different.checked_shr(bits - length).unwrap_or_default() == 0;
    }
    let (host, entry_port) = split_port(entry);
    let host = host.trim_matches(['[', ']']).parse::<IpAddr>().ok();
    host.is_some_and(|host| host.to_canonical() == address) && entry_port.is_none_or(|wanted| wanted == port)
}

/// `example.org` covers the host and its subdomains; `.example.org` and `*.example.org` only the subdomains.
fn covers_name(entry: &str, host: &str, port: u16) -> bool {
    let (name, entry_port) = split_port(entry);
    let name = name.strip_prefix('*').filter(|rest| rest.starts_with('.')).unwrap_or(name);
    let (domain, itself) = match name.strip_prefix('.') {
        Some(domain) => (domain, false),
        None => (name, true),
    };
    let is_subdomain = host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'));
    !domain.is_empty()
        && (is_subdomain || (itself && host == domain))
        && entry_port.is_none_or(|wanted| wanted == port)
}

/// The host and the port of `host:port`; an IPv6 address without brackets has no port.
fn split_port(entry: &str) -> (&str, Option<u16>) {
    match entry.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => match port.parse() {
            Ok(port) => (host, Some(port)),
            Err(_) => (entry, None),
        },
        _ => (entry, None),
    }
}

/// Parses the URL of a proxy. Without a scheme it is http.
fn parse(url: &str) -> Result<Uri, &'static str> {
    let with_scheme = if url.contains("://") { url.to_owned() } else { format!("http://{url}") };
    let uri =
        with_scheme.replacen("socks5h://", "socks5://", 1).parse::<Uri>().map_err(|_| "is not a URL")?;
    match uri.scheme_str() {
        Some("http" | "https" | "socks5") if uri.host().is_some_and(|host| !host.is_empty()) => Ok(uri),
        _ => Err("must begin with http://, https:// or socks5://, and name a host"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxy(
        variables: &[(&str, &str)],
        server: &str,
        proxy_url: Option<&str>,
    ) -> Result<Option<String>, String> {
        let values = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let server = server.parse().expect("a URL");
        let found = ProxyEnvironment(values.collect()).proxy(&server, proxy_url)?;
        Ok(found.map(|uri| uri.to_string()))
    }

    fn goes_direct(no_proxy: &str, server: &str) -> bool {
        let variables = [("HTTPS_PROXY", "http://proxy:3128"), ("NO_PROXY", no_proxy)];
        proxy(&variables, server, None).expect("the URL is valid").is_none()
    }

    #[test]
    fn no_proxy_lists_servers_that_are_reached_directly() {
        for (no_proxy, server) in [
            ("*", "https://api.example.org"),
            ("example.org", "https://api.example.org:6443"),
            ("example.org", "https://EXAMPLE.org"),
            (".example.org", "https://api.example.org"),
            ("*.example.org", "https://api.example.org"),
            ("a, ,api.Example.org:6443,", "https://api.example.org:6443"),
            ("example.org:443", "https://example.org"),
            ("10.0.0.0/8", "https://10.96.0.1"),
            ("0.0.0.0/0", "https://192.0.2.1"),
            ("192.0.2.1", "https://192.0.2.1:6443"),
            ("192.0.2.1:6443", "https://192.0.2.1:6443"),
            ("2001:db8::/32", "https://[2001:db8::1]:6443"),
            ("2001:db8::1", "https://[2001:db8::1]"),
            ("[2001:db8::1]:6443", "https://[2001:db8::1]:6443"),
            ("", "https://localhost:6443"),
            ("", "https://127.0.0.9:6443"),
            ("", "https://[::1]:6443"),
        ] {
            assert!(goes_direct(no_proxy, server), "{no_proxy:?} covers {server}");
        }
        for (no_proxy, server) in [
            ("", "https://api.example.org"),
            (".example.org", "https://example.org"),
            ("example.org", "https://notexample.org"),
            ("example.org:6443", "https://example.org"),
            ("proxy", "https://api.example.org"),
            ("10.0.0.0/8", "https://11.0.0.1"),
            ("10.0.0.0/33", "https://10.0.0.1"),
            ("192.0.2.1:443", "https://192.0.2.1:6443"),
            ("::/0", "https://192.0.2.1"),
            (".", "https://api.example.org"),
        ] {
            assert!(!goes_direct(no_proxy, server), "{no_proxy:?} does not cover {server}");
        }
    }

    #[test]
    fn the_proxy_of_a_kubeconfig_has_priority_over_the_environment() {
        let variables = [("HTTPS_PROXY", "http://other"), ("NO_PROXY", "*")];
        let found = proxy(&variables, "https://api", Some("socks5h://user:pw@proxy:1080"));
        assert_eq!(found, Ok(Some("socks5://user:pw@proxy:1080/".to_owned())));
        let found = proxy(&[("https_proxy", "proxy:3128"), ("HTTPS_PROXY", "")], "https://api", Some(""));
        assert_eq!(found, Ok(Some("http://proxy:3128/".to_owned())));
        assert_eq!(proxy(&[("HTTPS_PROXY", "http://proxy")], "http://api", None), Ok(None));
    }

    #[test]
    fn an_unusable_proxy_is_an_error_without_its_url() {
        for url in ["ftp://user:hunter2@proxy", "http://user:hunter2@", "http://user:hunter2@a b"] {
            let text = proxy(&[("HTTPS_PROXY", url)], "https://api", None).expect_err("it can't be used");
            assert!(text.starts_with("HTTPS_PROXY ") && !text.contains("hunter2"), "{text}");
            let text = proxy(&[], "https://api", Some(url)).expect_err("it can't be used");
            assert!(text.starts_with("proxy-url ") && !text.contains("hunter2"), "{text}");
        }
    }
}

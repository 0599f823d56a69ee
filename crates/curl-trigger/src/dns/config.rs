//! Parsing `/etc/resolv.conf` and `/etc/hosts`.

use alloc::{
    format,
    string::{String, ToString},
    vec,
    vec::Vec,
};
use core::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use crate::{
    address::parse,
    text::{after_last, split_once},
};

/// The C library's limit.
const MAX_SERVERS: usize = 3;
/// The maximum length of a name in presentation form, without a trailing dot (RFC 1035 section 3.1).
const MAX_NAME: usize = 253;
const DNS_PORT: u16 = 53;

/// The settings of `/etc/resolv.conf`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ResolverConfig {
    /// The name servers, at most three; 127.0.0.1 if the file has none.
    pub servers: Vec<SocketAddr>,
    /// The domains to append, in order.
    pub search: Vec<String>,
    /// A name with at least this many dots is first tried without a domain.
    pub ndots: usize,
    /// `timeout`: a server that has not answered a query after this time is silent.
    pub timeout: Duration,
    /// The maximum time of a lookup: `timeout` x `attempts` of the file.
    pub total: Duration,
    /// Use only TCP (`use-vc`).
    pub tcp_only: bool,
}

impl Default for ResolverConfig {
    fn default() -> Self {
        Self::parse("")
    }
}

impl ResolverConfig {
    /// Parses the text of the file. Unknown lines and options are ignored.
    pub fn parse(text: &str) -> Self {
        let mut config = Self {
            servers: vec![],
            search: vec![],
            ndots: 1,
            timeout: Duration::ZERO,
            total: Duration::ZERO,
            tcp_only: false,
        };
        let (mut timeout, mut attempts): (u64, u32) = (5, 2);
        for line in text.lines() {
            let line = line.split(['#', ';']).next().unwrap_or_default();
            let mut words = line.split_ascii_whitespace();
            match words.next() {
                Some("nameserver") if config.servers.len() < MAX_SERVERS => {
                    config.servers.extend(words.next().and_then(parse_server));
                }
                Some("search" | "domain") => config.search = words.map(ToString::to_string).collect(),
                Some("options") => {
                    for option in words {
                        match option.split_once(':') {
                            Some(("ndots", n)) => config.ndots = n.parse().unwrap_or(config.ndots).min(15),
                            Some(("timeout", n)) => timeout = n.parse().unwrap_or(timeout).clamp(1, 30),
                            Some(("attempts", n)) => attempts = n.parse().unwrap_or(attempts).clamp(1, 5),
                            None if option == "use-vc" => config.tcp_only = true,
                            _ => {}
                        }
                    }
                }
                _ => {}
            }
        }
        if config.servers.is_empty() {
            config.servers.push(SocketAddr::from((Ipv4Addr::LOCALHOST, DNS_PORT)));
        }
        config.timeout = Duration::from_secs(timeout);
        config.total = config.timeout * attempts;
        config
    }

    /// The absolute names to query, in order. A trailing dot makes a name absolute.
    pub fn candidates(&self, name: &str) -> Vec<String> {
        let absolute = name.strip_suffix('.');
        let mut names = vec![];
        if absolute.is_none() {
            names.extend(self.search.iter().map(|domain| format!("{name}.{}", domain.trim_matches('.'))));
        }
        let dots = name.bytes().filter(|byte| *byte == b'.').count();
        let position = if dots >= self.ndots { 0 } else { names.len() };
        names.insert(position, absolute.unwrap_or(name).to_string());
        names.retain(|name| is_valid(name));
        names
    }
}

/// Whether a name is valid in DNS: labels of 1 to 63 bytes, at most 253 bytes in total.
pub fn is_valid(name: &str) -> bool {
    name.len() <= MAX_NAME && name.split('.').all(|label| (1..=63).contains(&label.len()))
}

/// Parses `10.0.0.10`, `fd00::10`, or an address with a port in the syntax of OpenBSD: `[10.0.0.10]:5353`.
fn parse_server(word: &str) -> Option<SocketAddr> {
    if let Some((address, port)) = word.strip_prefix('[').and_then(|rest| split_once(rest, "]:")) {
        return Some(SocketAddr::new(parse(address)?, port.parse().ok()?));
    }
    Some(SocketAddr::new(parse(word)?, DNS_PORT))
}

/// The addresses that need no query: those of `localhost` (RFC 6761), else those of `/etc/hosts`.
pub fn local_addresses(name: &str, hosts: &str) -> Vec<IpAddr> {
    let name = name.strip_suffix('.').unwrap_or(name);
    let is_localhost = after_last(name, b'.').eq_ignore_ascii_case("localhost");
    if is_localhost {
        return vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
    }
    let mut found = Vec::new();
    for line in hosts.lines() {
        let mut words = line.split('#').next().unwrap_or_default().split_ascii_whitespace();
        let Some(address) = words.next().and_then(parse) else {
            continue;
        };
        if words.any(|word| word.eq_ignore_ascii_case(name)) && !found.contains(&address) {
            found.push(address);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const CLUSTER: &str = "search ns.svc.cluster.local svc.cluster.local cluster.local\n\
                           nameserver 10.96.0.10\noptions ndots:5\n";

    #[test]
    fn the_file_of_a_pod_is_parsed() {
        let config = ResolverConfig::parse(CLUSTER);
        assert_eq!(config.servers, ["10.96.0.10:53".parse().expect("address")]);
        assert_eq!((config.ndots, config.total), (5, Duration::from_secs(10)));
    }

    #[test]
    fn a_short_name_is_tried_with_the_search_list_first() {
        let config = ResolverConfig::parse(CLUSTER);
        let names = config.candidates("backend");
        assert_eq!(
            names,
            ["backend.ns.svc.cluster.local", "backend.svc.cluster.local", "backend.cluster.local", "backend"]
        );
    }

    #[test]
    fn a_name_with_enough_dots_is_tried_first_and_one_with_a_trailing_dot_alone() {
        let config = ResolverConfig::parse("search a\noptions ndots:1");
        assert_eq!(config.candidates("x.y"), ["x.y", "x.y.a"]);
        assert_eq!(config.candidates("x."), ["x"]);
    }

    #[test]
    fn missing_settings_have_the_defaults_of_the_c_library() {
        let config = ResolverConfig::parse("nameserver nonsense\nnameserver\n# nameserver 1.1.1.1\n");
        assert_eq!(config.servers, ["127.0.0.1:53".parse().expect("address")]);
        assert_eq!((config.ndots, config.tcp_only), (1, false));
    }

    #[test]
    fn servers_may_have_an_ipv6_address_and_a_port() {
        let config =
            ResolverConfig::parse("nameserver fd00::10\nnameserver [127.0.0.1]:5353\noptions use-vc");
        let expected = ["[fd00::10]:53", "127.0.0.1:5353"].map(|text| text.parse().expect("address"));
        assert_eq!(config.servers, expected);
        assert!(config.tcp_only);
    }

    #[test]
    fn hosts_and_localhost_need_no_query() {
        let hosts = "127.0.0.1 localhost\n10.0.0.7\tBackend db # backend2\n::7 backend\nbad backend\n";
        assert_eq!(
            local_addresses("backend", hosts),
            ["10.0.0.7", "::7"].map(|a| a.parse::<IpAddr>().expect("ip"))
        );
        assert!(local_addresses("backend2", hosts).is_empty());
        assert_eq!(local_addresses("x.localhost.", "").len(), 2);
    }

    proptest! {
        #[test]
        fn any_text_gives_a_valid_configuration(text in "\\PC{0,80}|(nameserver|search|options| |\n|ndots:9|1.2.3.4){0,12}") {
            let config = ResolverConfig::parse(&text);
            prop_assert!((1..=MAX_SERVERS).contains(&config.servers.len()));
            prop_assert!(config.candidates("a.b").iter().all(|name| is_valid(name)));
        }
    }
}

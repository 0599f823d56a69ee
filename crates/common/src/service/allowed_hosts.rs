//! The hosts that requests may name: `ALLOWED_HOSTS`.

use std::net::IpAddr;
use std::str::FromStr;

/// The names of this machine. A browser resolves them itself, so that no other site can have them, and
/// `kubectl port-forward` uses them.
const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// The hosts that requests may name, without ports. An empty list permits every host.
#[derive(Clone, Debug, Default)]
pub struct AllowedHosts(Vec<String>);

impl AllowedHosts {
    /// Whether a request may name this host, or none.
    pub(super) fn permits(&self, host: Option<&str>) -> bool {
        let is_named = |name: &str| host.is_some_and(|host| host.eq_ignore_ascii_case(name));
        self.0.is_empty() || LOOPBACK.into_iter().any(is_named) || self.0.iter().any(|name| is_named(name))
    }
}

impl FromStr for AllowedHosts {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.split(',').map(|item| host(item.trim())).collect::<Result<_, _>>().map(Self)
    }
}

/// A host in the form of the `Host` header.
fn host(text: &str) -> Result<String, String> {
    match text.trim_start_matches('[').trim_end_matches(']').parse() {
        Ok(IpAddr::V6(address)) => return Ok(format!("[{address}]")),
        Ok(IpAddr::V4(address)) => return Ok(address.to_string()),
        Err(_) => {}
    }
    let is_label = |label: &str| {
        !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    if text.split('.').all(is_label) {
        return Ok(text.to_owned());
    }
    Err(format!("{text:?} is not a host; write names or IP addresses without a port, separated by commas"))
}

#[cfg(test)]
mod tests {
    use super::AllowedHosts;

    fn permits(setting: &str, host: &str) -> bool {
        setting.parse::<AllowedHosts>().expect("the setting is valid").permits(Some(host))
    }

    #[test]
    fn only_the_listed_hosts_and_those_of_this_machine_are_permitted() {
        let setting = "trigger-api, trigger-api.trading.svc, 10.0.0.7, 2001:DB8::1";
        for permitted in
            ["trigger-api", "TRIGGER-API.trading.svc", "10.0.0.7", "[2001:db8::1]", "localhost", "[::1]"]
        {
            assert!(permits(setting, permitted), "{permitted}");
        }
        for other in
            ["evil.example", "trigger-api.evil.example", "trigger-api.", "10.0.0.70", "", "127.0.0.1.nip.io"]
        {
            assert!(!permits(setting, other), "{other}");
        }
        assert!(!setting.parse::<AllowedHosts>().expect("valid").permits(None));
        assert!(
            AllowedHosts::default().permits(Some("evil.example")) && AllowedHosts::default().permits(None)
        );
    }

    #[test]
    fn an_item_that_is_not_a_host_is_an_error() {
        for wrong in ["", "a,", "a:8000", "http://a", "*.a", "a b", "[a]", ".a"] {
            assert!(wrong.parse::<AllowedHosts>().is_err(), "{wrong}");
        }
    }
}

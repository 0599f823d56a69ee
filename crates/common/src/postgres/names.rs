//! Checks of hosts, users and databases, which messages contain.
//!
//! libpq accepts almost any text for them, even the rest of an address with wrong separators, which may contain the
//! password.

use std::net::Ipv6Addr;

const SEPARATORS: &str = "; check the separators: host=HOST port=PORT user=USER password=PASSWORD dbname=DATABASE with spaces, or \
     postgres://USER:PASSWORD@HOST:PORT/DATABASE?keyword=value&keyword=value";

/// Words that precede a password, each followed by `=` or `:`.
const PASSWORD_WORDS: [&str; 4] = ["password", "passwd", "pass", "pwd"];

/// Rejects a text that is not a host name, an IP address or the path of a socket.
pub(super) fn check_host(host: &str) -> Result<(), String> {
    let is_possible = match host.strip_prefix(['/', '@']) {
        Some(path) => !path.contains(|c: char| c.is_whitespace() || "=;&?%@'\"".contains(c)),
        None if host.contains(':') => is_ipv6(host),
        None => host.chars().all(is_name_character),
    };
    if is_possible && !contains_password(host) {
        Ok(())
    } else {
        Err(format!("has a host with characters that no host name and no path of a socket has{SEPARATORS}"))
    }
}

fn is_ipv6(host: &str) -> bool {
    let (address, zone) = host.split_once('%').unwrap_or((host, "0"));
    address.parse::<Ipv6Addr>().is_ok() && zone.chars().all(is_name_character)
}

fn is_name_character(character: char) -> bool {
    character.is_alphanumeric() || "-_.".contains(character)
}

/// Rejects a user that contains a password.
pub(super) fn check_user(user: &str) -> Result<(), String> {
    if user.contains(':') {
        return Err("has a user with a colon, which is not supported: it would be shown, and may be followed by the password".to_owned());
    }
    check(user, "user")
}

/// Rejects a database that contains a password.
pub(super) fn check_database(database: &str) -> Result<(), String> {
    check(database, "database")
}

fn check(name: &str, kind: &str) -> Result<(), String> {
    if name.contains("://") || contains_password(name) {
        return Err(format!("has a {kind} that seems to contain a password or an address{SEPARATORS}"));
    }
    Ok(())
}

/// Whether the text contains a word for a password that is followed by `=` or `:`.
fn contains_password(text: &str) -> bool {
    let text = text.to_lowercase();
    text.match_indices(['=', ':']).any(|(place, _)| {
        let before = text[..place].trim_end();
        PASSWORD_WORDS.iter().any(|word| before.ends_with(word))
    })
}

/// Rejects a user or a database with an unescaped separator, which may end the address early.
pub(super) fn check_plain(name: &str, text: &str, advice: &str) -> Result<(), String> {
    if ["user", "dbname"].contains(&name) && text.contains(|c: char| c.is_whitespace() || "=;&".contains(c)) {
        return Err(format!("has a {name} that contains a space, =, ; or &; {advice}{SEPARATORS}"));
    }
    Ok(())
}

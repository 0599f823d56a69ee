//! Which hosts, users and databases are plausible.
//!
//! These three are shown in messages. libpq takes almost any text for them, also the rest of an address whose separators
//! are wrong, and with it a password.

use std::net::Ipv6Addr;

const SEPARATORS: &str = "; check the separators: host=HOST port=PORT user=USER password=PASSWORD dbname=DATABASE with spaces, or \
     postgres://USER:PASSWORD@HOST:PORT/DATABASE?keyword=value&keyword=value";

/// Words that precede a password, each with `=` or `:` behind it.
const PASSWORD_WORDS: [&str; 4] = ["password", "passwd", "pass", "pwd"];

/// Rejects a text that is no name of a host, no IP address and no path of a socket.
pub(super) fn check_host(host: &str) -> Result<(), String> {
    let is_possible = match host.strip_prefix(['/', '@']) {
        Some(path) => !path.contains(|c: char| c.is_whitespace() || "=;&?%@'\"".contains(c)),
        None if host.contains(':') => is_ipv6(host),
        None => host.chars().all(is_of_a_name),
    };
    if is_possible && !contains_password(host) {
        Ok(())
    } else {
        Err(format!("has a host with characters that no host name and no path of a socket has{SEPARATORS}"))
    }
}

fn is_ipv6(host: &str) -> bool {
    let (address, zone) = host.split_once('%').unwrap_or((host, "0"));
    address.parse::<Ipv6Addr>().is_ok() && zone.chars().all(is_of_a_name)
}

fn is_of_a_name(character: char) -> bool {
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

fn check(name: &str, what: &str) -> Result<(), String> {
    if name.contains("://") || contains_password(name) {
        return Err(format!("has a {what} that seems to contain a password or an address{SEPARATORS}"));
    }
    Ok(())
}

/// Whether a word for a password is followed by `=` or `:`.
fn contains_password(text: &str) -> bool {
    let text = text.to_lowercase();
    text.match_indices(['=', ':']).any(|(place, _)| {
        let before = text[..place].trim_end();
        PASSWORD_WORDS.iter().any(|word| before.ends_with(word))
    })
}

/// Rejects a user or a database with a separator that is written as it is: the address may have ended before it.
pub(super) fn check_plain(name: &str, text: &str, advice: &str) -> Result<(), String> {
    if ["user", "dbname"].contains(&name) && text.contains(|c: char| c.is_whitespace() || "=;&".contains(c)) {
        return Err(format!("has a {name} that contains a space, =, ; or &; {advice}{SEPARATORS}"));
    }
    Ok(())
}

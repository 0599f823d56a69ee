//! Password files, with one password per line: `host:port:database:user:password`.

use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use secrecy::SecretString;

use crate::config::input_file;

/// The login that a line must match.
#[derive(Clone, Copy, Debug)]
pub(super) struct Login<'a> {
    pub(super) host: &'a str,
    pub(super) port: u16,
    pub(super) database: &'a str,
    pub(super) user: &'a str,
}

/// The password of the first line that matches. As in libpq, a file that is absent or readable by others is not used.
pub(super) fn find(path: &Path, login: &Login<'_>) -> Option<SecretString> {
    let file = match input_file::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::InvalidData => {
            tracing::warn!(%error, "the password file of Postgres is not used: it is not a regular file");
            return None;
        }
        Err(_) => return None,
    };
    if file.metadata().ok()?.mode() & 0o077 != 0 {
        tracing::warn!(
            "the password file of Postgres is not used: others may read it; its mode must be 0600 or less"
        );
        return None;
    }
    // A line that is not UTF-8 is skipped.
    let lines = BufReader::new(file.take(input_file::MAX_BYTES)).split(b'\n').map_while(Result::ok);
    let lines = lines.filter_map(|line| String::from_utf8(line).ok());
    lines.filter(|line| !line.starts_with('#')).find_map(|line| password_in(&line, login))
}

fn password_in(line: &str, login: &Login<'_>) -> Option<SecretString> {
    let port = login.port.to_string();
    let mut rest = line.trim_end_matches(['\r', '\n']);
    for expected in [login.host, &port, login.database, login.user] {
        let (field, after) = take_field(rest)?;
        if rest != "*" && !rest.starts_with("*:") && field != expected {
            return None;
        }
        rest = after;
    }
    let password = take_field(rest).map_or_else(|| unescape(rest), |(password, _)| password);
    (!password.is_empty()).then(|| password.into())
}

/// A field with its escapes removed, and the text after its colon; None without a colon. A backslash escapes a colon or a
/// backslash.
fn take_field(text: &str) -> Option<(String, &str)> {
    let mut field = String::new();
    let mut characters = text.char_indices();
    while let Some((place, character)) = characters.next() {
        match character {
            '\\' => field.extend(characters.next().map(|(_, escaped)| escaped)),
            ':' => return Some((field, &text[place + 1..])),
            other => field.push(other),
        }
    }
    None
}

fn unescape(text: &str) -> String {
    let ended = format!("{text}:");
    take_field(&ended).map(|(field, _)| field).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::{Login, password_in};

    fn password(line: &str) -> Option<String> {
        let login = Login { host: "h", port: 5432, database: "d:b", user: "u" };
        password_in(line, &login).map(|password| password.expose_secret().to_owned())
    }

    #[test]
    fn each_field_is_equal_or_an_asterisk() {
        for line in ["h:5432:d\\:b:u:pw", "*:*:*:*:pw", "h:*:d\\:b:*:pw\r"] {
            assert_eq!(password(line).as_deref(), Some("pw"), "{line}");
        }
        for line in
            ["other:*:*:*:pw", "h:1:*:*:pw", "h:5432:d:b:u:pw", "**:*:*:*:pw", "h:5432", "*:*:*:*:", ""]
        {
            assert_eq!(password(line), None, "{line}");
        }
    }

    #[test]
    fn a_password_ends_at_a_colon_that_is_not_escaped() {
        assert_eq!(password("*:*:*:*:a\\:b\\\\c:comment").as_deref(), Some("a:b\\c"));
    }
}

//! Where the store is: what a database URL says.

use std::fmt::Write;
use std::path::Path;

use secrecy::{ExposeSecret, SecretString};
use sqlx::any::AnyConnectOptions;
use sqlx::{ConnectOptions, Database as _, Postgres, Sqlite};

use crate::domain::ports::StoreError;

/// The two databases.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    Sqlite,
    Postgres,
}

/// A database URL that was understood. It can't be printed: the options hold the password.
#[derive(Clone)]
pub(super) struct Address {
    pub(super) kind: Kind,
    pub(super) options: AnyConnectOptions,
    /// What people call it; without the password.
    pub(super) place: String,
}

impl Address {
    /// Reads `sqlite:PATH` or `postgres://...`. No part of another text is shown, as it may be a password.
    pub(super) fn parse(url: &SecretString) -> Result<Self, StoreError> {
        let url = url.expose_secret().trim();
        let schemes = |known: &[&str]| {
            let scheme = url.split(':').next().unwrap_or_default();
            url.contains(':') && known.contains(&scheme)
        };
        if schemes(Sqlite::URL_SCHEMES) {
            sqlite(url)
        } else if schemes(Postgres::URL_SCHEMES) {
            postgres(url)
        } else {
            Err(invalid("use sqlite:PATH or postgres://USER:PASSWORD@HOST/DATABASE"))
        }
    }
}

fn sqlite(url: &str) -> Result<Address, StoreError> {
    let rest = url.strip_prefix("sqlite:").unwrap_or(url);
    let path = rest.strip_prefix("//").unwrap_or(rest);
    if path.is_empty() || path.starts_with(':') || path.contains('?') {
        return Err(invalid("sqlite: is followed by the path of a file and nothing else"));
    }
    let folder = Path::new(path).parent().filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
        let folder = folder.display();
        return Err(StoreError(format!(
            "the folder {folder} of the SQLite file {path} does not exist; make it, or mount a volume there"
        )));
    }
    // Only an absolute path may follow "//", where a relative one would begin with a host.
    let slashes = if path.starts_with('/') { "//" } else { "" };
    let options = options(&format!("sqlite:{slashes}{}?mode=rwc", percent_encoded(path)))?;
    Ok(Address { kind: Kind::Sqlite, options, place: format!("the SQLite file {path}") })
}

fn postgres(url: &str) -> Result<Address, StoreError> {
    let after_scheme = url.split_once("://").ok_or_else(|| invalid("postgres is followed by ://"))?.1;
    // A password with such characters would be taken for a host and a path, and shown as such.
    if after_scheme.split_once(['/', '?', '#']).is_some_and(|(_, rest)| rest.contains('@')) {
        return Err(invalid("there is an @ after the host; write / as %2F, ? as %3F, # as %23 and @ as %40"));
    }
    let options = options(url)?;
    let parsed = &options.database_url;
    let host = parsed.host_str().filter(|host| !host.is_empty()).unwrap_or("its default host");
    let port = parsed.port().unwrap_or(5432);
    let place = format!("Postgres at {host}:{port}{}", parsed.path());
    Ok(Address { kind: Kind::Postgres, options, place })
}

fn options(url: &str) -> Result<AnyConnectOptions, StoreError> {
    let options: AnyConnectOptions = url.parse().map_err(|error| invalid(&format!("{error}")))?;
    Ok(options.disable_statement_logging())
}

fn invalid(detail: &str) -> StoreError {
    StoreError(format!("the database URL is not valid: {detail}"))
}

fn percent_encoded(path: &str) -> String {
    path.bytes().fold(String::new(), |mut text, byte| {
        match byte {
            b'/' | b'.' | b'-' | b'_' | b'~' => text.push(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => text.push(char::from(byte)),
            // Writing into a String can't fail.
            _ => drop(write!(text, "%{byte:02X}")),
        }
        text
    })
}

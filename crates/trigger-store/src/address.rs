//! Where the store is: what `DATABASE_URL` says.

use std::path::Path;

use common::config::ConfigError;
use common::postgres::Server;
use secrecy::{ExposeSecret, SecretString};

/// The variable with the address, for messages.
const SETTING: &str = "DATABASE_URL";

/// An address that was understood.
pub(super) enum Address {
    /// The path of a SQLite file.
    Sqlite(String),
    Postgres(Box<Server>),
}

impl Address {
    /// Reads `sqlite:PATH`, a URL of Postgres or a key-value string of Postgres. No part of a text that can't be used is
    /// shown, as it may be a password.
    pub(super) fn parse(text: &SecretString) -> Result<Self, ConfigError> {
        let exposed = text.expose_secret().trim();
        if let Some(path) = exposed.strip_prefix("sqlite:") {
            return sqlite(path.strip_prefix("//").unwrap_or(path));
        }
        // A key-value string contains `=`; the other schemes of URLs are not for this program.
        if exposed.starts_with("postgres") || (exposed.contains('=') && !exposed.contains("://")) {
            let server = Server::parse(SETTING, &exposed.into(), "trigger-api")?;
            return Ok(Self::Postgres(Box::new(server)));
        }
        Err(invalid(
            "it is neither sqlite:PATH nor an address of Postgres (postgres://USER:PASSWORD@HOST/DATABASE or \
             host=HOST user=USER dbname=DATABASE)",
        ))
    }

    /// The database's name in messages; without the password.
    pub(super) fn place(&self) -> String {
        match self {
            Self::Sqlite(path) => format!("the SQLite file {path}"),
            Self::Postgres(server) => format!("Postgres at {server}"),
        }
    }
}

fn sqlite(path: &str) -> Result<Address, ConfigError> {
    if path.is_empty() || path.starts_with(':') || path.contains('?') {
        return Err(invalid("sqlite: is followed by the path of a file and nothing else"));
    }
    let folder = Path::new(path).parent().filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
        let folder = folder.display();
        return Err(invalid(&format!(
            "the folder {folder} of the SQLite file {path} does not exist; make it, or mount a volume there"
        )));
    }
    Ok(Address::Sqlite(path.to_owned()))
}

fn invalid(detail: &str) -> ConfigError {
    ConfigError::variable(SETTING, detail)
}

//! The address of the store: the value of `DATABASE_URL`.

use std::path::Path;

use common::config::ConfigError;
use common::postgres::Server;
use secrecy::{ExposeSecret, SecretString};

use super::reserve::Disk;

/// The smallest disk of a SQLite file. On a smaller one, the write-ahead log of about 4 MiB and the reserve leave no space to
/// delete old runs.
const MIN_DISK_BYTES: u64 = 16 << 20;

/// The variable that contains the address.
const SETTING: &str = "DATABASE_URL";

/// A valid address.
#[derive(Clone)]
pub(super) enum Address {
    /// The path of a SQLite file.
    Sqlite(String),
    Postgres(Box<Server>),
}

impl Address {
    /// Parses `sqlite:PATH`, a URL of Postgres or a key-value string of Postgres. An error contains no part of an invalid
    /// text, because it could be a password.
    pub(super) fn parse(text: &SecretString) -> Result<Self, ConfigError> {
        let exposed = text.expose_secret().trim();
        if let Some(path) = exposed.strip_prefix("sqlite:") {
            return sqlite(path.strip_prefix("//").unwrap_or(path));
        }
        // A key-value string contains `=`; URLs with another scheme are rejected below.
        if exposed.starts_with("postgres") || (exposed.contains('=') && !exposed.contains("://")) {
            let server = Server::parse(SETTING, &exposed.into(), "trigger-api")?;
            return Ok(Self::Postgres(Box::new(server)));
        }
        Err(invalid(
            "it is neither sqlite:PATH nor an address of Postgres (postgres://USER:PASSWORD@HOST/DATABASE or \
             host=HOST user=USER dbname=DATABASE)",
        ))
    }

    /// The database as messages name it, without the password.
    pub(super) fn place(&self) -> String {
        match self {
            Self::Sqlite(path) => format!("the SQLite file {path}"),
            Self::Postgres(server) => format!("Postgres at {server}"),
        }
    }
}

fn sqlite(path: &str) -> Result<Address, ConfigError> {
    if path.is_empty() || path.starts_with(':') || path.contains('?') {
        return Err(invalid("sqlite: must be followed by the path of a file, without parameters"));
    }
    let folder = Path::new(path).parent().filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
        let folder = folder.display();
        return Err(invalid(&format!(
            "the folder {folder} of the SQLite file {path} does not exist; create it, or mount a volume there"
        )));
    }
    match Disk::of(Path::new(path)) {
        Ok(disk) if disk.size < MIN_DISK_BYTES => Err(invalid(&format!(
            "the disk of the SQLite file {path} has {} KiB, and the history requires at least 16 MiB: its write-ahead log would \
             fill a smaller disk; use a larger volume",
            disk.size >> 10
        ))),
        // If the size is unknown, opening the file decides.
        Ok(_) | Err(_) => Ok(Address::Sqlite(path.to_owned())),
    }
}

fn invalid(detail: &str) -> ConfigError {
    ConfigError::variable(SETTING, detail)
}

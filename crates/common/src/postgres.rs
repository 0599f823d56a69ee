//! Connections to Postgres, by the addresses that libpq reads.
//!
//! An address is parsed as libpq parses it and completed from libpq's variables. An unsupported parameter is rejected by name.
//! `sslmode` and `sslrootcert` have libpq's meaning; `relay.rs` describes how. No error and no log line contains a part of a
//! password or the value of a parameter.

mod attempt;
mod attempt_error;
mod classification;
mod conninfo;
mod environment;
mod error;
mod keywords;
mod names;
mod passfile;
mod relay;
mod server;
mod session_attributes;
mod session_options;
mod sql_error;
mod target;
mod tls_settings;
mod upstream;
mod values;

pub use self::environment::Environment;
pub use self::error::ConnectError;
pub use self::server::Server;
pub use self::sql_error::{is_connection_failure, reason, sqlstate};

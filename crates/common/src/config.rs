//! Configuration from the environment and an optional file.
//!
//! A program declares its variables once, as a list of [`Variable`]s. It reads no other variable, its `--help` text is
//! made from the list, and a key of the file that is not in the list is an error. The environment has priority over the
//! file. A secret `NAME` can also be read from the file that `NAME_FILE` names, as Kubernetes mounts it. A credential
//! that is set but empty, or that is not a text, is an error.

mod environment;
mod error;
mod file;
pub mod input_file;
mod names;
mod parse_error;
mod secret_source;
mod settings;
mod unique_keys;
mod variable;

pub use self::environment::file_from_environment;
pub use self::error::ConfigError;
pub use self::secret_source::SecretSource;
pub use self::settings::Settings;
pub use self::variable::{DefaultValue, Variable, VariableKind, help};

#[cfg(any(feature = "kubernetes", feature = "postgres"))]
pub(crate) use self::environment::from_environment;

//! The source of a secret.

use std::path::PathBuf;

use secrecy::SecretString;

use super::error::ConfigError;
use super::input_file;

/// The source of a secret.
#[derive(Clone, Debug)]
pub enum SecretSource {
    /// The value of the variable.
    Value(SecretString),
    /// A file that may change while the program runs.
    File {
        /// The variable that names the file.
        variable: String,
        /// The file.
        path: PathBuf,
    },
}

impl SecretSource {
    /// The current value of the secret.
    ///
    /// # Errors
    /// When the file can't be read or is empty.
    pub fn read(&self) -> Result<SecretString, ConfigError> {
        let (variable, path) = match self {
            Self::Value(value) => return Ok(value.clone()),
            Self::File { variable, path } => (variable, path),
        };
        let problem =
            |problem: String| ConfigError::variable(variable, format!("{}: {problem}", path.display()));
        let content = input_file::read_text(path).map_err(|error| problem(error.to_string()))?;
        match content.trim() {
            "" => Err(problem("is empty; put the secret into it".to_owned())),
            secret => Ok(secret.into()),
        }
    }
}

impl From<SecretString> for SecretSource {
    fn from(value: SecretString) -> Self {
        Self::Value(value)
    }
}

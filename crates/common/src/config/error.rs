//! Errors of the configuration.

use std::path::PathBuf;

/// A value is missing or can't be used. The text never contains a secret.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The configuration file can't be read, or its content is invalid.
    #[error("{}: {problem}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and what to do.
        problem: String,
    },
    /// The value of a variable can't be used.
    #[error("{name}: {problem}")]
    Variable {
        /// The variable.
        name: String,
        /// What is wrong with it, and what to do.
        problem: String,
    },
}

impl ConfigError {
    /// An error about one variable.
    pub fn variable(name: &str, problem: impl Into<String>) -> Self {
        Self::Variable { name: name.to_owned(), problem: problem.into() }
    }
}

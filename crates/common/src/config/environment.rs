//! Access to the variables of the process.

use std::collections::HashMap;
use std::path::PathBuf;

use super::error::ConfigError;

/// Those of the variables that are set.
#[expect(clippy::disallowed_methods, reason = "this is the only module that reads the environment")]
pub(super) fn read(names: &[String]) -> Result<HashMap<String, String>, ConfigError> {
    let mut found = HashMap::new();
    for name in names {
        if let Some(value) = std::env::var_os(name) {
            let not_text = |_| ConfigError::variable(name, "is not UTF-8; set it to a text");
            found.insert(name.clone(), value.into_string().map_err(not_text)?);
        }
    }
    Ok(found)
}

/// Those of the variables that are set, for the variables of a library, such as libpq.
///
/// # Errors
/// When one is not UTF-8.
#[cfg(any(feature = "kubernetes", feature = "postgres"))]
pub(crate) fn from_environment(names: &[&str]) -> Result<HashMap<String, String>, ConfigError> {
    read(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())
}

/// The file that a variable names, for a variable that is read before the settings.
#[expect(clippy::disallowed_methods, reason = "this is the only module that reads the environment")]
pub fn file_from_environment(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).filter(|path| !path.is_empty()).map(PathBuf::from)
}

//! The configuration file.

use std::collections::HashMap;
use std::path::Path;

use config::{Config, File, FileFormat};

use super::error::ConfigError;

/// The top-level values of the file.
pub(super) fn read(path: &Path) -> Result<HashMap<String, config::Value>, ConfigError> {
    let format = match path.extension().and_then(|extension| extension.to_str()) {
        Some("toml") => FileFormat::Toml,
        Some("json") => FileFormat::Json,
        _ => FileFormat::Yaml,
    };
    let text = std::fs::read_to_string(path)
        .map_err(|error| ConfigError::File { path: path.to_owned(), problem: error.to_string() })?;
    let parsed = Config::builder().add_source(File::from_str(&text, format)).build();
    Ok(parsed
        .and_then(|parsed| parsed.cache.into_table())
        .map_err(|error| parse_error(path, &error))?
        .into_iter()
        .collect())
}

/// The values as texts, by the variables' names in lower case.
pub(super) fn texts(
    path: &Path,
    table: HashMap<String, config::Value>,
    names: &[String],
) -> Result<HashMap<String, String>, ConfigError> {
    let mut values = HashMap::new();
    for (key, value) in table {
        let known =
            names.iter().find(|name| name.eq_ignore_ascii_case(&key)).ok_or_else(|| ConfigError::File {
                path: path.to_owned(),
                problem: format!("`{key}` is not a setting of this program; see --help for the ones it has"),
            })?;
        // The parser's own error would contain the value, which may be a secret.
        let text = value.into_string().map_err(|_| ConfigError::File {
            path: path.to_owned(),
            problem: format!("`{key}` must be a text, a number or true or false"),
        })?;
        values.insert(known.to_lowercase(), text);
    }
    Ok(values)
}

/// The first line of the parser's error, which contains the position. The other lines quote the file and may contain a
/// secret.
pub(super) fn parse_error(path: &Path, error: &config::ConfigError) -> ConfigError {
    let problem = error.to_string().lines().next().unwrap_or_default().to_owned();
    ConfigError::File { path: path.to_owned(), problem }
}

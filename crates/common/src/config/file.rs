//! The configuration file.

use std::collections::HashMap;
use std::path::Path;

use config::{Config, File, FileFormat};

use super::error::ConfigError;
use super::names::VariableNames;

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
    names: &VariableNames,
) -> Result<HashMap<String, String>, ConfigError> {
    let mut values = HashMap::new();
    for (key, value) in table {
        let invalid = |problem: &str| ConfigError::File {
            path: path.to_owned(),
            problem: format!("`{key}` {problem}"),
        };
        let known = names.find(&key);
        let name = known
            .ok_or_else(|| invalid("is not a setting of this program; see --help for the ones it has"))?;
        names.check_value(name, &value).map_err(invalid)?;
        // The parser's own error would contain the value, which may be a secret.
        let text = value.into_string().map_err(|_| invalid("must be a text, a number or true or false"))?;
        if values.insert(name.to_lowercase(), text).is_some() {
            return Err(invalid("is set twice; remove one"));
        }
    }
    Ok(values)
}

/// The first line of the parser's error, which contains the position. The other lines quote the file and may contain a
/// secret.
pub(super) fn parse_error(path: &Path, error: &config::ConfigError) -> ConfigError {
    let problem = error.to_string().lines().next().unwrap_or_default().to_owned();
    ConfigError::File { path: path.to_owned(), problem }
}

//! The configuration file.

use std::collections::HashMap;
use std::io;
use std::path::Path;

use config::{Config, File, FileFormat};
use serde_saphyr::UserMessageFormatter;

use super::error::ConfigError;
use super::input_file;
use super::names::VariableNames;
use super::unique_keys::UniqueKeys;
use crate::text::single_line;

/// The maximum length of a parser's message.
const MAX_PROBLEM: usize = 200;

/// The top-level values of the file.
pub(super) fn read(path: &Path) -> Result<HashMap<String, config::Value>, ConfigError> {
    let invalid = |problem: String| ConfigError::File { path: path.to_owned(), problem };
    let text = input_file::read_text(path).map_err(|error| match error.kind() {
        io::ErrorKind::InvalidData => invalid(error.to_string()),
        _ => invalid(format!("{error}; name a file that can be read in --config or CONFIG_FILE")),
    })?;
    let parse = |format| {
        let parsed = Config::builder().add_source(File::from_str(&text, format)).build();
        let table = parsed.and_then(|parsed| parsed.cache.into_table());
        table.map(|table| table.into_iter().collect()).map_err(|error| parse_error(path, &error))
    };
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("toml") => parse(FileFormat::Toml),
        Some("json") => {
            let table = parse(FileFormat::Json)?;
            let unique: Result<UniqueKeys, _> = serde_json::from_str(&text);
            unique.map_err(|error| invalid(single_line(&error.to_string(), MAX_PROBLEM)))?;
            Ok(table)
        }
        _ => parse_yaml(&text).map_err(|error| {
            let problem = error.render_with_formatter(&UserMessageFormatter);
            invalid(single_line(&problem, MAX_PROBLEM))
        }),
    }
}

/// Parses YAML within a budget that includes what aliases expand to: a kilobyte of nested aliases can stand for gigabytes.
fn parse_yaml(text: &str) -> Result<HashMap<String, config::Value>, serde_saphyr::Error> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_nodes: 50_000,
            max_total_scalar_bytes: 4 * 1024 * 1024,
        },
        strict_booleans: true,
        // An ignored tag, such as !!python/object, could mean something else to who wrote it.
        reject_unsupported_tags: true,
        // A snippet would contain a part of the file, which may be a secret.
        with_snippet: false,
    };
    let table: Option<_> = serde_saphyr::from_str_with_options(text, options)?;
    Ok(table.unwrap_or_default())
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

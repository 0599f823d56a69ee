//! The names of a program's variables, and the rules for those that are credentials.

use std::collections::HashMap;

use super::error::ConfigError;
use super::variable::{Variable, VariableKind};

const EMPTY: &str = "is set, but empty; set it to a value, or remove it";

/// The names in the environment, with `NAME_FILE` for each secret.
pub(super) struct VariableNames {
    pub(super) all: Vec<String>,
    credentials: Vec<String>,
}

impl VariableNames {
    pub(super) fn new(variables: &[Variable]) -> Self {
        let with_files = |variable: &Variable| {
            let file = (variable.kind == VariableKind::Secret).then(|| format!("{}_FILE", variable.name));
            [Some(variable.name.to_owned()), file].into_iter().flatten()
        };
        let texts = || variables.iter().filter(|variable| variable.kind != VariableKind::Structure);
        Self {
            all: texts().flat_map(with_files).collect(),
            credentials: texts().filter(|variable| variable.is_credential).flat_map(with_files).collect(),
        }
    }

    /// The variable that a key of the file sets.
    pub(super) fn find(&self, key: &str) -> Option<&str> {
        self.all.iter().find(|name| name.eq_ignore_ascii_case(key)).map(String::as_str)
    }

    /// Checks the variables of the environment.
    pub(super) fn check_not_empty(&self, values: &HashMap<String, String>) -> Result<(), ConfigError> {
        let is_empty = |name: &&String| values.get(*name).is_some_and(|value| value.trim().is_empty());
        match self.credentials.iter().find(is_empty) {
            Some(name) => Err(ConfigError::variable(name, EMPTY)),
            None => Ok(()),
        }
    }

    /// Checks a value of the file. The parser has already converted a number, so that its digits are lost: `0123` is 123.
    pub(super) fn check_value(&self, name: &str, value: &config::Value) -> Result<(), &'static str> {
        if !self.credentials.iter().any(|credential| credential == name) {
            return Ok(());
        }
        match &value.kind {
            config::ValueKind::String(text) if !text.trim().is_empty() => Ok(()),
            config::ValueKind::String(_) | config::ValueKind::Nil => Err(EMPTY),
            _ => Err("must be a text; put it in quotes"),
        }
    }
}

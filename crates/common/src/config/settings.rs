//! The values of a program's variables.

use std::collections::HashMap;
use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use config::{Config, Environment};
use secrecy::SecretString;
use serde::de::DeserializeOwned;

use super::error::ConfigError;
use super::names::VariableNames;
use super::parse_error::explain_parse_error;
use super::secret_source::SecretSource;
use super::variable::{DefaultValue, Variable, VariableKind};
use super::{environment, file};

/// The values of a program's variables.
pub struct Settings {
    values: Config,
    structures: HashMap<String, config::Value>,
    defaults: HashMap<&'static str, &'static str>,
    file: Option<PathBuf>,
}

impl Settings {
    /// Reads the file, if there is one (YAML, TOML or JSON by its extension), and the environment, which has priority.
    ///
    /// # Errors
    /// When the file can't be read or contains a key that is none of the variables, or a credential is set but empty.
    pub fn load(file: Option<&Path>, variables: &[Variable]) -> Result<Self, ConfigError> {
        let names = VariableNames::new(variables);
        let mut layers = Config::builder();
        let mut structures = HashMap::new();
        if let Some(path) = file {
            let mut table = file::read(path)?;
            for variable in variables.iter().filter(|variable| variable.kind == VariableKind::Structure) {
                let value = table.remove(&variable.name.to_lowercase());
                structures.extend(value.map(|value| (variable.name.to_owned(), value)));
            }
            for (key, value) in file::texts(path, table, &names)? {
                layers = layers.set_default(key, value).map_err(|error| file::parse_error(path, &error))?;
            }
        }
        let from_environment = environment::read(&names.all)?;
        names.check_not_empty(&from_environment)?;
        let environment = Environment::default().ignore_empty(true).source(Some(from_environment));
        let values = layers.add_source(environment).build();
        let values = values.map_err(|error| ConfigError::variable("the environment", error.to_string()))?;
        Ok(Self { values, structures, defaults: defaults(variables), file: file.map(Path::to_owned) })
    }

    /// The text of a variable without surrounding white space; None when it is unset or empty.
    pub fn text(&self, name: &str) -> Option<String> {
        let text = self.values.get_string(&name.to_lowercase()).ok()?;
        Some(text.trim().to_owned()).filter(|text| !text.is_empty())
    }

    /// The text of a variable, or its declared default when it is unset or empty.
    ///
    /// # Panics
    /// When the variable is declared without a default text, which is an error of the program.
    pub fn text_or_default(&self, name: &str) -> String {
        self.text(name).unwrap_or_else(|| {
            let default = self.defaults.get(name);
            (*default.unwrap_or_else(|| panic!("{name} has no default text"))).to_owned()
        })
    }

    /// A variable parsed as a `T`; None when it is unset.
    ///
    /// # Errors
    /// When the text can't be parsed as a `T`; the error contains the text.
    pub fn parsed<T>(&self, name: &str) -> Result<Option<T>, ConfigError>
    where
        T: FromStr<Err: Display + 'static>,
    {
        self.text(name).map(|text| parse(name, &text)).transpose()
    }

    /// A variable parsed as a `T`, or its declared default when it is unset.
    ///
    /// # Errors
    /// When the text can't be parsed as a `T`; the error contains the text.
    ///
    /// # Panics
    /// When the variable is declared without a default text, which is an error of the program.
    pub fn parsed_or_default<T>(&self, name: &str) -> Result<T, ConfigError>
    where
        T: FromStr<Err: Display + 'static>,
    {
        parse(name, &self.text_or_default(name))
    }

    /// A list or table of the file; None when it is absent.
    ///
    /// # Errors
    /// When it can't be deserialized as a `T`; the error contains the position.
    pub fn structure<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, ConfigError> {
        let invalid = |problem: String| ConfigError::File {
            path: self.file.clone().unwrap_or_default(),
            problem: format!("`{}`: {problem}", name.to_lowercase()),
        };
        // A `config::Value` converts types: it would round 1.5 and accept true where a number is expected.
        let read = |value: &config::Value| {
            let strict: serde_json::Value =
                value.clone().try_deserialize().map_err(|error| invalid(error.to_string()))?;
            serde_path_to_error::deserialize(strict).map_err(|error| invalid(error.to_string()))
        };
        self.structures.get(name).map(read).transpose()
    }

    /// The source of a secret: the variable itself, or the file that `NAME_FILE` names.
    ///
    /// # Errors
    /// When both are set.
    pub fn secret_source(&self, name: &str) -> Result<Option<SecretSource>, ConfigError> {
        let file_variable = format!("{name}_FILE");
        match (self.text(name), self.text(&file_variable)) {
            (Some(_), Some(_)) => {
                Err(ConfigError::variable(name, format!("{file_variable} is set too; set one of the two")))
            }
            (Some(value), None) => Ok(Some(SecretSource::Value(value.into()))),
            (None, Some(path)) => Ok(Some(SecretSource::File { variable: file_variable, path: path.into() })),
            (None, None) => Ok(None),
        }
    }

    /// A secret, from the variable itself or from the file that `NAME_FILE` names.
    ///
    /// # Errors
    /// When both are set, or the file can't be read or is empty.
    pub fn secret(&self, name: &str) -> Result<Option<SecretString>, ConfigError> {
        self.secret_source(name)?.map(|source| source.read()).transpose()
    }
}

fn defaults(variables: &[Variable]) -> HashMap<&'static str, &'static str> {
    let default = |variable: &Variable| match variable.default {
        DefaultValue::Text(text) => Some((variable.name, text)),
        DefaultValue::None | DefaultValue::Described(_) => None,
    };
    variables.iter().filter_map(default).collect()
}

fn parse<T>(name: &str, text: &str) -> Result<T, ConfigError>
where
    T: FromStr<Err: Display + 'static>,
{
    text.parse().map_err(|error| {
        ConfigError::variable(name, format!("{text:?} can't be used: {}", explain_parse_error(&error)))
    })
}

#[cfg(test)]
mod tests {
    use super::{Settings, Variable};

    /// Names that no environment sets.
    const VARIABLES: [Variable; 2] = [
        Variable::plain("TEST_SETTINGS_PORT", "a port").with_default("8000"),
        Variable::plain("TEST_SETTINGS_NAME", "a name"),
    ];

    fn settings(text: &str) -> Settings {
        let file = tempfile::Builder::new().suffix(".json").tempfile().expect("a temporary file");
        std::fs::write(file.path(), text).expect("the file can be written");
        Settings::load(Some(file.path()), &VARIABLES).expect("the file is valid")
    }

    #[test]
    fn a_default_applies_when_the_variable_is_unset_or_empty() {
        for text in ["{}", "{\"test_settings_port\": \" \"}"] {
            let settings = settings(text);
            assert_eq!(settings.parsed_or_default::<u16>("TEST_SETTINGS_PORT").ok(), Some(8000));
            assert_eq!(settings.text("TEST_SETTINGS_PORT"), None);
        }
        let settings = settings("{\"test_settings_port\": 9000}");
        assert_eq!(settings.parsed_or_default::<u16>("TEST_SETTINGS_PORT").ok(), Some(9000));
    }

    #[test]
    fn a_value_that_can_not_be_parsed_is_an_error_and_not_the_default() {
        let error =
            settings("{\"test_settings_port\": \"x\"}").parsed_or_default::<u16>("TEST_SETTINGS_PORT");
        let text = error.expect_err("x is not a port").to_string();
        assert!(text.starts_with("TEST_SETTINGS_PORT: \"x\" can't be used"), "{text}");
    }

    #[test]
    #[should_panic(expected = "TEST_SETTINGS_NAME has no default text")]
    fn a_default_that_is_not_declared_is_an_error_of_the_program() {
        settings("{}").text_or_default("TEST_SETTINGS_NAME");
    }
}

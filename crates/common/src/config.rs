//! Configuration from the environment, over an optional file.
//!
//! A program declares its variables once, as a list of [`Variable`]s: nothing else of the environment
//! is read, the `--help` text is made from the same list, and a key of the file that is not in it is
//! an error. The environment wins over the file. A secret `NAME` can also come from the file that
//! `NAME_FILE` names, as Kubernetes mounts it.

use std::collections::HashMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use config::{Config, Environment, File, FileFormat};
use secrecy::SecretString;
use serde::de::DeserializeOwned;

/// A variable that a program reads.
#[derive(Clone, Copy, Debug)]
pub struct Variable {
    /// Its name in the environment; files may write it in lower case.
    pub name: &'static str,
    /// What kind of value it has.
    pub kind: Kind,
    /// What it means and its default, in a few words.
    pub help: &'static str,
}

/// A kind of value.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// A text that may be shown.
    Plain,
    /// A text that is never shown, and can also be given as `NAME_FILE`.
    Secret,
    /// A list or a table, which only the file can hold.
    Structure,
}

impl Variable {
    /// A variable whose value may be shown.
    pub const fn plain(name: &'static str, help: &'static str) -> Self {
        Self { name, kind: Kind::Plain, help }
    }

    /// A variable whose value is never shown.
    pub const fn secret(name: &'static str, help: &'static str) -> Self {
        Self { name, kind: Kind::Secret, help }
    }

    /// A list or table of the configuration file.
    pub const fn structure(name: &'static str, help: &'static str) -> Self {
        Self { name, kind: Kind::Structure, help }
    }
}

/// The variables as a section of a help text.
pub fn help(variables: &[Variable]) -> String {
    let width = variables.iter().map(|variable| variable.name.len()).max().unwrap_or_default();
    let mut text =
        "Environment, or the same names in the file of --config (behind a semicolon: the default):\n"
            .to_owned();
    for Variable { name, kind, help } in variables {
        let mark = match kind {
            Kind::Plain => ' ',
            Kind::Secret => '*',
            Kind::Structure => '+',
        };
        let _ = writeln!(text, "  {name:width$}{mark} {help}");
    }
    text.push_str("  * a secret: NAME_FILE may name a file that holds it");
    if variables.iter().any(|variable| variable.kind == Kind::Structure) {
        text.push_str("\n  + a list or table: only the file can hold it, under the name in lower case");
    }
    text
}

/// A value that is missing or can't be used. It never shows a secret.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The configuration file can't be read, or holds what it must not.
    #[error("{}: {problem}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and what to do.
        problem: String,
    },
    /// A variable's value can't be used.
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

/// Where a secret comes from.
#[derive(Clone, Debug)]
pub enum SecretSource {
    /// The variable holds it.
    Value(SecretString),
    /// A file holds it, and may change while the program runs.
    File {
        /// The variable that names the file.
        variable: String,
        /// The file.
        path: PathBuf,
    },
}

impl SecretSource {
    /// The secret as it is now.
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
        let content = std::fs::read_to_string(path).map_err(|error| problem(error.to_string()))?;
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

/// The values of a program's variables.
pub struct Settings {
    values: Config,
    structures: HashMap<String, config::Value>,
    file: Option<PathBuf>,
}

impl Settings {
    /// Reads the file, where one is given (YAML, TOML or JSON by its ending), and the environment over it.
    ///
    /// # Errors
    /// [`ConfigError::File`] when the file can't be read or has a key that is none of the variables.
    pub fn load(file: Option<&Path>, variables: &[Variable]) -> Result<Self, ConfigError> {
        let file_keys = variables
            .iter()
            .filter(|variable| variable.kind == Kind::Secret)
            .map(|variable| format!("{}_FILE", variable.name));
        let texts = variables.iter().filter(|variable| variable.kind != Kind::Structure);
        let names: Vec<String> = texts.map(|variable| variable.name.to_owned()).chain(file_keys).collect();
        let mut layers = Config::builder();
        let mut structures = HashMap::new();
        if let Some(path) = file {
            let mut table = read_file(path)?;
            for variable in variables.iter().filter(|variable| variable.kind == Kind::Structure) {
                let value = table.remove(&variable.name.to_lowercase());
                structures.extend(value.map(|value| (variable.name.to_owned(), value)));
            }
            for (key, value) in texts_of(path, table, &names)? {
                layers = layers.set_default(key, value).map_err(|error| file_error(path, &error))?;
            }
        }
        let environment = Environment::default().ignore_empty(true).source(Some(environment(&names)?));
        let values = layers.add_source(environment).build();
        let values = values.map_err(|error| ConfigError::variable("the environment", error.to_string()))?;
        Ok(Self { values, structures, file: file.map(Path::to_owned) })
    }

    /// A variable's text without the white space around it; None when it is unset or empty.
    pub fn text(&self, name: &str) -> Option<String> {
        let text = self.values.get_string(&name.to_lowercase()).ok()?;
        Some(text.trim().to_owned()).filter(|text| !text.is_empty())
    }

    /// A variable read as a `T`; None when it is unset.
    ///
    /// # Errors
    /// When the text does not read as a `T`; the error shows the text.
    pub fn parsed<T>(&self, name: &str) -> Result<Option<T>, ConfigError>
    where
        T: FromStr<Err: std::fmt::Display>,
    {
        let parse = |text: String| {
            text.parse()
                .map_err(|error| ConfigError::variable(name, format!("{text:?} can't be used: {error}")))
        };
        self.text(name).map(parse).transpose()
    }

    /// A list or table of the file; None when it is not there.
    ///
    /// # Errors
    /// When it is not made as a `T` is; the error says where.
    pub fn structure<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, ConfigError> {
        let read = |value: &config::Value| {
            value.clone().try_deserialize().map_err(|error| ConfigError::File {
                path: self.file.clone().unwrap_or_default(),
                problem: format!("`{}`: {error}", name.to_lowercase()),
            })
        };
        self.structures.get(name).map(read).transpose()
    }

    /// Where a secret comes from: the variable itself, or the file that `NAME_FILE` names.
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

#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
fn environment(names: &[String]) -> Result<HashMap<String, String>, ConfigError> {
    let mut found = HashMap::new();
    for name in names {
        if let Some(value) = std::env::var_os(name) {
            let not_text = |_| ConfigError::variable(name, "is not UTF-8; set it to a text");
            found.insert(name.clone(), value.into_string().map_err(not_text)?);
        }
    }
    Ok(found)
}

/// Those of the variables that are set, for a library's own variables, such as libpq's.
///
/// # Errors
/// When one is not UTF-8.
#[cfg(feature = "postgres")]
pub(crate) fn from_environment(names: &[&str]) -> Result<HashMap<String, String>, ConfigError> {
    environment(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())
}

fn read_file(path: &Path) -> Result<HashMap<String, config::Value>, ConfigError> {
    let format = match path.extension().and_then(|ending| ending.to_str()) {
        Some("toml") => FileFormat::Toml,
        Some("json") => FileFormat::Json,
        _ => FileFormat::Yaml,
    };
    let text = std::fs::read_to_string(path)
        .map_err(|error| ConfigError::File { path: path.to_owned(), problem: error.to_string() })?;
    let parsed = Config::builder().add_source(File::from_str(&text, format)).build();
    Ok(parsed
        .and_then(|parsed| parsed.cache.into_table())
        .map_err(|error| file_error(path, &error))?
        .into_iter()
        .collect())
}

fn texts_of(
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
        // The reader's own words would repeat the value, which may be a secret.
        let text = value.into_string().map_err(|_| ConfigError::File {
            path: path.to_owned(),
            problem: format!("`{key}` must be a text, a number or true or false"),
        })?;
        values.insert(known.to_lowercase(), text);
    }
    Ok(values)
}

/// The parser's words say where; the text they quote may hold a secret, so only the first line goes on.
fn file_error(path: &Path, error: &config::ConfigError) -> ConfigError {
    let problem = error.to_string().lines().next().unwrap_or_default().to_owned();
    ConfigError::File { path: path.to_owned(), problem }
}

/// The file that a variable names, before any settings are read: it is where they are.
#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
pub fn file_from_environment(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).filter(|path| !path.is_empty()).map(PathBuf::from)
}

//! Reads and checks single values.

use common::config::{ConfigError, Settings};
use reqwest::Url;
use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString};

/// The value of a required variable.
pub(super) fn required<T: Clone>(value: Option<&T>, name: &str, fix: &str) -> Result<T, ConfigError> {
    value.cloned().ok_or_else(|| ConfigError::variable(name, format!("is not set; {fix}")))
}

/// The value of a required secret.
pub(super) fn required_secret<T: Clone>(value: Option<&T>, name: &str, fix: &str) -> Result<T, ConfigError> {
    let missing = || ConfigError::variable(name, format!("is not set, nor is {name}_FILE; {fix}"));
    value.cloned().ok_or_else(missing)
}

/// A secret that is sent in a header.
pub(super) fn token(settings: &Settings, name: &str) -> Result<Option<SecretString>, ConfigError> {
    let token = settings.secret(name)?;
    match &token {
        Some(secret) if HeaderValue::from_str(secret.expose_secret()).is_err() => Err(ConfigError::variable(
            name,
            "contains characters that an HTTP header can't contain; correct it",
        )),
        _ => Ok(token),
    }
}

/// An id that becomes a part of a URL's path.
pub(super) fn id(settings: &Settings, name: &str) -> Result<Option<String>, ConfigError> {
    let id = settings.text(name);
    let is_id = |id: &String| id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    match id {
        Some(id) if !is_id(&id) => {
            let problem = format!("{id:?} can't be used: an id has letters, digits and dashes only");
            Err(ConfigError::variable(name, problem))
        }
        _ => Ok(id),
    }
}

/// An http or https URL without a trailing slash.
pub(super) fn url(settings: &Settings, name: &str, default: &str) -> Result<String, ConfigError> {
    let text = settings.text(name).unwrap_or_else(|| default.to_owned());
    let problem =
        |problem: &str| ConfigError::variable(name, format!("{problem}; set it to a URL such as {default}"));
    let url = Url::parse(&text).map_err(|error| problem(&format!("is not a valid URL: {error}")))?;
    if !["http", "https"].contains(&url.scheme()) {
        Err(problem("is not an http or https URL"))
    } else if !url.username().is_empty() || url.password().is_some() {
        Err(problem("contains a user or password; use a token instead"))
    } else if url.query().is_some() || url.fragment().is_some() {
        Err(problem("contains a query or fragment"))
    } else {
        Ok(text.trim_end_matches('/').to_owned())
    }
}

//! The environment in which the service is deployed.

use std::str::FromStr;

use common::config::{ConfigError, Settings};

/// The environment in which the service is deployed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Environment {
    /// A developer's machine.
    Development,
    /// A test of a release.
    Staging,
    /// The real one.
    Production,
}

impl Environment {
    /// The word of the setting.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Development => "development",
            Self::Staging => "staging",
            Self::Production => "production",
        }
    }
}

impl FromStr for Environment {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::Development, Self::Staging, Self::Production]
            .into_iter()
            .find(|environment| environment.as_str() == text)
            .ok_or("set it to development, staging or production")
    }
}

/// `DEPLOYMENT_VERSION`, as `v1.2.3` or `v1.2.3-word`.
pub(super) fn deployment_version(settings: &Settings) -> Result<String, ConfigError> {
    let name = "DEPLOYMENT_VERSION";
    let version = settings.text_or_default(name);
    if is_version(&version) {
        return Ok(version);
    }
    Err(ConfigError::variable(name, format!("{version:?} is not of the form v1.2.3 or v1.2.3-word")))
}

fn is_version(text: &str) -> bool {
    let Some(rest) = text.strip_prefix('v') else { return false };
    let (numbers, word) = rest.split_once('-').map_or((rest, None), |(numbers, word)| (numbers, Some(word)));
    let parts: Vec<&str> = numbers.split('.').collect();
    let is_number = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let is_word = |word: &str| {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
        !word.is_empty() && word.bytes().all(is_allowed)
    };
    parts.len() == 3 && parts.iter().all(is_number) && word.is_none_or(is_word)
}

#[cfg(test)]
mod tests {
    use super::is_version;

    #[test]
    fn a_version_has_three_numbers_and_may_have_a_word() {
        for version in ["v1.2.3", "v10.0.0-demo", "v1.0.0-rc.1"] {
            assert!(is_version(version), "{version}");
        }
        for version in ["1.2.3", "v1.2", "v1.2.3-", "v1.2.x", "v1.2.3 ", "v1.2.3.4", "v1.2.3-ä"] {
            assert!(!is_version(version), "{version}");
        }
    }
}

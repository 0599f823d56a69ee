//! The settings of the environment, combined with the options.

use std::fmt::Write;
use std::path::Path;

use common::config::{ConfigError, Settings, Variable};
use secrecy::SecretString;

use crate::hints::Hints;

/// The release that the chart `tradeops` installs by default.
const DEFAULT_RELEASE: &str = "tradeops";

/// The variables that the program reads, besides `KUBECONFIG`.
pub const VARIABLES: [Variable; 5] = [
    Variable::plain("TRADEOPS_URL", "the address of trigger-api, such as http://localhost:8000")
        .with_default_described("a port-forward to the release"),
    Variable::secret("TRADEOPS_TOKEN", "a token or secret that trigger-api accepts")
        .with_default_described("the one of the release's Secret"),
    Variable::plain("TRADEOPS_NAMESPACE", "the namespace of the release")
        .with_default_described("that of the kubeconfig, or the only one that has the release"),
    Variable::plain("TRADEOPS_RELEASE", "the name of the release").with_default(DEFAULT_RELEASE),
    Variable::plain("TRADEOPS_COMMAND", "how messages write commands of this program")
        .with_default_described("tradeops, with the options that select the release"),
];

/// The settings.
#[derive(Debug)]
pub struct Config {
    /// The address of trigger-api, if it is reached without the cluster.
    pub url: Option<String>,
    /// The credential, if it does not come from the cluster.
    pub token: Option<SecretString>,
    /// The namespace, if one is named.
    pub namespace: Option<String>,
    /// The name of the release.
    pub release: String,
    /// Writes commands.
    pub hints: Hints,
}

impl Config {
    /// Reads the environment; the options have precedence.
    ///
    /// # Errors
    /// When a variable can't be used.
    pub fn load(namespace: Option<String>, release: Option<String>) -> Result<Self, ConfigError> {
        let settings = Settings::load(None, &VARIABLES)?;
        let url = settings.text("TRADEOPS_URL").map(|url| check_url(&url)).transpose()?;
        let mut prefix = settings.text("TRADEOPS_COMMAND").unwrap_or_else(program);
        if let Some(namespace) = &namespace {
            let _ = write!(prefix, " -n {namespace}");
        }
        if let Some(release) = &release {
            let _ = write!(prefix, " --release {release}");
        }
        Ok(Self {
            url,
            token: settings.secret("TRADEOPS_TOKEN")?,
            namespace: namespace.or_else(|| settings.text("TRADEOPS_NAMESPACE")),
            release: release.unwrap_or_else(|| settings.text_or_default("TRADEOPS_RELEASE")),
            hints: Hints::new(prefix),
        })
    }
}

/// The program as the operator calls it. kubectl runs `kubectl-tradeops` for `kubectl tradeops`.
fn program() -> String {
    let path = std::env::args_os().next().unwrap_or_default();
    let is_plugin = Path::new(&path).file_name().is_some_and(|name| name == "kubectl-tradeops");
    if is_plugin { "kubectl tradeops".to_owned() } else { "tradeops".to_owned() }
}

/// The URL without a slash at its end.
fn check_url(url: &str) -> Result<String, ConfigError> {
    let invalid = |problem: &str| Err(ConfigError::variable("TRADEOPS_URL", problem));
    let Ok(parsed) = reqwest::Url::parse(url) else {
        return invalid("is not a URL; use one such as http://localhost:8000");
    };
    if !matches!(parsed.scheme(), "http" | "https") || !parsed.has_host() {
        return invalid("is not an http or https URL; use one such as http://localhost:8000");
    }
    if !parsed.username().is_empty() || parsed.password().is_some() {
        return invalid("contains a user or a password; put the credential into TRADEOPS_TOKEN");
    }
    Ok(url.trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::check_url;

    #[test]
    fn a_url_is_http_and_has_no_credential() {
        assert_eq!(check_url("http://localhost:8000/").ok().as_deref(), Some("http://localhost:8000"));
        assert_eq!(check_url("https://a/base/").ok().as_deref(), Some("https://a/base"));
        for wrong in ["localhost:8000", "ftp://a", "a b", "http://user:hunter2@a", "http://"] {
            let error = check_url(wrong).expect_err(wrong).to_string();
            assert!(error.starts_with("TRADEOPS_URL: ") && !error.contains("hunter2"), "{error}");
        }
    }
}

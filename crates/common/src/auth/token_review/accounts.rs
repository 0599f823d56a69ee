//! Lists of ServiceAccounts in the configuration.

use crate::config::{ConfigError, Settings};

/// A ServiceAccount.
#[derive(Clone, Copy)]
pub(super) struct Account<'a> {
    pub(super) namespace: &'a str,
    pub(super) name: &'a str,
}

impl<'a> Account<'a> {
    /// The account of a user name, where it is a ServiceAccount's.
    pub(super) fn from_username(username: &'a str) -> Option<Self> {
        let (namespace, name) = username.strip_prefix("system:serviceaccount:")?.split_once(':')?;
        (is_name(namespace) && is_name(name)).then_some(Self { namespace, name })
    }
}

/// A list of ServiceAccounts.
#[derive(Default)]
pub(super) struct Accounts(Vec<Pattern>);

struct Pattern {
    namespace: String,
    /// None: every account of the namespace.
    name: Option<String>,
}

impl Accounts {
    /// A list of `namespace/name`, with commas between.
    pub(super) fn named(settings: &Settings, variable: &str) -> Result<Self, ConfigError> {
        Self::parse(settings, variable, |text| Pattern::parse(text).filter(|pattern| pattern.name.is_some()))
    }

    /// A list of `namespace/name` and `namespace/*`, with commas between.
    pub(super) fn named_or_whole_namespaces(
        settings: &Settings,
        variable: &str,
    ) -> Result<Self, ConfigError> {
        Self::parse(settings, variable, Pattern::parse)
    }

    fn parse(
        settings: &Settings,
        variable: &str,
        read: impl Fn(&str) -> Option<Pattern>,
    ) -> Result<Self, ConfigError> {
        let Some(text) = settings.text(variable) else { return Ok(Self::default()) };
        let read = |item: &str| {
            read(item).ok_or_else(|| {
                ConfigError::variable(variable, format!("{item:?} can't be used; write NAMESPACE/NAME"))
            })
        };
        // An item that is empty is an error too: a list of nothing else would mean everybody.
        text.split(',').map(str::trim).map(read).collect::<Result<_, _>>().map(Self)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn contain(&self, account: Account<'_>) -> bool {
        self.0.iter().any(|pattern| {
            pattern.namespace == account.namespace
                && pattern.name.as_ref().is_none_or(|name| name == account.name)
        })
    }
}

impl Pattern {
    fn parse(text: &str) -> Option<Self> {
        let (namespace, name) = text.split_once('/')?;
        let name = match name {
            "*" => None,
            name if is_name(name) => Some(name.to_owned()),
            _ => return None,
        };
        is_name(namespace).then(|| Self { namespace: namespace.to_owned(), name })
    }
}

/// Whether Kubernetes could have given this name: small letters, digits, dashes and dots.
fn is_name(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte);
    !text.is_empty() && text.bytes().all(allowed)
}

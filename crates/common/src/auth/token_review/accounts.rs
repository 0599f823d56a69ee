//! ServiceAccounts, and lists of them in the configuration.

use crate::config::{ConfigError, Settings};

/// The name of a ServiceAccount.
#[derive(Clone, Copy)]
pub(super) struct AccountName<'a> {
    pub(super) namespace: &'a str,
    pub(super) name: &'a str,
}

impl<'a> AccountName<'a> {
    /// The ServiceAccount of a user name; None for other users.
    pub(super) fn from_username(username: &'a str) -> Option<Self> {
        let (namespace, name) = username.strip_prefix("system:serviceaccount:")?.split_once(':')?;
        (is_name(namespace) && is_name(name)).then_some(Self { namespace, name })
    }
}

/// A list of ServiceAccounts.
#[derive(Default)]
pub(super) struct AccountList(Vec<AccountPattern>);

struct AccountPattern {
    namespace: String,
    /// None matches every account of the namespace.
    name: Option<String>,
}

impl AccountList {
    /// A comma-separated list of `namespace/name`.
    pub(super) fn named(settings: &Settings, variable: &str) -> Result<Self, ConfigError> {
        Self::parse(settings, variable, |text| {
            AccountPattern::parse(text).filter(|pattern| pattern.name.is_some())
        })
    }

    /// A comma-separated list of `namespace/name` and `namespace/*`.
    pub(super) fn named_or_whole_namespaces(
        settings: &Settings,
        variable: &str,
    ) -> Result<Self, ConfigError> {
        Self::parse(settings, variable, AccountPattern::parse)
    }

    fn parse(
        settings: &Settings,
        variable: &str,
        parse_item: impl Fn(&str) -> Option<AccountPattern>,
    ) -> Result<Self, ConfigError> {
        let Some(text) = settings.text(variable) else { return Ok(Self::default()) };
        let read = |item: &str| {
            parse_item(item).ok_or_else(|| {
                ConfigError::variable(variable, format!("{item:?} can't be used; write NAMESPACE/NAME"))
            })
        };
        // An empty item is an error too: a list of empty items would be an empty list, which allows all accounts.
        text.split(',').map(str::trim).map(read).collect::<Result<_, _>>().map(Self)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn contains(&self, account: AccountName<'_>) -> bool {
        self.0.iter().any(|pattern| {
            pattern.namespace == account.namespace
                && pattern.name.as_ref().is_none_or(|name| name == account.name)
        })
    }
}

impl AccountPattern {
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

/// Whether Kubernetes accepts this name: lower-case letters, digits, dashes and dots.
fn is_name(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte);
    !text.is_empty() && text.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::{AccountList, AccountName, AccountPattern};

    fn account<'a>(namespace: &'a str, name: &'a str) -> AccountName<'a> {
        AccountName { namespace, name }
    }

    #[test]
    fn only_user_names_of_service_accounts_have_an_account() {
        let account = AccountName::from_username("system:serviceaccount:trading:dashboard");
        assert!(account.is_some_and(|account| (account.namespace, account.name) == ("trading", "dashboard")));
        for other in ["alice", "system:serviceaccount:trading", "system:serviceaccount::x"] {
            assert!(AccountName::from_username(other).is_none(), "{other}");
        }
    }

    #[test]
    fn a_pattern_with_an_asterisk_matches_its_namespace_only() {
        let list = AccountList(
            ["jobs/*", "trading/dashboard"].into_iter().filter_map(AccountPattern::parse).collect(),
        );
        assert!(list.contains(account("jobs", "any")) && list.contains(account("trading", "dashboard")));
        assert!(!list.contains(account("jobs-2", "any")) && !list.contains(account("trading", "other")));
    }

    #[test]
    fn a_pattern_is_a_namespace_and_a_name() {
        for wrong in ["", "ops", "ops/", "/admin", "ops/admin/x", "Ops/admin", "*/admin", "*/*"] {
            assert!(AccountPattern::parse(wrong).is_none(), "{wrong}");
        }
    }
}

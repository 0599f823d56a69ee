//! The values of an address, completed from the environment.

use super::conninfo::Parameters;
use super::environment::Environment;
use super::keywords;

/// The values of keywords, from the address or else from the environment.
pub(super) struct Values<'a> {
    pub(super) parameters: Parameters,
    pub(super) environment: &'a Environment,
}

impl Values<'_> {
    /// A value that is not empty. An empty value in the address overrides the environment.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let variable = || self.environment.variable(keywords::find(name)?.variable?);
        let value = self.parameters.get(name).map(String::as_str).or_else(variable);
        value.filter(|value| !value.is_empty())
    }

    /// Whether both the address and the environment set a value that is not empty.
    pub(super) fn is_set_twice(&self, name: &str) -> bool {
        let variable = keywords::find(name).and_then(|keyword| self.environment.variable(keyword.variable?));
        let parameter = self.parameters.get(name).map(String::as_str);
        [parameter, variable].into_iter().all(|value| value.is_some_and(|value| !value.is_empty()))
    }

    /// A comma-separated value; empty when it is unset.
    pub(super) fn list(&self, name: &str) -> Vec<&str> {
        self.get(name).map_or_else(Vec::new, |list| list.split(',').map(str::trim).collect())
    }
}

//! The claim that makes a caller an administrator: `JWT_ADMIN_CLAIM`.

use std::str::FromStr;

use serde_json::Value;

use super::compact::Claims;

/// A claim and the value that it must have.
pub(super) struct AdminClaim {
    path: String,
    value: String,
}

impl AdminClaim {
    /// Whether the claim is that text, a list of words (as `scope` is, RFC 8693, section 4.2) that contains it, or an
    /// array that contains it.
    pub(super) fn matches(&self, claims: &Claims) -> bool {
        match self.find(claims) {
            Some(Value::String(text)) => {
                text == &self.value || text.split(' ').any(|word| word == self.value)
            }
            Some(Value::Array(items)) => items.iter().any(|item| item.as_str() == Some(&self.value)),
            _ => false,
        }
    }

    /// The name of a claim may contain dots, as URLs do. Such a claim has priority over a nested one.
    fn find<'c>(&self, claims: &'c Claims) -> Option<&'c Value> {
        if let Some(value) = claims.get(&self.path) {
            return Some(value);
        }
        let mut steps = self.path.split('.');
        let first = claims.get(steps.next()?)?;
        steps.try_fold(first, |value, step| value.as_object()?.get(step))
    }
}

impl FromStr for AdminClaim {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('=').map(|(path, value)| (path.trim(), value.trim())) {
            Some((path, value)) if !path.is_empty() && !value.is_empty() => {
                Ok(Self { path: path.to_owned(), value: value.to_owned() })
            }
            _ => Err("write it as CLAIM=VALUE, such as role=admin or realm_access.roles=admin"),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::AdminClaim;

    fn matches(setting: &str, claims: Value) -> bool {
        let Value::Object(claims) = claims else { unreachable!("claims are an object") };
        setting.parse::<AdminClaim>().is_ok_and(|claim| claim.matches(&claims))
    }

    #[test]
    fn a_name_with_dots_has_priority_over_a_path() {
        let both = json!({ "a.b": "user", "a": { "b": "admin" } });
        assert!(!matches("a.b=admin", both));
        assert!(matches("a.b=admin", json!({ "a": { "b": ["x", "admin"] } })));
    }

    #[test]
    fn a_word_matches_as_a_whole() {
        assert!(matches("scope=admin", json!({ "scope": "read admin" })));
        assert!(!matches("scope=admin", json!({ "scope": "read administrator" })));
        assert!(!matches("scope=admin", json!({ "scope": ["read admin"] })));
    }
}

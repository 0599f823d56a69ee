//! The claims that make a caller an administrator: `JWT_ADMIN_CLAIM`.

use std::str::FromStr;

use serde_json::Value;

use super::compact::Claims;

/// A claim whose value is a list of words, by its definition (RFC 8693, section 4.2).
const SCOPE: &str = "scope";

/// Claims, any of which is enough.
pub(super) struct AdminClaims(Vec<AdminClaim>);

/// A claim and the value that it must have.
struct AdminClaim {
    path: String,
    value: String,
}

impl AdminClaims {
    pub(super) fn matches(&self, claims: &Claims) -> bool {
        self.0.iter().any(|claim| claim.matches(claims))
    }
}

/// One claim per line, because a value may contain any other character, as the names of LDAP do.
impl FromStr for AdminClaims {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.lines()
            .filter(|line| !line.trim().is_empty())
            .map(str::parse)
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

impl AdminClaim {
    /// Whether the claim is the value, or an array that contains it. A text is compared as a whole: only `scope` is a list
    /// of words.
    fn matches(&self, claims: &Claims) -> bool {
        match self.find(claims) {
            Some(Value::String(text)) if self.path == SCOPE => text.split(' ').any(|word| word == self.value),
            Some(Value::String(text)) => text == &self.value,
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
            _ => Err("write it as CLAIM=VALUE, such as role=admin or realm_access.roles=admin; one per line"),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::AdminClaims;

    fn matches(setting: &str, claims: Value) -> bool {
        let Value::Object(claims) = claims else { unreachable!("claims are an object") };
        setting.parse::<AdminClaims>().is_ok_and(|admins| admins.matches(&claims))
    }

    #[test]
    fn a_name_with_dots_has_priority_over_a_path() {
        let both = json!({ "a.b": "user", "a": { "b": "admin" } });
        assert!(!matches("a.b=admin", both));
        assert!(matches("a.b=admin", json!({ "a": { "b": ["x", "admin"] } })));
    }

    #[test]
    fn a_claim_is_compared_as_a_whole_and_a_scope_by_its_words() {
        for other in
            ["not admin", "read admin write", "admin ", " admin", "Admin", "admin,user", "administrator"]
        {
            assert!(!matches("role=admin", json!({ "role": other })), "{other}");
            assert!(!matches("role=admin", json!({ "role": [other] })), "{other}");
        }
        assert!(matches("role=not admin", json!({ "role": "not admin" })));
        assert!(matches("scope=admin", json!({ "scope": "read admin" })));
        assert!(!matches("scope=admin", json!({ "scope": "read administrator" })));
        assert!(!matches("scope=admin", json!({ "scope": ["read admin"] })));
        assert!(!matches("a.scope=admin", json!({ "a": { "scope": "read admin" } })));
    }

    #[test]
    fn one_of_several_claims_is_enough() {
        let setting = "role=admin\n\n sub = auth0|62f3 \nsub=CN=bob,OU=ops\n";
        for subject in ["auth0|62f3", "CN=bob,OU=ops"] {
            assert!(matches(setting, json!({ "sub": subject })), "{subject}");
        }
        assert!(matches(setting, json!({ "sub": "eve", "role": "admin" })));
        for subject in ["eve", "62f3", "CN=bob", "auth0|62f3\nCN=bob,OU=ops"] {
            assert!(!matches(setting, json!({ "sub": subject })), "{subject}");
        }
        for wrong in ["role=admin\nalice", "=admin", "role="] {
            assert!(wrong.parse::<AdminClaims>().is_err(), "{wrong}");
        }
    }
}

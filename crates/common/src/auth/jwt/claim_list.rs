//! Lists of claims, such as `JWT_ADMIN_CLAIM`.

use std::str::FromStr;

use serde_json::Value;

use super::compact::Claims;

/// A claim whose value is a list of words, by its definition (RFC 8693, section 4.2).
const SCOPE: &str = "scope";

/// A line that every token matches.
const ANY: &str = "*";

/// Claims, any of which is enough.
#[derive(Default)]
pub(super) struct ClaimList(Vec<ExpectedClaim>);

/// What a line of the list requires.
enum ExpectedClaim {
    /// Nothing.
    Any,
    /// A claim and the value that it must have.
    Value { path: String, value: String },
}

impl ClaimList {
    pub(super) fn matches(&self, claims: &Claims) -> bool {
        self.0.iter().any(|claim| claim.matches(claims))
    }

    /// Whether every token matches.
    pub(super) fn has_any(&self) -> bool {
        self.0.iter().any(|claim| matches!(claim, ExpectedClaim::Any))
    }
}

/// One claim per line, because a value may contain any other character, as the names of LDAP do.
impl FromStr for ClaimList {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.lines()
            .filter(|line| !line.trim().is_empty())
            .map(str::parse)
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

impl ExpectedClaim {
    /// Whether the claim is the value, or an array that contains it. A text is compared as a whole: only `scope` is a list
    /// of words.
    fn matches(&self, claims: &Claims) -> bool {
        let Self::Value { path, value } = self else { return true };
        match find(path, claims) {
            Some(Value::String(text)) if path == SCOPE => text.split(' ').any(|word| word == value),
            Some(Value::String(text)) => text == value,
            Some(Value::Array(items)) => items.iter().any(|item| item.as_str() == Some(value)),
            _ => false,
        }
    }
}

/// The name of a claim may contain dots, as URLs do. Such a claim has priority over a nested one.
fn find<'c>(path: &str, claims: &'c Claims) -> Option<&'c Value> {
    if let Some(value) = claims.get(path) {
        return Some(value);
    }
    let mut steps = path.split('.');
    let first = claims.get(steps.next()?)?;
    steps.try_fold(first, |value, step| value.as_object()?.get(step))
}

impl FromStr for ExpectedClaim {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.trim() == ANY {
            return Ok(Self::Any);
        }
        match text.split_once('=').map(|(path, value)| (path.trim(), value.trim())) {
            Some((path, value)) if !path.is_empty() && !value.is_empty() => {
                Ok(Self::Value { path: path.to_owned(), value: value.to_owned() })
            }
            _ => Err("write it as CLAIM=VALUE, such as role=admin or realm_access.roles=admin; one per line"),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::ClaimList;

    fn matches(setting: &str, claims: Value) -> bool {
        let Value::Object(claims) = claims else { unreachable!("claims are an object") };
        setting.parse::<ClaimList>().is_ok_and(|list| list.matches(&claims))
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
        for wrong in ["role=admin\nalice", "=admin", "role=", "**"] {
            assert!(wrong.parse::<ClaimList>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_asterisk_alone_matches_every_token_and_none_as_a_value() {
        assert!(matches("role=ops\n * ", json!({})));
        assert!(!matches("role=*", json!({ "role": "ops" })));
        assert!(!ClaimList::default().matches(&serde_json::Map::new()));
    }
}

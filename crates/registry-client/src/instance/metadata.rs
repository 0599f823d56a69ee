//! The metadata of instances.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::lenient_json::rewrite;

/// Further data of an instance: a JSON object. It is kept as text, because a parsed number can have fewer digits than the
/// stored one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Metadata(Box<str>);

impl Metadata {
    /// The value of a name.
    pub fn get(&self, name: &str) -> Option<Value> {
        serde_json::from_str::<Map<String, Value>>(&self.0).ok()?.remove(name)
    }

    /// The compact JSON.
    pub fn as_json(&self) -> &str {
        &self.0
    }

    /// The metadata with this JSON object.
    pub(super) fn of_object(json: &str) -> Self {
        Self(rewrite(json, without_whitespace, without_escapes).into())
    }

    /// Adds a value, unless the name has one.
    pub(super) fn add(&mut self, name: &str, json: &str) {
        if self.get(name).is_some() {
            return;
        }
        let fields = self.0.strip_suffix('}').unwrap_or("{");
        let separator = if fields == "{" { "" } else { "," };
        *self = Self::of_object(&format!("{fields}{separator}{}:{json}}}", Value::from(name)));
    }
}

impl Default for Metadata {
    fn default() -> Self {
        Self("{}".into())
    }
}

impl From<Map<String, Value>> for Metadata {
    fn from(fields: Map<String, Value>) -> Self {
        Self(Value::Object(fields).to_string().into())
    }
}

fn without_whitespace(between: &str) -> Cow<'_, str> {
    if between.contains(char::is_whitespace) {
        Cow::Owned(between.split_whitespace().collect())
    } else {
        Cow::Borrowed(between)
    }
}

/// The string with as few escapes as possible.
fn without_escapes(string: &str) -> Cow<'_, str> {
    let unescaped = string.contains('\\').then(|| serde_json::from_str::<Value>(string).ok()).flatten();
    unescaped.map_or(Cow::Borrowed(string), |value| Cow::Owned(value.to_string()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Metadata;

    #[test]
    fn the_json_is_compact_and_its_numbers_stay_as_they_are() {
        let stored = "{ \"a b\" : [ 340282366920938463463374607431768211456,\n1.10 , -0 ],\t\"c\\u00e4\": \"x  \\n\\u0041\" }";
        let metadata = Metadata::of_object(stored);
        let compact = r#"{"a b":[340282366920938463463374607431768211456,1.10,-0],"cä":"x  \nA"}"#;
        assert_eq!(metadata.as_json(), compact);
        assert_eq!((metadata.get("cä"), metadata.get("none")), (Some(json!("x  \nA")), None));
    }

    #[test]
    fn a_value_is_added_unless_the_name_has_one() {
        let mut metadata = Metadata::default();
        metadata.add("a", "1");
        metadata.add("a", "2");
        metadata.add("b", "{}");
        assert_eq!((metadata.get("a"), metadata.get("b")), (Some(json!(1)), Some(json!({}))));
        assert_eq!(metadata, Metadata::of_object(metadata.as_json()));
    }
}

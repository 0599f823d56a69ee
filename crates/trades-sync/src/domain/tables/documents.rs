//! Compares two JSON documents of a day by meaning, because other programs may write the same day differently.
//!
//! The order of keys is ignored, and also the order of points and holdings, which are sets. `null`, an empty text, an
//! empty list and an empty object equal an absent value. A number equals its text.

use serde_json::Value;

use crate::domain::numeric_text;

/// A place where two documents differ. None is an absent value.
pub(super) struct Difference {
    pub(super) path: String,
    pub(super) expected: Option<Value>,
    pub(super) stored: Option<Value>,
}

/// The first difference between two documents.
pub(super) fn first_difference(mut expected: Value, mut stored: Value) -> Option<Difference> {
    for document in [&mut expected, &mut stored] {
        sort_sets(document);
    }
    compare(Some(&expected), Some(&stored), "")
}

fn compare(expected: Option<&Value>, stored: Option<&Value>, path: &str) -> Option<Difference> {
    match (expected, stored) {
        (Some(Value::Object(expected)), Some(Value::Object(stored))) => {
            let added = stored.keys().filter(|key| !expected.contains_key(*key));
            let mut keys = expected.keys().chain(added);
            keys.find_map(|key| compare(expected.get(key), stored.get(key), &joined(path, key)))
        }
        (Some(Value::Array(expected)), Some(Value::Array(stored))) => {
            let (expected, stored) = (elements(expected), elements(stored));
            (0..expected.len().max(stored.len())).find_map(|index| {
                let (expected, stored) = (expected.get(index).copied(), stored.get(index).copied());
                compare(expected, stored, &format!("{path}[{index}]"))
            })
        }
        _ if are_equal(expected, stored) => None,
        _ => Some(Difference { path: path.to_owned(), expected: expected.cloned(), stored: stored.cloned() }),
    }
}

/// Whether two values, not both objects or both lists, have the same meaning.
fn are_equal(expected: Option<&Value>, stored: Option<&Value>) -> bool {
    match (expected, stored) {
        (Some(Value::String(expected)), Some(Value::String(stored))) => expected == stored,
        (Some(Value::Bool(expected)), Some(Value::Bool(stored))) => expected == stored,
        _ => match number(expected).zip(number(stored)) {
            Some((expected, stored)) => numeric_text::equals_stored(expected, stored),
            None => is_empty(expected) && is_empty(stored),
        },
    }
}

fn number(value: Option<&Value>) -> Option<f64> {
    match value? {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => numeric_text::number(text.trim()),
        _ => None,
    }
}

fn is_empty(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null) => true,
        Some(Value::String(text)) => text.is_empty(),
        Some(Value::Array(items)) => items.iter().all(Value::is_null),
        Some(Value::Object(entries)) => entries.values().all(|value| is_empty(Some(value))),
        Some(Value::Bool(_) | Value::Number(_)) => false,
    }
}

/// The elements, without those that are `null`.
fn elements(items: &[Value]) -> Vec<&Value> {
    items.iter().filter(|item| !item.is_null()).collect()
}

fn joined(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// Sorts points by their times, and holdings by their keys.
fn sort_sets(document: &mut Value) {
    if let Some(Value::Object(series)) = document.get_mut("seriesByKpi") {
        series.values_mut().for_each(|points| sort_by_fields(points, &["t"]));
    }
    if let Some(assets) = document.get_mut("portfolioAssets") {
        sort_by_fields(assets, &["trade_id", "contract_name"]);
    }
}

fn sort_by_fields(list: &mut Value, fields: &[&str]) {
    let text = |value: &Value| match number(Some(value)) {
        Some(number) => number.to_string(),
        None => value.as_str().unwrap_or_default().to_owned(),
    };
    if let Value::Array(items) = list {
        items.sort_by_cached_key(|item| {
            fields.iter().map(|field| item.get(field).map_or_else(String::new, text)).collect::<Vec<_>>()
        });
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn path(expected: Value, stored: Value) -> Option<String> {
        first_difference(expected, stored).map(|difference| difference.path)
    }

    #[test]
    fn documents_with_the_same_meaning_are_equal() {
        let point = |t: &str| json!({ "t": t, "v": 1.5 });
        let cases = [
            (json!({ "a": 1, "b": 2 }), json!({ "b": 2, "a": 1 })),
            (json!({ "a": 1 }), json!({ "a": 1.0, "b": null })),
            (json!({ "a": 1, "b": {}, "c": [], "d": { "byKpi": {} } }), json!({ "a": "1", "b": null })),
            (json!([1, 2]), json!([1, null, 2])),
            (json!({ "qty": 110.5 }), json!({ "qty": "110.50" })),
            (json!({ "value": "110" }), json!({ "value": 110 })),
            (json!({ "value": "" }), json!({ "value": null })),
            (
                json!({ "seriesByKpi": { "A": [point("1"), point("2")] } }),
                json!({ "seriesByKpi": { "A": [point("2"), point("1")] } }),
            ),
            (
                json!({ "portfolioAssets": [{ "trade_id": 1, "contract_name": "C" }, { "trade_id": 2, "symbol": null, "contract_name": "C" }] }),
                json!({ "portfolioAssets": [{ "trade_id": "2", "contract_name": "C" }, { "contract_name": "C", "trade_id": "1" }] }),
            ),
        ];
        for (expected, stored) in cases {
            assert_eq!(path(expected.clone(), stored.clone()), None, "{expected} and {stored}");
        }
    }

    #[test]
    fn the_path_of_the_first_difference_is_returned() {
        let cases = [
            (json!({ "a": { "b": [1, 2] } }), json!({ "a": { "b": [1, 3] } }), "a.b[1]"),
            (json!({ "a": 1 }), json!({}), "a"),
            (json!({}), json!({ "a": 0 }), "a"),
            (json!([1]), json!([1, 2]), "[1]"),
            (json!({ "value": "1.50" }), json!({ "value": "1.5" }), "value"),
            (json!({ "a": "x" }), json!({ "a": 1 }), "a"),
            (json!({ "a": true }), json!({ "a": 1 }), "a"),
            (json!({ "a": 9_007_199_254_740_991_i64 }), json!({ "a": 9_007_199_254_740_992_i64 }), "a"),
            (
                json!({ "hi": [{ "trade_id": 1 }, { "trade_id": 2 }] }),
                json!({ "hi": [{ "trade_id": 2 }, { "trade_id": 1 }] }),
                "hi[0].trade_id",
            ),
        ];
        for (expected, stored, place) in cases {
            let found = path(expected.clone(), stored.clone());
            assert_eq!(found.as_deref(), Some(place), "{expected} and {stored}");
        }
    }
}

//! Whether two JSON documents of a day mean the same, whoever wrote them.
//!
//! The order of keys is ignored, and so is the order of points and holdings, which are sets. `null` equals absent, and
//! so does what is empty: a text, a list, an object. A number equals the same number as text.

use serde_json::Value;

use super::compare::same_number;
use crate::domain::numeric_text;

/// A place where two documents differ; None stands for an absent value.
pub(super) struct Difference {
    pub(super) path: String,
    pub(super) wanted: Option<Value>,
    pub(super) stored: Option<Value>,
}

/// The first difference between two documents.
pub(super) fn first_difference(mut wanted: Value, mut stored: Value) -> Option<Difference> {
    for document in [&mut wanted, &mut stored] {
        sort_sets(document);
    }
    compare(Some(&wanted), Some(&stored), "")
}

fn compare(wanted: Option<&Value>, stored: Option<&Value>, path: &str) -> Option<Difference> {
    match (wanted, stored) {
        (Some(Value::Object(wanted)), Some(Value::Object(stored))) => {
            let added = stored.keys().filter(|key| !wanted.contains_key(*key));
            let mut keys = wanted.keys().chain(added);
            keys.find_map(|key| compare(wanted.get(key), stored.get(key), &joined(path, key)))
        }
        (Some(Value::Array(wanted)), Some(Value::Array(stored))) => {
            let (wanted, stored) = (elements(wanted), elements(stored));
            (0..wanted.len().max(stored.len())).find_map(|index| {
                let (wanted, stored) = (wanted.get(index).copied(), stored.get(index).copied());
                compare(wanted, stored, &format!("{path}[{index}]"))
            })
        }
        _ if same(wanted, stored) => None,
        _ => Some(Difference { path: path.to_owned(), wanted: wanted.cloned(), stored: stored.cloned() }),
    }
}

/// Whether two values that are not both objects or both lists mean the same.
fn same(wanted: Option<&Value>, stored: Option<&Value>) -> bool {
    match (wanted, stored) {
        (Some(Value::String(wanted)), Some(Value::String(stored))) => wanted == stored,
        (Some(Value::Bool(wanted)), Some(Value::Bool(stored))) => wanted == stored,
        _ => match number(wanted).zip(number(stored)) {
            Some((wanted, stored)) => same_number(wanted, stored),
            None => is_nothing(wanted) && is_nothing(stored),
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

fn is_nothing(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null) => true,
        Some(Value::String(text)) => text.is_empty(),
        Some(Value::Array(items)) => items.iter().all(Value::is_null),
        Some(Value::Object(entries)) => entries.values().all(|value| is_nothing(Some(value))),
        Some(Value::Bool(_) | Value::Number(_)) => false,
    }
}

/// The elements that are not `null`, which are no elements.
fn elements(items: &[Value]) -> Vec<&Value> {
    items.iter().filter(|item| !item.is_null()).collect()
}

fn joined(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// Puts points into the order of their times, and holdings into the order of their keys.
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

    fn place(wanted: Value, stored: Value) -> Option<String> {
        first_difference(wanted, stored).map(|difference| difference.path)
    }

    #[test]
    fn documents_that_mean_the_same_are_equal() {
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
        for (wanted, stored) in cases {
            assert_eq!(place(wanted.clone(), stored.clone()), None, "{wanted} and {stored}");
        }
    }

    #[test]
    fn the_first_place_that_differs_is_named() {
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
        for (wanted, stored, expected) in cases {
            assert_eq!(
                place(wanted.clone(), stored.clone()).as_deref(),
                Some(expected),
                "{wanted} and {stored}"
            );
        }
    }
}

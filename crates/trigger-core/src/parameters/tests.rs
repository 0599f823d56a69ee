use serde_json::json;

use super::*;

/// A pod whose container `main` has plain variables, and whose variables `SHARED` and `TWICE` occur several times.
fn pod() -> Value {
    json!({
        "initContainers": [{ "name": "prepare", "env": [{ "name": "SHARED", "value": "a" }, { "name": "ONLY_INIT" }] }],
        "containers": [
            { "name": "main", "env": [
                { "name": "HOST", "value": "db" },
                { "name": "SYNC_DATE" },
                { "name": "SHARED", "value": "b" },
                { "name": "URL", "value": "postgres://$(HOST)/x" },
                { "name": "PASSWORD", "valueFrom": { "secretKeyRef": { "name": "db", "key": "password" } } },
                { "name": "TWICE", "value": "1" },
                { "name": "TWICE", "value": "2" },
            ] },
            { "name": "without-variables" },
        ],
    })
}

fn declared(declarations: &[(&str, Value)]) -> DeclaredParameters {
    let annotations: Vec<(String, String)> = declarations
        .iter()
        .map(|(name, schema)| (format!("{ANNOTATION_PREFIX}{name}"), schema.to_string()))
        .collect();
    let annotations = annotations.iter().map(|(key, text)| (key.as_str(), text.as_str()));
    DeclaredParameters::of(annotations.chain([("example.com/other", "{}")]), &pod())
}

fn values(value: Value) -> Parameters {
    let Value::Object(values) = value else { panic!("{value} is not an object") };
    values
}

/// The problem of a declaration; None if it can be used.
fn problem(name: &str, schema: Value) -> Option<String> {
    declared(&[(name, schema)]).unusable().get(name).cloned()
}

#[test]
fn a_value_is_set_in_the_variable_that_is_declared_and_nothing_else_changes() {
    for (name, schema, pointer) in [
        ("SYNC_DATE", json!({}), "/containers/0/env/1/value"),
        ("SHARED", json!({ "container": "main" }), "/containers/0/env/2/value"),
        ("SHARED", json!({ "container": "prepare" }), "/initContainers/0/env/0/value"),
        ("ONLY_INIT", json!({ "type": "string" }), "/initContainers/0/env/1/value"),
    ] {
        let mut changed = pod();
        let parameters = declared(&[(name, schema.clone())]);
        parameters.set(&values(json!({ name: "new" })), &mut changed).unwrap();
        assert_eq!(changed.pointer(pointer), Some(&json!("new")), "{name} {schema}");
        let (parent, _) = pointer.rsplit_once('/').unwrap();
        *changed.pointer_mut(parent).unwrap() = pod().pointer(parent).unwrap().clone();
        assert_eq!(changed, pod(), "{name} {schema}");
    }
}

#[test]
fn a_value_can_not_refer_to_another_variable_and_the_templates_own_value_still_does() {
    let parameters = declared(&[("URL", json!({}))]);
    for (value, expected) in [
        ("$(PASSWORD)", "$$(PASSWORD)"),
        ("$$(PASSWORD)", "$$$$(PASSWORD)"),
        ("5$", "5$$"),
        ("postgres://$(HOST)/x", "postgres://$(HOST)/x"),
    ] {
        let mut changed = pod();
        parameters.set(&values(json!({ "URL": value })), &mut changed).unwrap();
        assert_eq!(changed["containers"][0]["env"][3]["value"], expected, "{value}");
    }
}

#[test]
fn a_declaration_that_can_not_be_used_is_reported_and_does_not_prevent_a_start() {
    for (name, schema, expected) in [
        ("MISSING", json!({}), "no container has this variable"),
        ("PASSWORD", json!({}), "valueFrom"),
        ("SHARED", json!({}), "several times; name one container"),
        ("SHARED", json!({ "container": "none" }), "there is no container \"none\""),
        ("HOST", json!({ "container": "prepare" }), "no container has this variable"),
        ("TWICE", json!({}), "several times"),
        ("TWICE", json!({ "container": "main" }), "the container has this variable several times"),
        ("HOST", json!("text"), "not a JSON Schema of a string"),
        ("HOST", json!({ "not": {} }), "unknown field `not`"),
        ("HOST", json!({ "type": "integer" }), "type must be string"),
        ("HOST", json!({ "pattern": "(" }), "pattern is not a supported regular expression"),
        ("HOST", json!({ "format": "email" }), "format must be date"),
        ("HOST", json!({ "enum": [] }), "enum is empty"),
        ("HOST", json!({ "enum": [1] }), "expected a string"),
        ("HOST", json!({ "maxLength": 5000 }), "maxLength is larger than 4096"),
        ("HOST", json!({ "minLength": 5, "maxLength": 3 }), "minLength is larger than maxLength"),
        ("HOST", json!(["string"]), "it is not an object"),
        ("HOST", json!({ "default": "other" }), "default is not the value in the template"),
        ("HOST", json!({ "required": true, "pattern": "(?=a)" }), "look-around"),
    ] {
        let parameters = declared(&[(name, schema.clone())]);
        let found = parameters.unusable().get(name).cloned().unwrap_or_default();
        assert!(found.contains(expected), "{name} {schema}: {found}");
        assert_eq!(parameters.check(&Parameters::new()), Ok(()), "{schema}");
        let rejected = parameters.check(&values(json!({ name: "x" }))).unwrap_err();
        assert!(rejected.starts_with(&format!("{name} can't be set")), "{rejected}");
        assert_eq!(parameters.schema()["properties"], json!({}));
    }
    for (text, expected) in
        [("a day", "not a JSON Schema"), (r#"{"containe\u0072": "main"}"#, "must be written without escapes")]
    {
        let parameters = DeclaredParameters::of([("parameters.tradeops.dev/HOST", text)], &pod());
        assert!(parameters.unusable()["HOST"].contains(expected), "{text}: {parameters:?}");
    }
    assert_eq!(problem("HOST", json!({ "default": "db", "title": "Host" })), None);
}

#[test]
fn a_request_is_checked_against_the_declaration() {
    let schema = |schema: Value| declared(&[("SYNC_DATE", schema)]);
    for (schema, value, expected) in [
        (schema(json!({})), json!("anything, \"quoted\"\nor on two lines"), None),
        (schema(json!({})), json!(5), Some("SYNC_DATE must be a string")),
        (schema(json!({})), Value::Null, Some("SYNC_DATE must be a string")),
        (schema(json!({})), json!("a\0"), Some("SYNC_DATE must not have control characters")),
        (schema(json!({})), json!("\u{e4}".repeat(4096)), None),
        (schema(json!({})), json!("a".repeat(4097)), Some("SYNC_DATE must have at most 4096 characters")),
        (schema(json!({ "maxLength": 3 })), json!("\u{e4}\u{e4}\u{e4}"), None),
        (schema(json!({ "maxLength": 3 })), json!("abcd"), Some("SYNC_DATE must have at most 3 characters")),
        (schema(json!({ "minLength": 3 })), json!("ab"), Some("SYNC_DATE must have at least 3 characters")),
        (schema(json!({ "enum": ["a", "b"] })), json!("b"), None),
        (schema(json!({ "enum": ["a", "b"] })), json!("c"), Some("SYNC_DATE must be one of a, b")),
        (schema(json!({ "pattern": "^[a-z]+$" })), json!("abc"), None),
        (schema(json!({ "pattern": "^[a-z]+$" })), json!("ABC"), Some("SYNC_DATE must match ^[a-z]+$")),
        (schema(json!({ "format": "date" })), json!("2026-02-10"), None),
        (schema(json!({ "format": "date" })), json!(""), None),
        (
            schema(json!({ "format": "date" })),
            json!("2026-02-30"),
            Some("SYNC_DATE must be a day that exists, written YYYY-MM-DD"),
        ),
        (
            schema(json!({ "format": "date" })),
            json!("20260210"),
            Some("SYNC_DATE must be a day that exists, written YYYY-MM-DD"),
        ),
    ] {
        let checked = schema.check(&values(json!({ "SYNC_DATE": value })));
        assert_eq!(checked.err().as_deref(), expected, "{value}");
    }
}

#[test]
fn an_unknown_or_missing_parameter_is_named() {
    let parameters = declared(&[("SYNC_DATE", json!({})), ("HOST", json!({ "required": true }))]);
    let error = |value: Value| parameters.check(&values(value)).unwrap_err();
    assert_eq!(error(json!({ "SYNC_DATE": "x" })), "HOST is required");
    assert_eq!(error(json!({})), "HOST is required");
    assert_eq!(parameters.check(&values(json!({ "HOST": "db" }))), Ok(()));
    let unknown = error(json!({ "HOST": "a", "sync_date": "x" }));
    assert_eq!(unknown, "the CronJob does not declare \"sync_date\"; its parameters are HOST, SYNC_DATE");
    let none = DeclaredParameters::default().check(&values(json!({ "A": "x" }))).unwrap_err();
    assert_eq!(none, "the CronJob does not declare \"A\", nor any other parameter");
}

#[test]
fn the_schema_is_that_of_an_object_with_the_templates_values_as_defaults() {
    let parameters = declared(&[
        ("SYNC_DATE", json!({ "title": "Day", "format": "date", "default": "" })),
        (
            "HOST",
            json!({ "description": "Where", "pattern": "^d", "enum": ["db", "dc"], "maxLength": 9, "required": true }),
        ),
        ("SHARED", json!({ "container": "main", "minLength": 1, "examples": ["x"] })),
        ("PASSWORD", json!({})),
    ]);
    let expected = json!({
        "type": "object",
        "properties": {
            "HOST": {
                "type": "string", "description": "Where", "pattern": "^d", "enum": ["db", "dc"], "maxLength": 9,
                "default": "db",
            },
            "SHARED": { "type": "string", "minLength": 1, "maxLength": 4096, "examples": ["x"], "default": "b" },
            "SYNC_DATE": { "type": "string", "title": "Day", "format": "date", "maxLength": 4096 },
        },
        "required": ["HOST"],
        "additionalProperties": false,
    });
    assert_eq!(parameters.schema(), expected);
}

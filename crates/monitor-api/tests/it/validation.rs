//! Fields that are not valid.

use axum::body::Body;
use serde_json::{Value, json};

use crate::support::{TestApi, TestResponse, request};

/// A field's error: field, type and message.
type Expected<'e> = (&'e str, &'e str, &'e str);

const NOT_TEXT: &str = "Input should be a valid string";
const NAME_PATTERN: &str = "String should match pattern '^[a-z][a-z0-9-]{1,62}[a-z0-9]$'";
const VERSION_PATTERN: &str = r"String should match pattern '^\d+\.\d+\.\d+$'";
const NOT_AN_OBJECT: Expected<'_> =
    ("body", "model_attributes_type", "Input should be a valid dictionary or object to extract fields from");
const HYPHENS: Expected<'_> =
    ("service_name", "value_error", "Value error, Service name cannot contain consecutive hyphens");
const ZEROS: Expected<'_> =
    ("version", "value_error", "Value error, Version parts must be numeric without leading zeros");

#[track_caller]
fn check(response: &TestResponse, expected: &[Expected<'_>]) {
    let (field, error_type, message) = expected[0];
    let errors: Vec<Value> = expected
        .iter()
        .map(|(field, error_type, message)| json!({ "field": field, "message": message, "type": error_type }))
        .collect();
    let details = json!({ "field": field, "error_type": error_type, "errors": errors });
    let message = format!("Validation failed for field '{field}': {message}");
    response.is_error(422, "VALIDATION_ERROR", &message, &details);
}

/// The body of a valid definition with changes; null removes a field.
fn body_with(changes: &Value) -> String {
    let mut body =
        json!({ "service_name": "risk-engine", "owner": "o", "description": "d", "version": "1.0.0" });
    let fields = body.as_object_mut().unwrap();
    for (name, value) in changes.as_object().unwrap() {
        fields.insert(name.clone(), value.clone());
        if value == "REMOVE" {
            fields.remove(name);
        }
    }
    body.to_string()
}

#[tokio::test]
async fn each_rule_of_a_new_definition_has_its_error() {
    let api = TestApi::live().await;
    let long = |length: usize| "x".repeat(length);
    for (changes, expected) in [
        (json!({ "service_name": "REMOVE" }), &[("body.service_name", "missing", "Field required")][..]),
        (json!({ "service_name": null }), &[("body.service_name", "string_type", NOT_TEXT)]),
        (json!({ "owner": 1 }), &[("body.owner", "string_type", NOT_TEXT)]),
        (json!({ "version": 1.0 }), &[("body.version", "string_type", NOT_TEXT)]),
        (
            json!({ "service_name": "ab" }),
            &[("body.service_name", "string_too_short", "String should have at least 3 characters")],
        ),
        (
            json!({ "service_name": long(65) }),
            &[("body.service_name", "string_too_long", "String should have at most 64 characters")],
        ),
        (
            json!({ "service_name": "Risk" }),
            &[("body.service_name", "string_pattern_mismatch", NAME_PATTERN)],
        ),
        (
            json!({ "owner": "" }),
            &[("body.owner", "string_too_short", "String should have at least 1 character")],
        ),
        (
            json!({ "owner": long(101) }),
            &[("body.owner", "string_too_long", "String should have at most 100 characters")],
        ),
        (
            json!({ "description": long(501) }),
            &[("body.description", "string_too_long", "String should have at most 500 characters")],
        ),
        (json!({ "version": "v1" }), &[("body.version", "string_pattern_mismatch", VERSION_PATTERN)]),
        (json!({ "service_name": "a--b" }), &[HYPHENS]),
        (json!({ "version": "1.02.3" }), &[ZEROS]),
    ] {
        check(&api.send_json("POST", "/api/services", &body_with(&changes)).await, expected);
    }
}

#[tokio::test]
async fn a_body_can_have_a_byte_order_mark_and_numbers_that_are_not_finite() {
    let api = TestApi::live().await;
    let new = |name: &str, owner: &str, other: &str| {
        format!(
            "{{\"service_name\":\"{name}\",\"owner\":{owner},\"description\":\"d\",\"version\":\"1.0.0\",\"x\":{other}}}"
        )
    };
    let post = async |body: String| api.send_json("POST", "/api/services", &body).await;
    assert_eq!(post(format!("\u{feff}{}", new("marked", "\"o\"", "1"))).await.status, 201);
    assert_eq!(post(new("infinite", "\"o\"", "[NaN, -Infinity, 1e999]")).await.status, 201);
    assert_eq!(post(new("surrogate", "\"o\"", "\"\\ud800\"")).await.status, 201);
    check(&post(new("other", "NaN", "1")).await, &[("body.owner", "string_type", NOT_TEXT)]);
    let not_unicode = format!("{NOT_TEXT}, unable to parse raw data as a unicode string");
    let expected = ("body.owner", "string_unicode", not_unicode.as_str());
    check(&post(new("other", "\"\\ud800\"", "1")).await, &[expected]);
}

#[tokio::test]
async fn all_errors_are_listed_in_the_order_of_the_fields() {
    let api = TestApi::live().await;
    let fields = ["service_name", "owner", "description", "version"].map(|field| format!("body.{field}"));
    let missing: Vec<_> = fields.iter().map(|field| (field.as_str(), "missing", "Field required")).collect();
    check(&api.send_json("POST", "/api/services", "{\"unknown\":1}").await, &missing);
    let both = body_with(&json!({ "version": "01.0.0", "service_name": "a--b" }));
    check(&api.send_json("POST", "/api/services", &both).await, &[HYPHENS, ZEROS]);
    // The second form is only checked when the fields have none of the first form.
    let mixed = body_with(&json!({ "version": 1, "service_name": "a--b" }));
    check(
        &api.send_json("POST", "/api/services", &mixed).await,
        &[("body.version", "string_type", NOT_TEXT)],
    );
}

#[tokio::test]
async fn fields_of_a_change_are_checked_before_the_service_is_looked_up() {
    let api = TestApi::live().await;
    let not_integer = "Input should be a valid integer";
    for (body, expected) in [
        (
            json!({ "revision": "1", "owner": "" }),
            &[
                ("body.owner", "string_too_short", "String should have at least 1 character"),
                ("body.revision", "int_type", not_integer),
            ][..],
        ),
        (json!({ "owner": "o", "revision": 1.0 }), &[("body.revision", "int_type", not_integer)]),
        (json!({ "owner": "o", "revision": -0.0 }), &[("body.revision", "int_type", not_integer)]),
        (json!({ "owner": "o", "revision": true }), &[("body.revision", "int_type", not_integer)]),
        (json!({ "version": "1" }), &[("body.version", "string_pattern_mismatch", VERSION_PATTERN)]),
    ] {
        check(&api.send_json("PUT", "/api/services/none", &body.to_string()).await, expected);
    }
}

#[tokio::test]
async fn the_second_form_is_checked_after_the_service_is_looked_up() {
    let api = TestApi::live().await;
    let change = || api.send_json("PUT", "/api/services/risk-engine", "{\"version\":\"1.00.0\"}");
    assert_eq!(change().await.status, 404);
    api.define("risk-engine").await;
    check(&change().await, &[ZEROS]);
}

#[tokio::test]
async fn a_body_must_be_a_json_object() {
    let api = TestApi::live().await;
    let decode = |offset: &'static str| (offset, "json_invalid", "JSON decode error");
    for (body, expected) in [
        ("", ("body", "missing", "Field required")),
        ("null", ("body", "missing", "Field required")),
        ("[]", NOT_AN_OBJECT),
        ("\"text\"", NOT_AN_OBJECT),
        ("1", NOT_AN_OBJECT),
        ("not JSON", decode("body.0")),
        ("{\"a\":}", decode("body.5")),
        ("{\"a\": 1", decode("body.7")),
        ("{\"a\": \"\\x\"}", decode("body.7")),
        ("{\"a\": \"b", decode("body.6")),
        ("\u{feff}{\"a\"", decode("body.4")),
        ("NaN", NOT_AN_OBJECT),
    ] {
        check(&api.send_json("POST", "/api/services", body).await, &[expected]);
        check(&api.send_json("PUT", "/api/services/none", body).await, &[expected]);
    }
}

#[tokio::test]
async fn the_media_type_is_json_or_absent() {
    let api = TestApi::live().await;
    let post = |media_type: Option<&str>, name: &str| {
        let body = body_with(&json!({ "service_name": name }));
        let mut request = request("POST", "/api/services", Body::from(body));
        if let Some(media_type) = media_type {
            request.headers_mut().insert("content-type", media_type.parse().unwrap());
        }
        api.send(request)
    };
    for (index, media_type) in
        [None, Some("application/json; charset=utf-8"), Some("Application/JSON"), Some("application/x+json")]
            .into_iter()
            .enumerate()
    {
        assert_eq!(post(media_type, &format!("service-{index}")).await.status, 201, "{media_type:?}");
    }
    for media_type in ["text/plain", "application/x-www-form-urlencoded", ""] {
        check(&post(Some(media_type), "other").await, &[NOT_AN_OBJECT]);
    }
}

#[tokio::test]
async fn a_body_that_is_not_utf8_too_deep_or_too_long_is_an_error() {
    let api = TestApi::live().await;
    let response = api.send(request("POST", "/api/services", Body::from(&b"{\"a\":\"\xff\"}"[..]))).await;
    response.is_error(400, "HTTP_400", "There was an error parsing the body", &Value::Null);
    let response = api.send_json("POST", "/api/services", &"[".repeat(1_000)).await;
    response.is_error(400, "HTTP_400", "There was an error parsing the body", &Value::Null);
    let response = api.send_json("POST", "/api/services", &"x".repeat(20_000)).await;
    response.is_error(413, "HTTP_413", "The body is longer than 16384 bytes.", &Value::Null);
}

//! A credential that is set but empty, or that is not a text, is an error: it must not switch authentication off.

use std::fs;

use common::auth::VARIABLES;
use common::config::{Settings, VariableKind};

use crate::child;

/// The error of a file with this text.
fn problem(extension: &str, text: &str) -> Option<String> {
    let file = tempfile::Builder::new().suffix(extension).tempfile().unwrap();
    fs::write(file.path(), text).unwrap();
    Settings::load(Some(file.path()), &VARIABLES).err().map(|error| error.to_string())
}

/// The names of all credentials, with `NAME_FILE` for secrets.
fn credentials() -> Vec<String> {
    let with_file = |name: &str| [name.to_owned(), format!("{name}_FILE")];
    VARIABLES
        .iter()
        .flat_map(|variable| match variable.kind {
            VariableKind::Secret => with_file(variable.name).to_vec(),
            _ => vec![variable.name.to_owned()],
        })
        .collect()
}

#[test]
fn an_empty_credential_in_the_file_is_an_error() {
    assert_eq!(credentials().len(), 20, "every variable of the module decides who has access");
    for name in credentials() {
        let key = name.to_lowercase();
        for empty in ["\"\"", "''", "\"  \"", "\"\\n\"", "null", ""] {
            let text = problem(".yaml", &format!("{key}: {empty}\n")).expect("it is an error");
            assert!(text.contains(&format!("`{key}` is set, but empty")), "{key}: {empty}: {text}");
        }
        assert!(problem(".json", &format!("{{\"{key}\": \"\"}}")).is_some(), "{key}");
        assert!(problem(".toml", &format!("{key} = \"\"")).is_some(), "{key}");
    }
}

#[test]
fn a_credential_in_the_file_that_is_not_a_text_is_an_error() {
    for name in credentials() {
        let key = name.to_lowercase();
        for other in ["0123456", "123456", "1.50", "true", "0x10", "1e3", "[a]", "{a: b}"] {
            let text = problem(".yaml", &format!("{key}: {other}\n")).expect("it is an error");
            assert!(text.contains(&format!("`{key}` must be a text; put it in quotes")), "{key}: {text}");
            assert!(!text.contains("123456"), "{text}");
        }
        assert!(problem(".json", &format!("{{\"{key}\": 123456}}")).is_some(), "{key}");
        assert!(problem(".toml", &format!("{key} = 123456")).is_some(), "{key}");
        assert_eq!(problem(".yaml", &format!("{key}: '0123456'\n")), None);
    }
}

#[test]
fn a_setting_that_is_in_the_file_twice_is_an_error() {
    for (extension, text) in [
        (".json", "{\"internal_token\": \"one\", \"internal_token\": \"two\"}"),
        (".json", "{\"internal_token\": \"one\", \"INTERNAL_TOKEN\": \"two\"}"),
        (".json", "{\"internal_token\": [{\"internal_token\": 1, \"internal_token\": 2}]}"),
        (".yaml", "internal_token: one\ninternal_token: two\n"),
        (".toml", "internal_token = 'one'\ninternal_token = 'two'\n"),
    ] {
        let text = problem(extension, text).expect("it is an error");
        let is_named = text.to_lowercase().contains("internal_token") || text.contains("line 2, column 1");
        assert!(is_named, "{text}");
        assert!(!text.contains("one") || text.contains("remove one"), "{text}");
        assert!(!text.contains("two") && !text.contains("DuplicateKeyPolicy"), "{text}");
    }
}

#[test]
fn errors_of_a_yaml_file_name_no_functions_and_other_tags_are_rejected() {
    let text = problem(".yaml", "internal_token: a\n---\ninternal_token: b\n").expect("it is an error");
    assert!(!text.contains("from_str"), "{text}");
    assert!(problem(".yaml", "internal_token: !!python/object a\n").is_some());
    assert_eq!(problem(".yaml", "internal_token: !!str 123456\n"), None);
}

#[test]
fn an_error_about_the_file_names_what_sets_it() {
    let error = Settings::load(Some("/absent.yaml".as_ref()), &VARIABLES).err().expect("there is no file");
    let text = error.to_string();
    assert!(text.contains("/absent.yaml: No such file") && text.contains("CONFIG_FILE"), "{text}");
}

/// The test below runs this one in a process of its own, whose environment has the variable.
#[test]
fn settings_of_this_process() {
    if child::request().is_some() {
        child::answer(
            &Settings::load(None, &VARIABLES).err().map(|error| error.to_string()).unwrap_or_default(),
        );
    }
}

#[test]
fn an_empty_credential_in_the_environment_is_an_error() {
    let load = |name: &str, value: &str| {
        child::run("empty_settings::settings_of_this_process", "load", &[(name, value)]).expect("an answer")
    };
    for name in credentials() {
        for empty in ["", "  ", "\n"] {
            let expected = format!("{name}: is set, but empty; set it to a value, or remove it");
            assert_eq!(load(&name, empty), expected, "{empty:?}");
        }
        assert_eq!(load(&name, "0123456"), "");
    }
}

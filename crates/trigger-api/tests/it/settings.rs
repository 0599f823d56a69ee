//! Wrong settings end the program with an error that names the setting and what to do.

use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

/// The log of the program, which must end because of these settings.
fn log(file: &Value, variables: &[(&str, &str)]) -> String {
    let folder = TempDir::new().expect("a temporary folder");
    let config = folder.path().join("config.json");
    std::fs::write(&config, file.to_string()).expect("it can be written");
    let output = Command::new(env!("CARGO_BIN_EXE_trigger-api"))
        .env_clear()
        .envs([("EXECUTOR", "local"), ("LISTEN_ADDR", "127.0.0.1:0"), ("LOG_FORMAT", "pretty")])
        .env("CONFIG_FILE", config)
        .env("DATABASE_URL", format!("sqlite:{}", folder.path().join("history.sqlite").display()))
        .envs(variables.iter().copied())
        .output()
        .expect("the program is built");
    let log = String::from_utf8(output.stderr).expect("the log is text");
    assert_eq!(output.status.code(), Some(2), "{variables:?}: {log}");
    log
}

#[test]
fn an_error_names_the_setting_that_is_wrong() {
    for (variables, message) in [
        (&[("CRONJOB_NAME", "UPPER")][..], "CRONJOB_NAME: \"UPPER\" is not the name of a CronJob"),
        (
            &[("CRONJOB_NAME", "job"), ("TARGET_NAMESPACE", "x y")],
            "TARGET_NAMESPACE: \"x y\" is not the name",
        ),
        (
            &[("CRONJOB_NAME", "job"), ("HISTORY_BYTES", "512Mi")],
            "HISTORY_BYTES: \"512Mi\" can't be used: use a whole number in digits only, without a unit",
        ),
        (
            &[("CRONJOB_NAME", "job"), ("NATS_URL", "nats://127.0.0.1:1"), ("NATS_CA_FILE", "/absent")],
            "NATS_CA_FILE: /absent: No such file",
        ),
        (
            &[
                ("CRONJOB_NAME", "job"),
                ("NATS_URL", "nats://127.0.0.1:1"),
                ("NATS_CREDS_FILE", "/etc/hostname"),
            ],
            "NATS_CREDS_FILE: /etc/hostname: has no JWT",
        ),
    ] {
        let log = log(&json!({ "local": { "manifests": "cronjobs.yaml" } }), variables);
        assert!(log.contains(message), "{variables:?}: {log}");
    }
}

#[test]
fn a_cronjob_that_the_list_of_targets_lacks_is_an_error() {
    let log = log(&json!({ "targets": [{ "cronjob": "listed" }] }), &[("CRONJOB_NAME", "other")]);
    assert!(log.contains("CRONJOB_NAME: other is not in `targets`"), "{log}");
}

#[test]
fn an_entry_that_is_no_table_is_explained_without_types_of_the_program() {
    let log = log(&json!({ "targets": ["job"] }), &[]);
    assert!(log.contains("expected a table with `cronjob` or `task`"), "{log}");
}

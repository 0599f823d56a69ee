//! The built program: arguments, settings and exit codes.

use std::process::{Command, Stdio};

/// The outcome of a program that has ended.
#[derive(Debug)]
pub(crate) struct ProgramOutcome {
    pub(crate) code: Option<i32>,
    pub(crate) output: String,
    pub(crate) log: String,
}

/// Runs the program with only these variables, until it ends.
pub(crate) fn run(arguments: &[&str], variables: &[(&str, &str)]) -> ProgramOutcome {
    let mut command = Command::new(env!("CARGO_BIN_EXE_monitor-api"));
    command.env_clear().args(arguments).envs(variables.iter().copied()).stdin(Stdio::null());
    let ended = command.output().expect("the program is built");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("the output is text");
    ProgramOutcome { code: ended.status.code(), output: text(ended.stdout), log: text(ended.stderr) }
}

#[test]
fn wrong_settings_end_the_program_without_repeating_secrets() {
    for (variables, message) in [
        (&[("API_PORT", "x")][..], "API_PORT"),
        (&[("ENVIRONMENT", "production")], "PRODUCTION_NATS_HOST_BLACKLIST"),
        (&[("NATS_URL", "http://alice:secret-7d1f@nats")], "NATS_URL"),
        (&[("NATS_TOKEN", "secret-7d1f"), ("NATS_CREDS_FILE", "/creds")], "set only one of"),
        (&[("NATS_PASSWORD", "secret-7d1f")], "NATS_USER is missing"),
        (&[("INTERNAL_TOKEN", "")], "INTERNAL_TOKEN: is set, but empty"),
        (&[("ADMIN_SECRET_FILE", " ")], "ADMIN_SECRET_FILE: is set, but empty"),
        (&[("NATS_TOKEN", "")], "NATS_TOKEN: is set, but empty"),
        (&[("NATS_CA_FILE", "/absent")], "NATS_CA_FILE: /absent: No such file"),
        (&[("NATS_CREDS_FILE", "/etc/hostname")], "NATS_CREDS_FILE: /etc/hostname: has no JWT"),
        (&[("LISTEN_ADDR", "192.0.2.1:8100")], "LISTEN_ADDR"),
        (&[("RATE_LIMIT", "0")], "can't be used: use a number above 0"),
        (&[("SHUTDOWN_GRACE_SECONDS", "20s")], "without a unit"),
        (&[("OTEL_EXPORTER_OTLP_ENDPOINT", "ftp://collector")], "OTEL_EXPORTER_OTLP_ENDPOINT"),
        (&[("CONFIG_FILE", "/absent")], "CONFIG_FILE"),
        (
            &[
                ("ADMIN_SECRET", "secret-7d1f-0123456789"),
                ("INTERNAL_TOKEN", "other\nsecret-7d1f-0123456789"),
            ],
            "INTERNAL_TOKEN: has a value of ADMIN_SECRET",
        ),
        (&[("DEFINITIONS_BUCKET", "service_registry")], "is the bucket of NATS_KV_BUCKET too"),
    ] {
        let outcome = run(&[], variables);
        assert_eq!(outcome.code, Some(2), "{outcome:?}");
        assert!(outcome.log.contains(message) && !outcome.log.contains("secret-7d1f"), "{outcome:?}");
    }
}

#[test]
fn files_that_would_block_or_never_end_are_errors_of_their_settings() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let fifo = folder.path().join("fifo").display().to_string();
    let made = Command::new("mkfifo").arg(&fifo).status().expect("mkfifo is installed");
    assert!(made.success());
    for name in ["INTERNAL_TOKEN_FILE", "NATS_CREDS_FILE", "NATS_CA_FILE", "CONFIG_FILE"] {
        for file in [fifo.as_str(), "/dev/zero"] {
            let outcome = run(&[], &[("NATS_URL", "nats://127.0.0.1:1"), (name, file)]);
            assert_eq!(outcome.code, Some(2), "{name}: {outcome:?}");
            assert!(outcome.log.contains(&format!("{file}: is a")), "{name}: {outcome:?}");
        }
    }
}

#[test]
fn the_help_lists_every_variable() {
    let help = run(&["--help"], &[]);
    assert_eq!(help.code, Some(0));
    for name in
        ["NATS_URL", "API_PORT", "STALE_THRESHOLD_SECONDS", "INTERNAL_TOKEN", "LOG_LEVEL", "MAX_STREAMS"]
    {
        assert!(help.output.contains(name), "{name} is not in\n{}", help.output);
    }
    assert_eq!(help.output.matches("  LISTEN_ADDR").count(), 1);
}

#[test]
fn the_health_check_fails_when_nothing_listens() {
    let outcome = run(&["healthcheck"], &[("LISTEN_ADDR", "127.0.0.1:1")]);
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(outcome.log.contains("not ready"), "{outcome:?}");
}

//! Wrong arguments, settings and files: exit code 2 and one line without secrets.

use crate::support::{DAY, SyncCommand, start_worker, views_with};

/// Names and values.
type Environment<'a> = &'a [(&'a str, &'a str)];

const PASSWORD: &str = "p4ssw0rd-of-the-desk";

#[tokio::test]
async fn the_error_of_a_wrong_setting_names_it_and_the_fix() {
    let dsn = format!("postgres://ann:{PASSWORD}@127.0.0.1:1/x");
    let cases: [(Environment<'_>, &[&str], &[&str]); 24] = [
        (&[], &["--sink", "sqlite"], &["DATABASE_URL", "is not set", "postgres://"]),
        (&[("DATABASE_URL", &dsn)], &[], &["INTERNAL_TOKEN", "is not set"]),
        (
            // Nothing listens there: the order of the days is checked first.
            &[("DATABASE_URL", &dsn)],
            &["--sink", "sqlite", "--from", "2026-01-05", "--to", "2026-01-02"],
            &["--from", "2026-01-05 is after --to 2026-01-02", "swap"],
        ),
        (&[("DATABASE_URL", &dsn)], &["--sink", "d1"], &["CLOUDFLARE_ACCOUNT_ID", "is not set"]),
        (&[("SQLITE_PATH", "")], &["--sink", "sqlite"], &["SQLITE_PATH", "is not set"]),
        // Without the secret, days would be sent without a signature.
        (&[("SIGNING_SECRET", "")], &["--sink", "sqlite"], &["SIGNING_SECRET", "is set, but empty"]),
        (&[("DATABASE_URL_FILE", " ")], &["--sink", "sqlite"], &["DATABASE_URL_FILE", "is set, but empty"]),
        (&[("LOG_LEVEL", "warning")], &["--sink", "sqlite"], &["LOG_LEVEL", "warn", "debug"]),
        (
            &[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://ann:secret@127.0.0.1:1")],
            &["--sink", "sqlite"],
            &["OTEL_EXPORTER_OTLP_ENDPOINT", "a user or password"],
        ),
        (&[("SINK", "s3")], &[], &["SINK", "s3", "api, d1 or sqlite"]),
        (&[("FALLBACK", "maybe")], &["--sink", "sqlite"], &["FALLBACK", "maybe", "d1 or none"]),
        (&[("FALLBACK", "d1"), ("INTERNAL_TOKEN", PASSWORD)], &[], &["CLOUDFLARE_ACCOUNT_ID"]),
        (
            &[("REPORT_TIMEZONE", "Mars/Olympus")],
            &["--sink", "sqlite"],
            &["REPORT_TIMEZONE", "Mars/Olympus", "America/New_York"],
        ),
        (
            &[("SNAPSHOT_API_URL", "ftp://x"), ("INTERNAL_TOKEN", PASSWORD)],
            &[],
            &["SNAPSHOT_API_URL", "http"],
        ),
        (
            &[("SNAPSHOT_API_URL", "https://u:p4ssw0rd-of-the-desk@x"), ("INTERNAL_TOKEN", "t")],
            &[],
            &["SNAPSHOT_API_URL", "password"],
        ),
        (
            &[("RETRY_BUDGET_SECONDS", "soon"), ("INTERNAL_TOKEN", "t")],
            &[],
            &["RETRY_BUDGET_SECONDS", "soon"],
        ),
        (
            &[("RETRY_BUDGET_SECONDS", "18446744073709551615"), ("INTERNAL_TOKEN", "t")],
            &[],
            &["RETRY_BUDGET_SECONDS", "1 to 3600"],
        ),
        (
            &[("RETRY_BUDGET_SECONDS", "0"), ("INTERNAL_TOKEN", "t")],
            &[],
            &["RETRY_BUDGET_SECONDS", "1 to 3600"],
        ),
        (
            &[("INTERNAL_TOKEN", "p4ssw0rd-of-the-desk\nX-Other: 1")],
            &[],
            &["INTERNAL_TOKEN", "an HTTP header can't contain"],
        ),
        (&[("LOG_FORMAT", "xml")], &[], &["LOG_FORMAT", "json or pretty"]),
        (
            &[("INTERNAL_TOKEN", PASSWORD), ("INTERNAL_TOKEN_FILE", "/x")],
            &[],
            &["INTERNAL_TOKEN", "INTERNAL_TOKEN_FILE is set too"],
        ),
        (&[("INTERNAL_TOKEN_FILE", "/nowhere/token")], &[], &["INTERNAL_TOKEN_FILE", "/nowhere/token"]),
        // A wrong setting is an error even if the command does not use it.
        (&[("SNAPSHOT_API_URL", "ftp://x")], &["--sink", "sqlite"], &["SNAPSHOT_API_URL", "http"]),
        (
            &[("D1_DATABASE_ID", "a/b")],
            &["--sink", "sqlite"],
            &["D1_DATABASE_ID", "letters, digits and dashes"],
        ),
    ];
    for (environment, arguments, words) in cases {
        let call = SyncCommand::new(&[&["run"], arguments].concat());
        let call = environment.iter().fold(call, |call, (name, value)| call.env(name, value));
        let outcome = call.fails(2, words).await;
        assert!(!outcome.stderr.contains(PASSWORD), "{outcome:#?}");
        assert_eq!(outcome.stderr.lines().count(), 1, "{outcome:#?}");
    }
}

#[tokio::test]
async fn the_error_of_an_invalid_url_does_not_contain_it() {
    for url in [
        "mysql://ann:p4ssw0rd-of-the-desk@x/y",
        "p4ssw0rd-of-the-desk",
        "postgres://ann:p4ssw0rd-of-the-desk@x:port/y",
        "postgres://ann:p4ssw0rd-of-the-desk@x/y?sslmode=p4ssw0rd-of-the-desk",
    ] {
        let call = SyncCommand::run(&["--sink", "sqlite"]).env("DATABASE_URL", url);
        let outcome = call.fails(2, &["DATABASE_URL"]).await;
        assert!(!outcome.stderr.contains(PASSWORD), "{outcome:#?}");
    }
}

#[tokio::test]
async fn wrong_arguments_are_named() {
    let cases: [(&[&str], &str); 7] = [
        (&["--date", "2026-02-30"], "--date <YYYY-MM-DD>"),
        (&["--date", "20260211"], "not an existing day"),
        (&["--from", "2026-02-06"], "--to"),
        (&["--sink", "s3"], "api, d1, sqlite"),
        (&["--date", "2026-02-11", "--from", "2026-02-01", "--to", "2026-02-02"], "cannot be used with"),
        (&["--verbose"], "unexpected argument"),
        (&["launch"], "unrecognized subcommand"),
    ];
    for (arguments, words) in cases {
        let call = SyncCommand::new(arguments);
        let message = call.file("message", b"of an earlier run");
        let call = call.env("TERMINATION_MESSAGE_PATH", &message.display().to_string());
        let outcome = call.outcome().await;
        assert_eq!(outcome.code, Some(2), "{outcome:#?}");
        assert!(outcome.stderr.contains(words), "{words}: {outcome:#?}");
        let message = std::fs::read_to_string(message).expect("the file exists");
        assert!(message.contains(words), "{words} is not in {message:?}");
    }
    let database = views_with(&[]).await;
    let call = SyncCommand::new(&["--from", "2026-02-09", "--to", "2026-02-06", "--sink", "sqlite"])
        .database(&database);
    call.fails(2, &["--from", "2026-02-09 is after --to 2026-02-06"]).await;
}

#[tokio::test]
async fn the_environment_takes_precedence_over_the_configuration_file() {
    let database = views_with(&[DAY]).await;
    for (name, content) in [
        ("settings.yaml", format!("database_url: {}\nSINK: s3\n", database.url)),
        ("settings.toml", format!("database_url = \"{}\"\nsink = \"s3\"\n", database.url)),
        ("settings.json", format!("{{\"database_url\": \"{}\", \"sink\": \"s3\"}}", database.url)),
    ] {
        let call = SyncCommand::run(&[]).env("SINK", "sqlite");
        let file = call.file(name, content.as_bytes()).display().to_string();
        call.args(&["--config", &file]).succeeds().await;
    }
}

#[tokio::test]
async fn a_configuration_file_with_an_unknown_key_or_wrong_syntax_is_rejected() {
    let call = SyncCommand::run(&["--sink", "sqlite"]);
    let unknown = call.file("unknown.yaml", b"databse_url: p4ssw0rd-of-the-desk\n").display().to_string();
    let broken = call.file("broken.toml", b"database_url = p4ssw0rd-of-the-desk\n").display().to_string();
    let nested = call.file("nested.yaml", b"database_url: [p4ssw0rd-of-the-desk]\n").display().to_string();
    let missing = "/nowhere/settings.yaml";
    for (path, words) in [
        (&*nested, "`database_url` must be a text"),
        (&*unknown, "databse_url"),
        (&*broken, "broken.toml"),
        (missing, "No such file"),
    ] {
        let outcome =
            SyncCommand::run(&["--sink", "sqlite", "--config", path]).fails(2, &[path, words]).await;
        assert!(!outcome.stderr.contains(PASSWORD), "{outcome:#?}");
    }
}

#[tokio::test]
async fn secrets_can_be_read_from_files() {
    let database = views_with(&[DAY]).await;
    let call = SyncCommand::run(&["--sink", "sqlite"]);
    let file = call.file("database-url", format!("{}\n", database.url).as_bytes()).display().to_string();
    call.env("DATABASE_URL_FILE", &file).succeeds().await;
}

#[tokio::test]
async fn the_error_of_a_missing_document_names_it() {
    SyncCommand::new(&["--sink", "sqlite", "--input", "/nowhere/day.json"])
        .fails(2, &["--input /nowhere/day.json", "No such file"])
        .await;
}

#[tokio::test]
async fn the_most_verbose_log_contains_no_secret() {
    let database = views_with(&[DAY]).await;
    let worker = start_worker().await;
    let access = &worker.access;
    for sink in ["api", "d1"] {
        let call = SyncCommand::run(&["--sink", sink]).database(&database).env("LOG_LEVEL", "trace");
        let call =
            call.api(access, &access.worker).d1(access, &access.d1_api).env("SIGNING_SECRET", PASSWORD);
        let outcome = call.succeeds().await;
        assert!(outcome.stderr.contains("TRACE"), "the log is not verbose: {outcome:#?}");
        let log = outcome.stdout + &outcome.stderr;
        for secret in [PASSWORD, &database.url, ":secret@", &access.internal_token, &access.api_token] {
            assert!(!log.contains(secret), "{secret} is in the log");
        }
    }
}

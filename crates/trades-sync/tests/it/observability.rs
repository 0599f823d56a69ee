//! Logs, the termination message, help, signals and traces.

use crate::support::{CONFIRMED, CommandOutput, DAY, SyncCommand, one_request, receiver, views_with};

#[tokio::test]
async fn the_last_line_of_the_log_is_the_summary_and_equals_the_termination_message() {
    let database = views_with(&[DAY]).await;
    let call = SyncCommand::run(&["--sink", "sqlite"]).database(&database);
    let message = call.file("termination-log", b"");
    let call = call.env("TERMINATION_MESSAGE_PATH", &message.display().to_string());
    let summary = call.succeeds().await.summary();
    for (field, value) in [("outcome", "stored"), ("date", "2026-02-11"), ("sink", "sqlite")] {
        assert_eq!(summary[field], value, "{summary:#}");
    }
    assert_eq!(summary["rows.kpi_values"], 26, "{summary:#}");
    for field in [
        "rows.series_points",
        "rows.extremes_items",
        "rows.portfolio_assets",
        "sent_bytes",
        "read_ms",
        "stored_ms",
    ] {
        assert!(summary[field].as_f64().is_some_and(|number| number > 0.0), "{field}: {summary:#}");
    }
    let left = || std::fs::read_to_string(&message).expect("it is written");
    assert_eq!(summary["message"], left());
    database.execute("DROP SCHEMA utils_statistics CASCADE").await;
    let summary = call.fails(3, &["MV_KPI_TABLE"]).await.summary();
    assert_eq!((&summary["outcome"], &summary["exit_code"]), (&"failed".into(), &3.into()));
    assert_eq!(summary["message"], left());
}

#[tokio::test]
async fn a_sample_day_causes_warnings_about_its_four_faulty_rows_only() {
    let database = views_with(&[DAY]).await;
    let outcome = SyncCommand::run(&["--sink", "sqlite"]).database(&database).succeeds().await;
    let expected = [
        "dropped 1 series row: no value; first: Delta at 2026-02-11T20:59:59.000Z",
        "dropped 1 series row: not a finite number; first: Gamma at 2026-02-11T20:59:59.000Z",
        "dropped 1 series row: a repeated key, the later row is kept; first: Theta at 2026-02-11T20:59:59.000Z",
        "dropped 1 portfolio row: no name; first: trade 1 without a contract_name",
    ];
    assert_eq!(outcome.warnings(), expected);
    assert_eq!(outcome.summary()["dropped"], 4);
}

#[tokio::test]
async fn pretty_logs_are_readable_and_have_no_colors_without_a_terminal() {
    let database = views_with(&[DAY]).await;
    let call = SyncCommand::run(&["--sink", "sqlite"]).database(&database).env("LOG_FORMAT", "pretty");
    let outcome = call.succeeds().await;
    let last = outcome.stderr.lines().last().expect("a log").to_owned();
    assert!(last.contains("INFO stored 2026-02-11 by sqlite: 26 KPI values"), "{last}");
    assert!(!outcome.stderr.contains('\u{1b}'), "only terminals have colors: {}", outcome.stderr);
}

#[tokio::test]
async fn the_log_level_is_respected() {
    let database = views_with(&[DAY]).await;
    let quiet = SyncCommand::run(&["--sink", "sqlite"]).database(&database).env("LOG_LEVEL", "error");
    assert_eq!(quiet.succeeds().await.stderr, "");
}

#[tokio::test]
async fn help_names_every_command_exit_code_and_variable() {
    let outcome = SyncCommand::new(&["--help"]).succeeds().await;
    for word in [
        "run",
        "check",
        "verify",
        "--dry-run",
        "Exit codes:",
        "DATABASE_URL",
        "REPORT_TIMEZONE",
        "NAME_FILE",
        "OTEL_EXPORTER_OTLP_ENDPOINT",
    ] {
        assert!(outcome.stdout.contains(word), "{word}: {}", outcome.stdout);
    }
}

#[tokio::test]
async fn a_signal_ends_a_run_with_its_own_exit_code() {
    let database = views_with(&[DAY]).await;
    // A receiver that accepts the connection and never answers.
    let (receiver, url) = receiver().await;
    let call = SyncCommand::run(&["--sink", "api"])
        .database(&database)
        .env("SNAPSHOT_API_URL", &url)
        .env("INTERNAL_TOKEN", "t");
    let child = call.spawn();
    let (_connection, _) = receiver.accept().await.expect("the run connects");
    let pid = child.id().expect("it is running").to_string();
    let killed =
        tokio::process::Command::new("kill").args(["-TERM", &pid]).status().await.expect("kill can be run");
    assert!(killed.success());
    let outcome = CommandOutput::of(child).await;
    assert_eq!(outcome.code, Some(143), "{outcome:#?}");
    assert_eq!(outcome.summary()["outcome"], "interrupted");
}

#[tokio::test]
async fn traces_go_to_the_configured_endpoint_and_their_context_to_the_receiver() {
    let database = views_with(&[DAY]).await;
    let (collector, endpoint) = receiver().await;
    let traces = tokio::spawn(async move { one_request(&collector, "").await });
    let (receiver, url) = receiver().await;
    let snapshot = tokio::spawn(async move { one_request(&receiver, CONFIRMED).await });
    let call = SyncCommand::run(&["--sink", "api"])
        .database(&database)
        .env("SNAPSHOT_API_URL", &url)
        .env("INTERNAL_TOKEN", "t");
    call.env("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint).succeeds().await;
    let traces = traces.await.expect("it was received");
    let text = String::from_utf8_lossy(&traces);
    assert!(text.starts_with("POST /v1/traces HTTP/1.1"), "{text}");
    for name in ["trades-sync", "ship", "read", "store", "2026-02-11"] {
        assert!(text.contains(name), "no {name} in the spans");
    }
    let request = snapshot.await.expect("it was received");
    let head = String::from_utf8_lossy(&request).to_ascii_lowercase();
    assert!(head.contains("\r\ntraceparent: 00-"), "{}", &head[..500.min(head.len())]);
}

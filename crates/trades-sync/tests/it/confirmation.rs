//! A day counts as stored only after the sink has confirmed it.

use serde_json::{Value, json};

use crate::support::{CONFIRMED, CommandOutput, SyncCommand, one_answer, receiver};

/// A day with one row in three of the four derived tables.
const DOCUMENT: &str = r#"{"date":"2026-02-11","rows":[{"kpi":"A","value":"1"}],"overlay":{
    "seriesByKpi":{"A":[{"t":"2026-02-11","v":1}]},"portfolioAssets":[{"trade_id":1,"contract_name":"C"}]}}"#;

/// Creates a command for a server at this URL.
type CommandFor = fn(&str) -> SyncCommand;

/// Ships the document to a server that gives these answers in turn. Returns the output and the termination message.
async fn shipped(call: impl Fn(&str) -> SyncCommand, answers: &[(u16, String)]) -> (CommandOutput, String) {
    let (listener, url) = receiver().await;
    let call = call(&url);
    let document = call.file("day.json", DOCUMENT.as_bytes()).display().to_string();
    let message = call.file("message", b"");
    let call =
        call.args(&["--input", &document]).env("TERMINATION_MESSAGE_PATH", &message.display().to_string());
    let server = async {
        for (status, body) in answers {
            one_answer(&listener, *status, body).await;
        }
        // A further request fails.
        drop(listener);
    };
    let (outcome, ()) = tokio::join!(call.outcome(), server);
    (outcome, std::fs::read_to_string(message).expect("the file exists"))
}

fn api(url: &str) -> SyncCommand {
    SyncCommand::new(&["run", "--sink", "api"]).env("SNAPSHOT_API_URL", url).env("INTERNAL_TOKEN", "t")
}

fn d1(url: &str) -> SyncCommand {
    SyncCommand::new(&["run", "--sink", "d1"])
        .env("D1_API_URL", url)
        .env("CLOUDFLARE_API_TOKEN", "t")
        .env("CLOUDFLARE_ACCOUNT_ID", "account")
        .env("D1_DATABASE_ID", "database")
}

/// The results of D1 for the document.
fn d1_results() -> Vec<Value> {
    let changes = [1, 7, 7, 7, 7, 1, 1, 0, 1];
    changes.map(|changes| json!({ "success": true, "results": [], "meta": { "changes": changes } })).to_vec()
}

fn d1_answer(results: &[Value]) -> String {
    json!({ "success": true, "errors": [], "messages": [], "result": results }).to_string()
}

fn d1_error(code: i64, message: &str) -> String {
    json!({ "success": false, "errors": [{ "code": code, "message": message }], "result": [] }).to_string()
}

#[tokio::test]
async fn a_2xx_of_the_api_counts_only_with_the_contracts_confirmation() {
    let unconfirmed = [
        (200, "<html>Welcome</html>"),
        (202, ""),
        (204, ""),
        (200, r#"{"ok":true}"#),
        (200, r#"{"ok":true,"date":"2026-02-10"}"#),
        (200, r#"{"ok":"true","date":"2026-02-11"}"#),
        (200, r#"{"date":"2026-02-11"}"#),
        (200, "[]"),
    ];
    for (status, body) in unconfirmed {
        let answers = [(status, body.to_owned())];
        let (outcome, message) = shipped(api, &answers).await;
        assert_eq!(outcome.code, Some(5), "{status} {body}: {outcome:#?}");
        for words in [
            "2026-02-11 may not have been stored",
            "trades-sync verify --date 2026-02-11",
            "ACCEPT_ANY_2XX",
            body,
        ] {
            assert!(message.contains(words), "{words:?} is not in {message:?}");
        }
        assert!(message.contains(&format!("status {status}")), "{message}");

        let (outcome, message) = shipped(|url| api(url).env("ACCEPT_ANY_2XX", "true"), &answers).await;
        assert_eq!(outcome.code, Some(0), "{status} {body}: {outcome:#?}");
        assert!(message.starts_with("stored 2026-02-11"), "{message}");
        assert!(
            outcome.warnings().iter().any(|line| line.contains("did not confirm the day")),
            "{outcome:#?}"
        );
    }
    let (outcome, _) = shipped(api, &[(200, CONFIRMED.to_owned())]).await;
    assert_eq!((outcome.code, outcome.warnings().len()), (Some(0), 0), "{outcome:#?}");
}

#[tokio::test]
async fn rows_that_the_receiver_dropped_are_reported() {
    let body = r#"{"ok":true,"date":"2026-02-11","dropped":2}"#.to_owned();
    let (outcome, _) = shipped(api, &[(200, body)]).await;
    assert_eq!(outcome.code, Some(0), "{outcome:#?}");
    assert!(outcome.warnings().iter().any(|line| line.contains("dropped 2 of its rows")), "{outcome:#?}");
}

#[tokio::test]
async fn a_receiver_that_repeats_the_request_puts_no_token_into_messages() {
    let token = "very-secret-token";
    let echo = format!("your request: x-internal-token: {token}, authorization: Bearer {token}");
    let calls: [CommandFor; 2] = [
        |url| api(url).env("INTERNAL_TOKEN", "very-secret-token"),
        |url| d1(url).env("CLOUDFLARE_API_TOKEN", "very-secret-token"),
    ];
    for call in calls {
        for body in [echo.clone(), d1_error(1000, &echo)] {
            let (outcome, message) = shipped(call, &[(400, body)]).await;
            assert_eq!(outcome.code, Some(5), "{outcome:#?}");
            assert!(message.contains("x-internal-token: ***"), "{message}");
            assert!(!format!("{outcome:?}{message}").contains(token), "{outcome:#?}");
        }
    }
}

#[tokio::test]
async fn an_explicit_failure_of_the_receiver_is_a_failure_even_with_accept_any_2xx() {
    let body = r#"{"ok":false,"date":7,"error":"the disk is full"}"#.to_owned();
    let (outcome, message) = shipped(|url| api(url).env("ACCEPT_ANY_2XX", "true"), &[(200, body)]).await;
    assert_eq!(outcome.code, Some(5), "{outcome:#?}");
    assert!(
        message.contains("2026-02-11 was not stored") && message.contains("the disk is full"),
        "{message}"
    );
}

#[tokio::test]
async fn d1_confirms_a_day_with_one_success_and_the_right_row_count_for_each_statement() {
    let (outcome, _) = shipped(d1, &[(200, d1_answer(&d1_results()))]).await;
    assert_eq!(outcome.code, Some(0), "{outcome:#?}");

    let changed = |index: usize, field: &str, value: Value| {
        let mut results = d1_results();
        results[index][field] = value;
        results
    };
    let failed = |index| changed(index, "success", json!(false));
    let meta = |index, value| changed(index, "meta", value);
    let cases = [
        (Vec::new(), "0 results for 9 statements"),
        (d1_results()[..8].to_vec(), "8 results for 9 statements"),
        (failed(0), "statement 1, on metrics_daily"),
        (failed(3), "statement 4, on metrics_extremes_items"),
        (failed(8), "statement 9, on metrics_portfolio_assets"),
        (changed(5, "success", Value::Null), "statement 6, on metrics_kpi_values"),
        (meta(6, json!({ "changes": 0 })), "D1 changed 0 instead of 1 row in metrics_series_points"),
        (meta(7, json!({ "changes": 1 })), "D1 changed 1 instead of 0 rows in metrics_extremes_items"),
        (meta(8, json!({})), "D1 does not report how many rows it changed in metrics_portfolio_assets"),
        (meta(0, Value::Null), "D1 does not report how many rows it changed in metrics_daily"),
    ];
    for (results, words) in cases {
        let (outcome, message) = shipped(d1, &[(200, d1_answer(&results))]).await;
        assert_eq!(outcome.code, Some(5), "{words}: {outcome:#?}");
        for words in
            [words, "2026-02-11 may not have been stored", "trades-sync verify --date 2026-02-11 --sink d1"]
        {
            assert!(message.contains(words), "{words:?} is not in {message:?}");
        }
    }
}

#[tokio::test]
async fn transient_errors_of_d1_are_retried_whatever_their_status() {
    let messages = [
        "D1_ERROR: D1 DB is overloaded. Requests queued for too long.",
        "D1 DB storage operation exceeded timeout which caused object to be reset.",
        "Network connection lost.",
        "internal error; reference = 0123456789abcdef",
        "D1 DB reset because its code was updated.",
    ];
    for (message, status) in messages.into_iter().zip([400, 200, 500, 400, 200]) {
        let answers = [(status, d1_error(7500, message)), (200, d1_answer(&d1_results()))];
        let (outcome, _) = shipped(d1, &answers).await;
        assert_eq!(outcome.code, Some(0), "{message}: {outcome:#?}");
        let log = outcome.log();
        let reason = log.iter().find_map(|line| line["reason"].as_str()).unwrap_or_default();
        assert!(reason.contains(message), "{message}: {outcome:#?}");
    }
}

#[tokio::test]
async fn a_transient_error_that_persists_is_reported_with_the_message_of_d1() {
    let answers = vec![(400, d1_error(7500, "D1 DB is overloaded.")); 5];
    let (outcome, message) = shipped(d1, &answers).await;
    assert_eq!(outcome.code, Some(6), "{outcome:#?}");
    for words in ["unreachable", "after 5 tries", "status 400", "D1 DB is overloaded."] {
        assert!(message.contains(words), "{words:?} is not in {message:?}");
    }
}

#[tokio::test]
async fn other_errors_of_d1_are_rejections_and_migrations_are_advised_only_if_they_are_missing() {
    let cases = [
        (400, 7500, "no such table: metrics_daily: SQLITE_ERROR", Some("apply the migrations")),
        (
            400,
            7500,
            "NOT NULL constraint failed: metrics_portfolio_assets.symbol: SQLITE_CONSTRAINT",
            Some("the second migration"),
        ),
        (400, 7500, "UNIQUE constraint failed: metrics_daily.date: SQLITE_CONSTRAINT", None),
        (200, 7500, "no such column: v: SQLITE_ERROR", None),
        (400, 7400, "The request is malformed: overloaded", None),
        (403, 10000, "Authentication error", None),
    ];
    for (status, code, message, advice) in cases {
        let (outcome, text) = shipped(d1, &[(status, d1_error(code, message))]).await;
        assert_eq!(outcome.code, Some(5), "{message}: {outcome:#?}");
        assert!(text.contains(message) && text.contains(&format!("(code {code})")), "{text}");
        assert_eq!(text.contains("migration"), advice.is_some(), "{text}");
        assert!(text.contains(advice.unwrap_or_default()), "{text}");
    }
}

#[tokio::test]
async fn the_text_of_a_receiver_is_shortened_to_one_line_without_control_characters() {
    let nasty = format!("bad\u{1b}[31m\r\n\u{9b}2Jnews\u{202e}{}", "x".repeat(5000));
    let cases: [(CommandFor, u16, String); 4] = [
        (d1, 400, d1_error(7500, &nasty)),
        (d1, 200, nasty.clone()),
        (api, 400, nasty.clone()),
        (api, 200, nasty.clone()),
    ];
    for (call, status, body) in cases {
        let (outcome, message) =
            shipped(|url| call(url).env("LOG_FORMAT", "pretty"), &[(status, body)]).await;
        assert_eq!(outcome.code, Some(5), "{outcome:#?}");
        for text in [&message, outcome.stderr.trim_end()] {
            assert!(text.contains("bad [31m 2Jnews") && text.len() < 1700, "{text:?}");
            assert!(!text.chars().any(|c| c.is_control() || c == '\u{202e}'), "{text:?}");
        }
    }
}

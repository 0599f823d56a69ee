//! `verify`: compares the views with the content of the sink by meaning.

use std::path::Path;

use serde_json::{Map, Value, json};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Executor, SqliteConnection};
use testkit::postgres::Database;
use testkit::worker::Access;

use crate::support::{
    DAY, SyncCommand, http, one_answer, query_d1, receiver, start_worker, views, views_with,
};

fn verify(database: &Database, sink: &str) -> SyncCommand {
    SyncCommand::new(&["verify", "--date", &DAY.to_string(), "--sink", sink]).database(database)
}

async fn opened(file: &Path) -> SqliteConnection {
    SqliteConnectOptions::new().filename(file).connect().await.expect("the file exists")
}

#[tokio::test]
async fn verify_finds_every_difference_between_the_views_and_the_sink() {
    let database = views_with(&[DAY]).await;
    let call = SyncCommand::run(&["--sink", "sqlite"]).database(&database);
    call.succeeds().await;
    let verify = verify(&database, "sqlite").env("SQLITE_PATH", &call.sqlite_path().display().to_string());
    let outcome = verify.succeeds().await;
    assert!(outcome.summary()["message"].to_string().contains("2026-02-11 is verified"), "{outcome:#?}");

    let repair = "run trades-sync run --date 2026-02-11 to repair it";
    let deletes = "1 row or value of the sink is not in the views, and trades-sync run --date 2026-02-11 would delete it";
    let mut file = opened(&call.sqlite_path()).await;
    for (change, words, advice) in [
        (
            "UPDATE metrics_series_points SET v = v + 1e-9 WHERE kpi = 'Vega' AND t = '2026-02-11T14:30:00.000Z'",
            "metrics_series_points (\"Vega\", \"2026-02-11T14:30:00.000Z\"): v is",
            repair,
        ),
        (
            "DELETE FROM metrics_portfolio_assets WHERE trade_id = (SELECT min(trade_id) FROM metrics_portfolio_assets)",
            "not stored",
            repair,
        ),
        (
            "UPDATE metrics_portfolio_assets SET symbol = NULL WHERE trade_id = (SELECT min(trade_id) FROM metrics_portfolio_assets)",
            "symbol is NULL, expected",
            repair,
        ),
        (
            "INSERT INTO metrics_kpi_values VALUES ('2026-02-11', 'Made up', '1', 1, 'number')",
            "(\"Made up\"): stored, but not in the views",
            deletes,
        ),
        (
            "UPDATE metrics_daily SET overlay_json = json_remove(overlay_json, '$.seriesByKpi.Vega')",
            "overlay_json at \"seriesByKpi.Vega\" is absent, expected",
            repair,
        ),
        (
            "UPDATE metrics_extremes_items SET rank = 99 WHERE rank = 1 AND kpi = 'Delta' AND side = 'hi'",
            "metrics_extremes_items (\"Delta\", \"hi\", 99",
            deletes,
        ),
    ] {
        file.execute(sqlx::raw_sql("BEGIN")).await.expect("the file can be written");
        file.execute(sqlx::raw_sql(change)).await.expect(change);
        file.execute(sqlx::raw_sql("COMMIT")).await.expect("the file can be written");
        let outcome = verify.fails(1, &["2026-02-11 is not verified", advice]).await;
        assert!(outcome.stdout.contains(words), "{words}: {}", outcome.stdout);
        call.succeeds().await;
        verify.succeeds().await;
    }
}

#[tokio::test]
async fn verify_counts_the_rows_of_the_views_and_reports_those_that_can_not_be_stored() {
    let database = views_with(&[DAY]).await;
    let call = SyncCommand::run(&["--sink", "sqlite"]).database(&database);
    let summary = call.succeeds().await.summary();
    let verify = verify(&database, "sqlite").env("SQLITE_PATH", &call.sqlite_path().display().to_string());
    let outcome = verify.succeeds().await;
    let stored = |field: &str| summary[field].as_u64().expect("it is counted");
    let (points, assets) = (stored("rows.series_points"), stored("rows.portfolio_assets"));
    let lines: Vec<String> =
        outcome.stdout.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    for expected in [
        "metrics_daily 1 row for the day, 1 in the sink: equal".to_owned(),
        "metrics_kpi_values 26 rows in the view, 26 in the sink: equal".to_owned(),
        format!("metrics_series_points {} rows in the view, {points} in the sink: equal", points + 3),
        "can't be stored: 1 row (no value), 1 row (not a finite number), 1 row (a repeated key, the later row is kept)"
            .to_owned(),
        format!("metrics_portfolio_assets {} rows in the view, {assets} in the sink: equal", assets + 1),
        "can't be stored: 1 row (no name)".to_owned(),
    ] {
        assert!(lines.contains(&expected), "{expected:?} is not in {lines:#?}");
    }
    assert_eq!(lines.len(), 7, "{lines:#?}");
}

#[tokio::test]
async fn verify_of_the_api_reads_through_the_api() {
    let database = views_with(&[DAY]).await;
    let worker = start_worker().await;
    let access = &worker.access;
    let verify = || verify(&database, "api").env("SNAPSHOT_API_URL", &access.worker);
    let outcome = verify().env("READ_TOKEN", &access.read_token).fails(1, &["not verified"]).await;
    assert!(outcome.stdout.contains("metrics_daily: not stored"), "{outcome:#?}");

    SyncCommand::run(&["--sink", "api"]).database(&database).api(access, &access.worker).succeeds().await;
    verify().env("READ_TOKEN", &access.read_token).succeeds().await;
    verify().env("INTERNAL_TOKEN", &access.internal_token).succeeds().await;
    verify().fails(2, &["INTERNAL_TOKEN", "READ_TOKEN", "is not set"]).await;
    verify().env("READ_TOKEN", "wrong-token").fails(5, &["403", "check READ_TOKEN"]).await;
    verify().env("INTERNAL_TOKEN", "wrong-token").fails(5, &["403", "check INTERNAL_TOKEN"]).await;

    let extra = "INSERT INTO metrics_portfolio_assets VALUES ('2026-02-11', 7, NULL, 'Theirs')";
    let overlay = "UPDATE metrics_daily SET overlay_json = json_insert(overlay_json, '$.portfolioAssets[#]', \
                   json('{\"trade_id\":7,\"contract_name\":\"Theirs\"}'))";
    query_d1(access, json!([{ "sql": extra }, { "sql": overlay }])).await;
    let outcome = verify().env("READ_TOKEN", &access.read_token).fails(1, &["would delete it"]).await;
    assert!(
        outcome.stdout.contains("metrics_portfolio_assets (7, \"Theirs\"): stored, but not in the views")
    );
}

#[tokio::test]
async fn the_error_of_a_receiver_without_a_route_for_stored_days_names_another_way_to_verify() {
    let database = views_with(&[DAY]).await;
    let other_day = r#"{"date":"2026-02-10","rows":[{"kpi":"A","value":"1"}]}"#;
    for (status, body, words) in [
        (404, "<html>not found</html>", "does not return stored days"),
        (
            404,
            r#"{"ok":false,"error":{"code":"not_found","message":"there is no /x here"}}"#,
            "SNAPSHOT_READ_ENDPOINT",
        ),
        (405, "", "does not return stored days"),
        (200, "<html>Welcome</html>", "is not a snapshot document"),
        (200, other_day, "is the document of 2026-02-10"),
        (302, "", "status 302"),
    ] {
        let (listener, url) = receiver().await;
        let call = verify(&database, "api").env("SNAPSHOT_API_URL", &url).env("READ_TOKEN", "t");
        let call = call.env("SNAPSHOT_READ_ENDPOINT", "/days/");
        let words = [words, "verify with --sink d1"];
        let (_, request) = tokio::join!(call.fails(5, &words), one_answer(&listener, status, body));
        let head = String::from_utf8_lossy(&request).to_ascii_lowercase();
        assert!(head.starts_with("get /days/2026-02-11 http/1.1\r\n"), "{head}");
        assert!(head.contains("x-read-token: t\r\n") && !head.contains("x-internal-token"), "{head}");
    }
}

#[tokio::test]
async fn a_day_with_the_same_meaning_that_another_program_wrote_is_verified() {
    let database = views_with(&[DAY]).await;
    database
        .execute("UPDATE utils_statistics.trades_portfolio_assets SET symbol = NULL WHERE trade_id % 3 = 0")
        .await;
    database.execute(sample::REFRESH).await;
    let worker = start_worker().await;
    let access = &worker.access;
    let sqlite = SyncCommand::run(&["--sink", "sqlite"]).database(&database);
    sqlite.succeeds().await;
    SyncCommand::run(&["--sink", "d1"]).database(&database).d1(access, &access.d1_api).succeeds().await;

    let theirs = rewritten(&stored_document(access).await);
    assert!(theirs["overlay"]["portfolioAssets"][0]["trade_id"].is_string());
    let post = http().post(format!("{}/v1/internal/trades/snapshot", access.worker));
    let post = post.header("X-Internal-Token", &access.internal_token).body(theirs.to_string());
    let answer = post.send().await.expect("the Worker answers");
    assert_eq!(answer.status(), 200, "{}", answer.text().await.expect("it has a text"));
    both_are_verified(&database, access).await;

    // A receiver without a normalizer would store the document of the other program unchanged.
    let columns = ["rows", "overlay"].map(|field| theirs[field].to_string());
    let update = "UPDATE metrics_daily SET headline = 'Theirs', rows_json = ?1, overlay_json = ?2";
    query_d1(access, json!([{ "sql": update, "params": columns }])).await;
    both_are_verified(&database, access).await;

    let mut file = opened(&sqlite.sqlite_path()).await;
    sqlx::query(update)
        .bind(&columns[0])
        .bind(&columns[1])
        .execute(&mut file)
        .await
        .expect("the file can be written");
    let items: Vec<String> = sqlx::query_scalar("SELECT item_json FROM metrics_extremes_items")
        .fetch_all(&mut file)
        .await
        .expect("a table");
    for item in items {
        let theirs = rewritten(&serde_json::from_str(&item).expect("an item is JSON")).to_string();
        let update = sqlx::query("UPDATE metrics_extremes_items SET item_json = ?1 WHERE item_json = ?2");
        update.bind(theirs).bind(item).execute(&mut file).await.expect("the file can be written");
    }
    let path = sqlite.sqlite_path().display().to_string();
    verify(&database, "sqlite").env("SQLITE_PATH", &path).succeeds().await;
}

async fn both_are_verified(database: &Database, access: &Access) {
    verify(database, "api")
        .env("SNAPSHOT_API_URL", &access.worker)
        .env("READ_TOKEN", &access.read_token)
        .succeeds()
        .await;
    verify(database, "d1").d1(access, &access.d1_api).succeeds().await;
}

/// The stored day as the Worker returns it.
async fn stored_document(access: &Access) -> Value {
    let get = http().get(format!("{}/v1/trades/snapshots/{DAY}", access.worker));
    let get = get.header("X-Read-Token", &access.read_token);
    let answer = get.send().await.expect("the Worker answers").text().await.expect("it answers whole");
    let mut document: Value = serde_json::from_str(&answer).expect("it answers JSON");
    document["headline"] = json!("Theirs");
    document
}

/// The same document with reversed keys, absent fields as nulls, and numbers as texts.
fn rewritten(value: &Value) -> Value {
    match value {
        Value::Number(number) => number.to_string().into(),
        Value::Array(items) => items.iter().map(rewritten).collect(),
        Value::Object(entries) => {
            let mut theirs: Map<String, Value> =
                entries.iter().rev().map(|(key, value)| (key.clone(), rewritten(value))).collect();
            for (field, companion) in [("symbol", "contract_name"), ("qty", "metric_raw"), ("src", "t")] {
                if entries.contains_key(companion) && !entries.contains_key(field) {
                    theirs.insert(field.to_owned(), Value::Null);
                }
            }
            theirs.into()
        }
        other => other.clone(),
    }
}

#[tokio::test]
async fn verify_of_a_day_without_rows_fails() {
    let database = views().await;
    verify(&database, "sqlite").fails(4, &["2026-02-11"]).await;
}

//! Sources without a usable view or connection.

use std::time::{Duration, Instant};

use serde_json::json;
use sqlx::Connection;
use testkit::postgres::Server;

use super::support::{DAY, assert_error, failure, run, run_within, task, views, views_with};

#[tokio::test]
async fn the_error_of_an_unreadable_view_names_the_view_and_the_remedy() {
    let cases: [(&str, &str, &[&str]); 7] = [
        (
            "DROP MATERIALIZED VIEW utils_statistics.trades_kpi_series_mv",
            "SourceRefused",
            &["MV_SERIES_TABLE", "no view utils_statistics.trades_kpi_series_mv", "create it"],
        ),
        ("DROP SCHEMA utils_statistics CASCADE", "SourceRefused", &["MV_KPI_TABLE", "there is no view"]),
        (
            "ALTER MATERIALIZED VIEW utils_statistics.trades_portfolio_assets_mv RENAME COLUMN symbol TO ticker",
            "SourceRefused",
            &["MV_PORTFOLIO_TABLE", "has no column symbol", "trade_id, symbol, contract_name, report_date"],
        ),
        (
            "ALTER MATERIALIZED VIEW utils_statistics.trades_contract_extremes_by_kpi_mv RENAME COLUMN report_date TO day",
            "SourceRefused",
            &["MV_EXTREMES_TABLE", "has no column report_date"],
        ),
        (
            "REFRESH MATERIALIZED VIEW utils_statistics.trades_kpi_summary_mv WITH NO DATA",
            "SourceRefused",
            &["MV_KPI_TABLE", "REFRESH MATERIALIZED VIEW utils_statistics.trades_kpi_summary_mv"],
        ),
        (
            "ALTER MATERIALIZED VIEW utils_statistics.trades_kpi_series_mv RENAME TO base_mv;
             CREATE VIEW utils_statistics.trades_kpi_series_mv AS SELECT * FROM utils_statistics.base_mv;
             REFRESH MATERIALIZED VIEW utils_statistics.base_mv WITH NO DATA",
            "SourceRefused",
            &["MV_SERIES_TABLE", "not been populated"],
        ),
        (
            "DROP MATERIALIZED VIEW utils_statistics.trades_kpi_series_mv;
             CREATE VIEW utils_statistics.trades_kpi_series_mv AS SELECT 'Daily PnL' AS kpi_name, now() AS ts,
               1 / (length('hunter2') - 7) AS value, date '2026-02-11' AS report_date",
            "SourceFailed",
            &["MV_SERIES_TABLE", "trades_kpi_series_mv", "the service's log"],
        ),
    ];
    for (change, reason, words) in cases {
        let database = views_with(&[DAY]).await;
        database.execute(change).await;
        assert_error(&failure(&database.url, json!({})).await, reason, words);
    }
}

#[tokio::test]
async fn the_text_of_the_database_is_only_in_the_detail() {
    let database = views_with(&[DAY]).await;
    database
        .execute(
            "DROP MATERIALIZED VIEW utils_statistics.trades_kpi_series_mv;
             CREATE VIEW utils_statistics.trades_kpi_series_mv AS SELECT 'Daily PnL' AS kpi_name, now() AS ts,
               1 / (date '2026-02-11' - report_date) AS value, report_date FROM utils_statistics.trades_kpi_series",
        )
        .await;
    let error = failure(&database.url, json!({})).await;
    assert!(!error.message.contains("division"), "{error:?}");
    assert!(error.detail.is_some_and(|detail| detail.contains("division by zero (22012)")));
}

#[tokio::test]
async fn the_error_of_a_missing_permission_names_the_grant() {
    let database = views_with(&[DAY]).await;
    let role = format!("analyst_of_{}", database.name);
    database.execute(&format!("CREATE ROLE {role} LOGIN PASSWORD 'hunter2'")).await;
    let url = format!("postgres://{role}:hunter2@127.0.0.1:{}/{}", database.port, database.name);
    assert_error(&failure(&url, json!({})).await, "SourceRefused", &["MV_KPI_TABLE", "GRANT USAGE"]);
    database.execute(&format!("GRANT USAGE ON SCHEMA utils_statistics TO {role}")).await;
    assert_error(
        &failure(&url, json!({})).await,
        "SourceRefused",
        &["MV_KPI_TABLE", "may not read", "SELECT"],
    );
    database.execute(&format!("GRANT SELECT ON ALL TABLES IN SCHEMA utils_statistics TO {role}")).await;
    assert!(run(&url, json!({})).await.0.is_ok());
    // Permission to read some columns, but not all that are needed.
    database
        .execute(&format!(
            "REVOKE SELECT ON utils_statistics.trades_portfolio_assets_mv FROM {role};
             GRANT SELECT (report_date) ON utils_statistics.trades_portfolio_assets_mv TO {role}"
        ))
        .await;
    assert_error(&failure(&url, json!({})).await, "SourceRefused", &["MV_PORTFOLIO_TABLE", "may not read"]);
}

#[tokio::test]
async fn the_error_of_a_failed_connection_names_the_server_without_the_password() {
    let database = views().await;
    let wrong = database.url.replace("secret", "hunter2");
    let elsewhere = database.url.replace(&database.name, "elsewhere");
    for (url, reason, words) in [
        (
            "postgres://ann:hunter2@127.0.0.1:1/trades",
            "SourceUnreachable",
            ["127.0.0.1:1", "database trades"],
        ),
        (wrong.as_str(), "SourceRefused", ["rejects the login", "password"]),
        (elsewhere.as_str(), "SourceRefused", ["does not exist", "elsewhere"]),
        ("mysql://ann:hunter2@127.0.0.1/trades", "SourceUnreachable", ["SOURCE_DATABASE_URL"; 2]),
        ("postgres://ann:hunter2@host:port/trades", "SourceUnreachable", ["SOURCE_DATABASE_URL"; 2]),
        ("postgres://ann:12/hunter2@127.0.0.1/trades", "SourceUnreachable", ["SOURCE_DATABASE_URL"; 2]),
        ("postgres://ann:/a?b=hunter2@127.0.0.1/trades", "SourceUnreachable", ["SOURCE_DATABASE_URL"; 2]),
    ] {
        let (result, log) = run_within(url, json!({}), Duration::from_secs(2)).await;
        let error = result.expect_err("there is no connection");
        assert_eq!(error.reason, reason, "{error:?}");
        assert!(words.iter().all(|word| error.message.contains(word)), "{error:?}");
        let text = format!("{error:?} {log} {:?}", task(url));
        assert!(!text.contains("hunter2") && !text.contains("ann:"), "{text}");
    }
}

#[tokio::test]
async fn a_server_that_stops_during_a_run_fails_the_run_and_the_next_one_can_not_connect() {
    let mut server = tokio::task::spawn_blocking(Server::start).await.expect("it starts");
    let database = server.database().await;
    database.execute(sample::SCHEMA).await;
    database.execute(&sample::day(DAY)).await;
    database
        .execute(
            "DROP MATERIALIZED VIEW utils_statistics.trades_contract_extremes_by_kpi_mv;
             CREATE VIEW utils_statistics.trades_contract_extremes_by_kpi_mv AS
               SELECT * FROM utils_statistics.trades_contract_extremes WHERE pg_sleep(0.2)::text = ''",
        )
        .await;
    database.execute("REFRESH MATERIALIZED VIEW utils_statistics.trades_kpi_summary_mv; REFRESH MATERIALIZED VIEW utils_statistics.trades_kpi_series_mv; REFRESH MATERIALIZED VIEW utils_statistics.trades_portfolio_assets_mv").await;
    let url = database.url.clone();
    let running = tokio::spawn(async move { failure(&url, json!({})).await });
    let mut admin = database.connect().await;
    wait_until_reading(&mut admin).await;
    drop(admin);
    tokio::task::spawn_blocking(move || server.kill()).await.expect("it stops");
    let error = running.await.expect("it does not panic");
    assert_error(&error, "SourceFailed", &["MV_EXTREMES_TABLE", "the connection was lost"]);
    let stopped = run_within(&database.url, json!({}), Duration::from_secs(2))
        .await
        .0
        .expect_err("the server is stopped");
    assert_error(&stopped, "SourceUnreachable", &["127.0.0.1"]);
}

/// Waits until the task reads the slow view.
async fn wait_until_reading(admin: &mut sqlx::PgConnection) {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let reading: bool = sqlx::query_scalar(
            "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'portfolio-analysis' AND wait_event = 'PgSleep')",
        )
        .fetch_one(&mut *admin)
        .await
        .expect("the server is up");
        if reading {
            return;
        }
        assert!(Instant::now() < deadline, "the task does not read the view");
        admin.ping().await.expect("the server is up");
    }
}
